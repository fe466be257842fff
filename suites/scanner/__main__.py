"""``python -m suites.scanner scan``: attacks on any HTTP API, from its OpenAPI 3 file.

Exit codes: 0 nothing found (notes do not count), 1 something found, 2 wrong usage, 3 the service or
a part of it could not be tested.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import yaml

from suites.probes.api import Endpoint
from suites.probes.openapi import endpoints, token_header
from suites.probes.severity import Level
from suites.scanner.grouping import Finding, findings
from suites.scanner.output import Report, as_json, as_text, printable
from suites.scanner.reproduction import Replacements
from suites.scanner.result import ScanResult
from suites.scanner.sarif import sarif
from suites.scanner.scan import Accounts, Choice, Scan
from suites.scanner.scan_reasons import reasons
from suites.scanner.sending import Budget, HttpSender, NotAllowedError, UnreachableError
from suites.scanner.session import Login, LoginFailedError

PASSWORD_VARIABLE, TOKEN_VARIABLE = "SCAN_PASSWORD", "SCAN_TOKEN"
PASSWORD2_VARIABLE, ADMIN_VARIABLE = "SCAN_PASSWORD2", "SCAN_ADMIN_PASSWORD"
NOTHING, FOUND, USAGE, NOT_LOOKED_AT = 0, 1, 2, 3
MAX_BYTES = 5_000_000
MAX_MESSAGE = 500
MAX_REQUESTS = 200_000
BAR = 24


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m suites.scanner", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    scan = commands.add_parser(
        "scan", help="look for weaknesses; the scan sends attacks only to loopback addresses"
    )
    scan.add_argument("--openapi", required=True, type=Path, metavar="FILE")
    scan.add_argument("--url", required=True, help="scheme, host and port; loopback only")
    _add_accounts(scan)
    _add_scope(scan)
    _add_output(scan)
    return top


def _add_accounts(scan: argparse.ArgumentParser) -> None:
    """The options that name the users of a scan."""
    scan.add_argument(
        "--login",
        metavar="OPERATION",
        help="the operationId of the log-in; the password is read from SCAN_PASSWORD",
    )
    scan.add_argument("--user", default="", help="the name of the user who logs in")
    scan.add_argument(
        "--user2",
        default="",
        metavar="NAME",
        help="a second user of the same rights; password in SCAN_PASSWORD2, else SCAN_PASSWORD",
    )
    scan.add_argument(
        "--admin",
        default="",
        metavar="NAME",
        help="an administrator; password in SCAN_ADMIN_PASSWORD, else SCAN_PASSWORD",
    )
    scan.add_argument(
        "--token",
        action="store_true",
        help="send the bearer token in SCAN_TOKEN instead of logging in",
    )


def _add_scope(scan: argparse.ArgumentParser) -> None:
    """The options that say what a scan tries, and for how long."""
    scan.add_argument(
        "--own-host",
        default="",
        metavar="HOST",
        help="the host of the service's own pages; origins that look like it are tried",
    )
    scan.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="OPERATION",
        help="leave an operation out: operationId, path, or 'METHOD /path'; may be repeated",
    )
    scan.add_argument(
        "--destructive",
        action="store_true",
        help="also attack deletions, and operations whose names suggest that they destroy data",
    )
    scan.add_argument(
        "--time-budget",
        type=float,
        default=900.0,
        metavar="SECONDS",
        help="end the scan after this time, and report its findings (900)",
    )
    scan.add_argument(
        "--timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long one answer may take; 10",
    )


def _add_output(scan: argparse.ArgumentParser) -> None:
    """The options that say what a scan prints and writes."""
    scan.add_argument(
        "--sarif",
        type=Path,
        metavar="FILE",
        help="also write SARIF 2.1.0, from the first finding on",
    )
    scan.add_argument("--json", action="store_true", help="print JSON instead of text")
    scan.add_argument(
        "--details",
        action="store_true",
        help="print for each rule what was tried and what could not be tried",
    )


def main() -> int:
    """Run the command line; the docstring of the module lists the exit codes."""
    options = parser().parse_args()
    try:
        return run(options)
    except (UnreachableError, LoginFailedError) as error:
        _complain(f"{error}: nothing can be said")
        return NOT_LOOKED_AT
    except (OSError, ValueError, KeyError, NotAllowedError, yaml.YAMLError) as error:
        _complain(f"{type(error).__name__}: {error}")
        return USAGE
    except KeyboardInterrupt:
        _complain("the scan was stopped before the first attack, so it has no result")
        return NOT_LOOKED_AT
    except Exception as error:  # noqa: BLE001 - exit code 1 would say that something was found
        _complain(f"broken: {type(error).__name__}: {error}")
        return NOT_LOOKED_AT


def _complain(message: str) -> None:
    print(printable(f"scan: {message}"[:MAX_MESSAGE]), file=sys.stderr)  # noqa: T201 - a command line prints


def run(options: argparse.Namespace) -> int:
    """Scan, print the result, and return the exit code.

    Raises:
        UnreachableError: the service does not answer.
        LoginFailedError: the log-in failed.
        NotAllowedError: the address is not a loopback address.
        ValueError: an option or the OpenAPI file is wrong.
    """
    if options.time_budget <= 0 or options.timeout <= 0:
        raise ValueError("--time-budget and --timeout need a positive number of seconds")
    content = document(options.openapi)
    operations = endpoints(content)
    _known(options.exclude, operations)
    budget = Budget(options.time_budget)
    sender = HttpSender(options.url.rstrip("/"), {"User-Agent": "kirana-probes"}, budget=budget,
                        seconds=options.timeout, max_requests=MAX_REQUESTS)  # fmt: skip
    accounts = _accounts(options, operations, token_header(content))
    choice = Choice(options.own_host, tuple(options.exclude), options.destructive)
    scan = Scan(operations, sender, accounts, choice)
    if options.sarif:
        options.sarif.write_text("")  # a file that cannot be written ends the scan before it starts
        scan.result.on_finding = lambda result: _write_sarif(options.sarif, result, accounts)
    with _progress(scan, budget), _terminated_as_interrupted():
        result = scan.run()
    if options.sarif:
        _write_sarif(options.sarif, result, accounts)
    report = _report(scan, options.url, budget, accounts)
    output = (
        json.dumps(as_json(report), indent=1)
        if options.json
        else "\n".join(as_text(report, details=options.details))
    )
    print(output)  # noqa: T201 - a command line prints
    return exit_code(result)


def exit_code(result: ScanResult) -> int:
    """The code for a finding, for a part that could not be tested, or for no finding."""
    if any(finding.severity.level is not Level.NOTE for finding in findings(result.findings)):
        return FOUND
    return NOT_LOOKED_AT if result.problems else NOTHING


def _report(scan: Scan, url: str, budget: Budget, accounts: Accounts) -> Report:
    survey = scan.survey
    known = tuple(survey.accounts()) if survey else ()
    if survey is not None:
        for variable, login in ((PASSWORD_VARIABLE, accounts.user),
                                (PASSWORD2_VARIABLE, accounts.user2),
                                (ADMIN_VARIABLE, accounts.admin)):  # fmt: skip
            if login is not None:
                survey.nobody.watch.variables.setdefault(login.password, variable)
    return Report(
        scan.result,
        known,
        _replacements(scan),
        url,
        time.monotonic() - budget.started,
        budget.requests,
        reasons(survey),
    )


def _replacements(scan: Scan) -> Replacements:
    """What curl lines write instead of secrets and of names that must be new."""
    survey = scan.survey
    if survey is None:
        return Replacements({})
    watch, registration = survey.nobody.watch, survey.registration
    address = f"{scan.sender.base}{registration.endpoint.path}" if registration else ""
    return Replacements(watch.variables, survey.nonce, frozenset(watch.names), address)


def _counted(finding: Finding) -> str:
    """The sentence of a finding, with the number of its observations."""
    sentence = finding.first.sentence
    return f"{sentence} ({finding.count} times)" if finding.count > 1 else sentence


def _write_sarif(path: Path, result: ScanResult, accounts: Accounts) -> None:
    """Write the findings so far, one for each cause; the file is replaced at once."""
    logins = filter(None, (accounts.user, accounts.user2, accounts.admin))
    secrets = tuple(filter(None, (accounts.token, *(login.password for login in logins))))
    grouped = [
        replace(finding.first, sentence=_counted(finding)) for finding in findings(result.findings)
    ]
    text = json.dumps(sarif(grouped, secrets), indent=1)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@contextlib.contextmanager
def _progress(scan: Scan, budget: Budget) -> Iterator[None]:
    """A progress bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return

    def show(name: str, done: int, total: int) -> None:
        full = round(BAR * min(1.0, done / max(1, total)))
        seconds = time.monotonic() - budget.started
        bar = "#" * full + "." * (BAR - full)
        counts = f"{budget.requests:,} requests, {len(scan.result.findings)} weak places"
        line = f"[{bar}] {done}/{total} {name}, {counts}, {seconds:.0f} s"
        print(f"\r\x1b[K{printable(line)[:150]}", end="", file=sys.stderr, flush=True)  # noqa: T201

    scan.on_progress = show
    try:
        yield
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201 - a command line prints


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends the scan as Ctrl-C does: with what it found."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def document(path: Path) -> Mapping[str, Any]:
    """An OpenAPI file, YAML or JSON.

    Raises:
        ValueError: the file is too large, or holds no mapping.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is over {MAX_BYTES} bytes")
    text = path.read_text(encoding="utf-8")
    content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no OpenAPI document")  # noqa: TRY004 - content of a file
    return content


class _Loader(yaml.SafeLoader):
    """Reads dates as texts, as in JSON."""

    yaml_implicit_resolvers: ClassVar = {  # type: ignore[misc]
        first: [resolver for resolver in resolvers if resolver[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _known(names: list[str], operations: tuple[Endpoint, ...]) -> None:
    """Refuse the name of an operation that the file does not have."""
    known = {
        text
        for operation in operations
        for text in (operation.name, operation.path, f"{operation.method} {operation.path}")
    }
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"--exclude: no operation {unknown[0]!r}")


def _accounts(
    options: argparse.Namespace, operations: tuple[Endpoint, ...], header: str
) -> Accounts:
    token = os.environ[TOKEN_VARIABLE] if options.token else ""
    if options.token and not token.strip():
        raise ValueError(f"{TOKEN_VARIABLE} is blank")
    user = _login(options, operations, header)
    others: dict[str, Login | None] = {}
    for name, variable in (("user2", PASSWORD2_VARIABLE), ("admin", ADMIN_VARIABLE)):
        user_name = getattr(options, name)
        if user_name and user is None:
            raise ValueError(f"--{name} needs --login and --user")
        password = os.environ.get(variable) or os.environ.get(PASSWORD_VARIABLE, "")
        others[name] = (
            replace(user, name=user_name, password=password) if user_name and user else None
        )
    return Accounts(user, others["user2"], others["admin"], token, header)


def _login(
    options: argparse.Namespace, operations: tuple[Endpoint, ...], header: str
) -> Login | None:
    if not options.login:
        return None
    matching = [operation for operation in operations if operation.name == options.login]
    if not matching:
        raise ValueError(f"no operation {options.login!r} in {options.openapi}")
    if not options.user or PASSWORD_VARIABLE not in os.environ:
        raise ValueError(f"--login needs --user, and the password in {PASSWORD_VARIABLE}")
    return Login(matching[0], options.user, os.environ[PASSWORD_VARIABLE], header)


if __name__ == "__main__":
    sys.exit(main())
