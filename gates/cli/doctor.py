"""``gates doctor``: show what the gate can and cannot read of a target."""

import argparse
import json

from gates import places
from gates.doctor.parts import examine_parts
from gates.doctor.report import Line, Sight
from gates.doctor.scraping import examine_scraping
from gates.doctor.series import examine_series
from gates.exitcodes import ExitCode
from gates.policy import policy_file, target_file
from reports.terminal import printable

KIND, SCHEMA = "doctor", 1


def doctor(arguments: argparse.Namespace) -> int:
    """Run ``gates doctor``: print a line for each part of the target, and how to mend each failure.

    Returns:
        0 where the gate can read everything that the policy needs, else 3.
    """
    policy = policy_file.load(places.policy(arguments.policy).path)
    target = target_file.load(arguments.target, places.targets(arguments.targets).path)
    lines = [
        *examine_parts(target),
        *examine_series(policy, target),
        *examine_scraping(policy, target),
    ]
    failed = sum(line.sight is Sight.FAIL for line in lines)
    if arguments.json:
        print(json.dumps(_document(target.name, lines), indent=2))
    else:
        for line in lines:
            print("\n".join(map(printable, str(line).split("\n"))))
        print(f"{len(lines) - failed} of {len(lines)} lines show no failure")
    return ExitCode.HOLD if failed else ExitCode.GO


def _document(target: str, lines: list[Line]) -> dict[str, object]:
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "target": target,
        "lines": [
            {
                "subject": line.subject,
                "sight": line.sight.value.lower(),
                "text": line.text,
                "mend": line.mend,
            }
            for line in lines
        ],
    }
