"""The verification suites. Each test is one check of a target.

smoke, integration, performance, security  the checks
contract       the store's API; no other module writes a path
client         calls operations by id, compares every answer with the contract, masks secrets
database       what the checks know of the store's database: invariants, structure, replication
collector      checks of the database without pytest, for a ramp
testdata       users and products of a run, and the removal of what ended runs left
probes         interactions with any HTTP API that return observations and assert nothing
inspection     observations of what surrounds the API: edge, transport, metrics, history
scanner        runs every probe on an API that an OpenAPI file describes
pytest_plugin  options, fixtures, the run record, and the messages of failing checks
"""
