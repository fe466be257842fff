"""The release gate: evidence in, decision out.

model       the values that cross module boundaries
policy      reads the release policy
target      reads the description of a deployed thing
sources     measure the target: its health answer, Prometheus samples
evidence    writes and reads what the suites saw
conditions  what one objective concludes from the evidence
judge       what a stage's objectives decide together
ledger      remembers every decision
cli         the ``gates`` command
"""

__version__ = "0.1.0"
