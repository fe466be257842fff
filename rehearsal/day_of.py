"""Does the steps of the deployment day: runs the suites on green, signs, and asks the gate."""

from pathlib import Path

import suites
from gates.cli.printing import print_decision
from gates.decisions import Context, decide, record
from gates.model import Decision, Outcome, SignOffObjective, Stage, StageRole
from rehearsal.parts import run_command, say

SUITES = Path(suites.__file__).parent
SUITES_SECONDS = 600.0
# Some checks of a suite failed: the gate decides what follows.
CHECKS_FAILED = 1


def run_suites(context: Context, marks: str) -> None:
    """Run suites on green; failed checks are no error, because the gate judges them later.

    Args:
        context: the target, the policy and the folders.
        marks: the suites to run, as an expression of pytest's marks.

    Raises:
        RehearsalError: the suites could not be run.
    """
    say(f"suites on {context.target.name}: {marks}")
    output = run_command(
        "pytest",
        str(SUITES),
        "-m",
        marks,
        "--target",
        context.target.name,
        f"--targets={context.targets}",
        f"--out={context.out}",
        f"--policy={context.policy_file}",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:locust",
        seconds=SUITES_SECONDS,
        accepted=(0, CHECKS_FAILED),
    )
    lines = [line for line in output.splitlines() if line.strip()]
    say(lines[-1] if lines else "the suites printed nothing")


def ask_day_of(context: Context, person: str) -> Decision | None:
    """Sign the items of the stage with the role ``day_of``, and ask the gate.

    Args:
        context: the target, the policy and the folders.
        person: the name of the person who signs every item; empty where nobody signs.

    Returns:
        The decision, which is in the ledger and printed; None where the policy has no such stage.
    """
    stages = (stage for stage in context.policy.stages if stage.role is StageRole.DAY_OF)
    stage = next(stages, None)
    if stage is None:
        say('the policy has no stage with role = "day_of", so nothing is asked before the ramp')
        return None
    items = [item for item in stage.objectives if isinstance(item, SignOffObjective)]
    if person:
        _sign(context, stage, items, person)
    answer = decide(context, stage)
    document = record(context, answer)
    print_decision(document, context.out, as_json=False)
    if answer.decision.outcome is not Outcome.GO and items and not person:
        say(
            f"people must sign {len(items)} items of {stage.name}; in a rehearsal, use "
            "--sign-as NAME"
        )
    return answer.decision


def _sign(context: Context, stage: Stage, items: list[SignOffObjective], person: str) -> None:
    """Sign every item; if an item needs several people, the later names are NAME 2, NAME 3."""
    for item in items:
        for number in range(1, item.people + 1):
            name = person if number == 1 else f"{person} {number}"
            run_command(
                "gates",
                "sign",
                item.name,
                "--stage",
                stage.name,
                "--target",
                context.target.name,
                "--targets",
                str(context.targets),
                "--policy",
                context.policy_file,
                "--out",
                str(context.out),
                "--by",
                name,
                "--note",
                "signed for a rehearsal",
            )
    say(f"{person} signed {len(items)} items of {stage.name}")
