"""The verification suites. Each test is one check of a target.

smoke, integration, performance, platform, security  are the folders of checks
contract       describes the store's API; only this module contains the paths of operations
client         sends requests by operation id, compares responses with the contract, masks secrets
database       verifies the store's database: its invariants, structure and replication
collector      runs checks of the database without pytest, for a ramp
testdata       makes the users and products of a run, and removes the data of ended runs
monitoring     reads the rules, alerts and dashboards, and finds their flaws
backup         takes, verifies and restores backups of the database
balancer       observes how the balancer distributes requests
side_effects   compares the changes of each request with the effects in the contract
consistency    has the integration checks of other users, other times and one moment
probes         interact with any HTTP API, return observations, and assert nothing
inspection     observes what is around the API: edge, TLS, metrics, packages, git history
problem        defines the problem of a check, which fails or is inconclusive
scanner        runs every probe on an API that an OpenAPI file describes
pytest_plugin  has the options, the fixtures, the run record, and the messages of failed checks
"""
