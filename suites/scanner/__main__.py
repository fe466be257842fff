"""``python -m suites.probes scan``: the probes on any HTTP API, from its OpenAPI 3 file.

Exit codes: 0 nothing found, 1 something found, 2 wrong usage, 3 it could not be looked at.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from suites.probes.api import Endpoint, Observation
from suites.probes.openapi import endpoints
from suites.probes.rules import RULES
from suites.scanner.sarif import curl, fingerprint, sarif
from suites.scanner.scan import Scan, pages_to_show
from suites.scanner.sending import HttpSender, NotAllowedError, UnreachableError
from suites.scanner.session import Login, LoginFailedError

if TYPE_CHECKING:
    from playwright.sync_api import Page

PASSWORD_VARIABLE = "SCAN_PASSWORD"  # noqa: S105 - the name of a variable
TOKEN_VARIABLE = "SCAN_TOKEN"  # noqa: S105
FOUND, USAGE, NOT_LOOKED_AT = 1, 2, 3
MOST_BYTES = 5_000_000


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m suites.probes", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    scan_ = commands.add_parser("scan", help="look for weaknesses; sends attacks, so only at home")
    scan_.add_argument("--openapi", required=True, type=Path, metavar="FILE")
    scan_.add_argument("--url", required=True, help="scheme, host and port; loopback only")
    scan_.add_argument(
        "--login",
        metavar="OPERATION",
        help="the log-in's operationId; the password is read from SCAN_PASSWORD",
    )
    scan_.add_argument("--user", default="", help="who logs in")
    scan_.add_argument(
        "--token",
        action="store_true",
        help="send the bearer token in SCAN_TOKEN instead of logging in",
    )
    scan_.add_argument("--sarif", type=Path, metavar="FILE", help="also write SARIF 2.1.0")
    scan_.add_argument("--json", action="store_true", help="print JSON instead of text")
    return top


def main() -> int:
    """Run the command line; see the module's docstring for the exit code."""
    options = parser().parse_args()
    try:
        return run(options)
    except (UnreachableError, LoginFailedError) as error:
        print(f"scan: {error}: nothing can be said", file=sys.stderr)  # noqa: T201
        return NOT_LOOKED_AT
    except (OSError, ValueError, KeyError, NotAllowedError, yaml.YAMLError) as error:
        print(f"scan: {type(error).__name__}: {error}"[:500], file=sys.stderr)  # noqa: T201
        return USAGE
    except Exception as error:  # noqa: BLE001 - a broken scan must not read as a finding, or as none
        print(f"scan: broken: {type(error).__name__}: {error}"[:500], file=sys.stderr)  # noqa: T201
        return NOT_LOOKED_AT


def run(options: argparse.Namespace) -> int:
    """Scan, and print what was seen; raises what makes a scan say nothing."""
    known = endpoints(document(options.openapi))
    sender = HttpSender(options.url.rstrip("/"), {"User-Agent": "kirana-probes"})
    login = _login(options, known)
    token = os.environ[TOKEN_VARIABLE] if options.token else ""
    if options.token and not token.strip():
        raise ValueError(f"{TOKEN_VARIABLE} is blank")
    if options.sarif:
        options.sarif.write_text("")  # before the work, not after it
    whole = Scan(known, sender, login, token).run()
    seen, left = whole.observations, whole.left
    seen += in_browser(known, sender)
    if any(one.rule == "xss-reflected" for one in seen):
        left.pop("xss-reflected", None)
    secrets = tuple(filter(None, (token, login.password if login else "")))
    if options.sarif:
        options.sarif.write_text(json.dumps(sarif(seen, secrets), indent=1))
    if options.json:
        told = {**as_json(seen, left), "not_looked_at": [*whole.problems, *whole.notes]}
        print(json.dumps(told, indent=1))  # noqa: T201
    else:
        print("\n".join(as_text(seen, left)))  # noqa: T201
        for one in (*whole.problems, *whole.notes):
            print(f"not looked at: {one}")  # noqa: T201
    if any(one.found for one in seen):
        return FOUND
    return NOT_LOOKED_AT if whole.problems else 0


def document(path: Path) -> Mapping[str, Any]:
    """An OpenAPI file, YAML or JSON.

    Raises:
        ValueError: it is too large, or no mapping.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} is over {MOST_BYTES} bytes")
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe one
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no OpenAPI document")  # noqa: TRY004 - the file's content
    return content


class _Loader(yaml.SafeLoader):
    """Dates stay texts, as they are in JSON."""

    yaml_implicit_resolvers: ClassVar = {  # type: ignore[misc]
        first: [one for one in rules if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _login(options: argparse.Namespace, known: tuple[Endpoint, ...]) -> Login | None:
    if not options.login:
        return None
    named = [one for one in known if one.name == options.login]
    if not named:
        raise ValueError(f"no operation {options.login!r} in {options.openapi}")
    if not options.user or PASSWORD_VARIABLE not in os.environ:
        raise ValueError(f"--login needs --user, and the password in {PASSWORD_VARIABLE}")
    return Login(named[0], options.user, os.environ[PASSWORD_VARIABLE])


def in_browser(known: tuple[Endpoint, ...], sender: HttpSender) -> list[Observation]:
    """Whether values run as scripts in pages that show them."""
    shown = pages_to_show(known, sender)
    if not shown:
        return []
    from suites.client.pages import browser
    from suites.probes.browser import Shown, runs

    with browser() as opened:
        page = opened.new_page()
        return [
            seen
            for place, address in shown
            for seen in runs(page, Shown("xss-reflected", place, _goes(address)))
        ]


def _goes(address: Callable[[str], str]) -> Callable[["Page", str], None]:
    from playwright.sync_api import Error

    def show(page: "Page", payload: str) -> None:
        with contextlib.suppress(Error):  # a download, or no answer: nothing was shown
            page.goto(address(payload))

    return show


def as_json(seen: list[Observation], left: Mapping[str, str]) -> dict[str, Any]:
    """Findings, and what was said of every probe."""
    return {
        "findings": [
            {"rule": one.rule, "cwe": RULES[one.rule].cwe, "place": one.place,
             "sentence": one.sentence, "fingerprint": fingerprint(one)}
            for one in seen if one.found
        ],
        "probes": {name: _outcome(name, seen, left) for name in RULES},
    }  # fmt: skip


def _outcome(name: str, seen: list[Observation], left: Mapping[str, str]) -> str:
    if name in left:
        return f"not applicable: {left[name]}"
    mine = [one for one in seen if one.rule == name]
    found = sum(one.found for one in mine)
    return f"{found} findings" if found else f"no finding in {len(mine)} places"


def as_text(seen: list[Observation], left: Mapping[str, str]) -> list[str]:
    """The same for a person: findings first, one each for rule and place."""
    lines = []
    for one in seen:
        if one.found:
            rule = RULES[one.rule]
            lines.append(f"FINDING  {rule.name} (CWE-{rule.cwe}, ASVS {rule.asvs}): {one.sentence}")
            if one.exchange:
                lines.append(f"         again: {curl(one.exchange)}")
    return [*lines, *(f"{name:<24}{_outcome(name, seen, left)}" for name in RULES)]


if __name__ == "__main__":
    sys.exit(main())
