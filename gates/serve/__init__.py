"""The HTTP server of the gate: pipelines ask it for decisions, and people watch the release.

settings          what the command line and the environment say
access            who may send a request: a bearer token, a client certificate, or loopback
request_bodies    reads the body of a request within limits of size and time
questions         answers questions in threads; equal questions at the same time share a decision
decision_answers  decisions as answers for programs, for Argo Rollouts and for Flagger
kept_ledger       the content of the ledger, read again only after a change
live_page         the release report, and an event for each new version of it
metrics_text      decisions and findings as metrics in the text format of Prometheus
application       the paths, and the answer to each error
server            the process: the socket, TLS and the limits of a connection
"""
