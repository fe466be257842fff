"""The release gate: a library that collects evidence about a release, and returns a decision.

A program imports this package, and ``gates.model`` for the classes that evidence consists of.
``docs/library.md`` has three examples. This package imports each exported name at its first use.

The packages inside ``gates``:

model      defines the classes of the values that modules pass to each other
policy     reads policies, targets and schedules, and finds mistakes in them
sources    reads the health response of the target, and samples from Prometheus
evidence   collects the evidence that a decision is based on
judging    judges the evidence, and returns the decision
statistics has the exact statistical tests that the judge uses
signing    writes and verifies sign-offs, overrides and revocations by people
attestation  signs statements about decisions, and verifies signed statements
ledger     appends decisions, moves and statements to one file, and verifies the file
collector  runs the checks of the database that an objective needs, in another process
serve      serves decisions to pipelines over HTTP
ramp       moves traffic to the canary step by step, and back to the baseline
routers    has one module for each kind of traffic router
backtest   judges recordings of earlier ramps
process    has the parts that every command shares: options, output, time limits, signals
coverage   lists the objectives that decide each item of the deployment guide
release_report  collects the contents of the release report
doctor     finds out why a policy's indicators have no samples on a target
new_store  writes a target file and a starting policy for another store
cli        is the ``gates`` command
"""

TYPE_CHECKING = False  # as in ``typing``, which takes longer to import than this package
if TYPE_CHECKING:
    from gates.api import check, load_policy, load_target
    from gates.errors import ConfigurationError, GatesError, LedgerError, UnknownNameError
    from gates.exitcodes import EXIT_CODES, ExitCode
    from gates.judging.decide import judge
    from gates.model import (
        Decision,
        Evidence,
        Finding,
        Measured,
        Measurement,
        Outcome,
        Policy,
        Stage,
        Target,
        Verdict,
    )

__version__ = "0.2.0"
__all__ = [
    "EXIT_CODES",
    "ConfigurationError",
    "Decision",
    "Evidence",
    "ExitCode",
    "Finding",
    "GatesError",
    "LedgerError",
    "Measured",
    "Measurement",
    "Outcome",
    "Policy",
    "Stage",
    "Target",
    "UnknownNameError",
    "Verdict",
    "__version__",
    "check",
    "judge",
    "load_policy",
    "load_target",
]
_MODULES = {
    "gates.api": ("check", "load_policy", "load_target"),
    "gates.errors": ("ConfigurationError", "GatesError", "LedgerError", "UnknownNameError"),
    "gates.exitcodes": ("EXIT_CODES", "ExitCode"),
    "gates.judging.decide": ("judge",),
    "gates.model": (
        "Decision",
        "Evidence",
        "Finding",
        "Measured",
        "Measurement",
        "Outcome",
        "Policy",
        "Stage",
        "Target",
        "Verdict",
    ),
}

if not TYPE_CHECKING:  # a type checker must find unknown names, which this function hides

    def __getattr__(name: str) -> object:
        """Import an exported name when it is first used (PEP 562)."""
        from importlib import import_module

        for module, names in _MODULES.items():
            if name in names:
                value = getattr(import_module(module), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the exported names, and the names that are already imported."""
    return sorted({*globals(), *__all__})
