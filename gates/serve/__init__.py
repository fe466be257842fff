"""The HTTP server of the gate: pipelines request decisions, and people watch the release.

settings          has the settings of the command line and of the environment
access            allows a request with a token or client certificate, or directly from this machine
request_bodies    reads the body of a request within limits of size and time
questions         makes the decisions in threads; equal requests at the same time share a decision
decision_answers  sends decisions as responses to programs, Argo Rollouts and Flagger
kept_ledger       stores the content of the ledger, and reads the ledger again only after a change
live_page         serves the release report, and an event for each new version of the report
metrics_text      writes decisions and findings as metrics in the text format of Prometheus
application       defines the paths, and the response to each error
server            runs the process: the socket, TLS and the limits of a connection
"""
