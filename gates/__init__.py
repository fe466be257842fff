"""The release gate: evidence in, decision out.

A program needs no other module than this, and ``gates.model`` for the parts of evidence;
``docs/library.md`` has three examples. The names below are imported when they are first used.

The packages inside:

model      the values that cross module boundaries
policy     reads policies, targets and schedules, and finds mistakes in them
sources    measure the target: its health answer, samples of Prometheus
evidence   collects what a decision is based on
judging    decides: evidence in, decision out
statistics the exact tests that the judge uses
signing    sign-offs, overrides and revocations by people
attestation  signed statements about decisions, and their verification
serve      answers pipelines over HTTP
ramp       moves traffic step by step, and back
routers    the kinds of traffic router
backtest   judges recordings
process    exit codes and output of a command
coverage   shows which objectives decide the items of the deployment guide
cli        the ``gates`` command
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
        "Decision", "Evidence", "Finding", "Measured", "Measurement", "Outcome", "Policy", "Stage",
        "Target", "Verdict",
    ),
}  # fmt: skip

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
    """The exported names, and what is imported by now."""
    return sorted({*globals(), *__all__})
