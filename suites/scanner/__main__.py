"""``python -m suites.scanner scan`` attacks an HTTP API that an OpenAPI 3 file describes.

Exit codes: 0 the scan found nothing (notes do not count), 1 it found a weakness, 2 wrong usage,
3 it could not test the service or a part of the service.
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

from gates.process.durations import duration_option
from gates.process.progress import Progress
from suites.probes.api import Endpoint
from suites.probes.openapi import endpoints, token_header
from suites.probes.severity import Level
from suites.scanner.grouping import Finding, findings
from suites.scanner.output import Report, as_json, as_text, printable
from suites.scanner.reproduction import Replacements
from suites.scanner.result import ScanResult
from suites.scanner.sarif import sarif, write
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
MAX_PROGRESS = 120


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m suites.scanner", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    scan = commands.add_parser(
        "scan", help="look for weaknesses of a service; only loopback addresses are attacked"
    )
    scan.add_argument(
        "--openapi",
        required=True,
        type=Path,
        metavar="FILE",
        help="the OpenAPI 3 file of the service",
    )
    scan.add_argument(
        "--url", required=True, help="scheme, host and port of the service; loopback only"
    )
    _add_accounts(scan)
    _add_scope(scan)
    _add_output(scan)
    return top


def _add_accounts(scan: argparse.ArgumentParser) -> None:
    """Add the options that name the users of a scan."""
    scan.add_argument(
        "--login",
        metavar="OPERATION",
        help="the operationId of the log-in; its password is in the environment variable "
        "SCAN_PASSWORD",
    )
    scan.add_argument("--user", default="", help="the name of the user who logs in")
    scan.add_argument(
        "--user2",
        default="",
        metavar="NAME",
        help="a second user with the same rights; the environment variable SCAN_PASSWORD2 has the "
        "password; if it is not set, the scan uses SCAN_PASSWORD",
    )
    scan.add_argument(
        "--admin",
        default="",
        metavar="NAME",
        help="an administrator; the environment variable SCAN_ADMIN_PASSWORD has the password; if "
        "it is not set, the scan uses SCAN_PASSWORD",
    )
    scan.add_argument(
        "--token",
        action="store_true",
        help="do not log in; send the bearer token from the environment variable SCAN_TOKEN",
    )


def _add_scope(scan: argparse.ArgumentParser) -> None:
    """Add the options that limit the scope and the time of a scan."""
    scan.add_argument(
        "--own-host",
        default="",
        metavar="HOST",
        help="the host of the service's own pages; to check CORS, the scan sends requests with "
        "similar hosts in the header Origin",
    )
    scan.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="OPERATION",
        help="do not attack this operation: operationId, path, or 'METHOD /path'; may be repeated",
    )
    scan.add_argument(
        "--destructive",
        action="store_true",
        help="also send attacks to DELETE operations, and to operations whose names suggest that "
        "they destroy data; without this option, the scan deletes only objects and accounts that "
        "it created",
    )
    scan.add_argument(
        "--time-budget",
        type=duration_option(),
        default=900.0,
        metavar="TIME",
        help="end the scan after this time, and report the findings so far (default 15m)",
    )
    scan.add_argument(
        "--timeout",
        type=duration_option(),
        default=10.0,
        metavar="TIME",
        help="the longest time to wait for one response (default 10s)",
    )


def _add_output(scan: argparse.ArgumentParser) -> None:
    """Add the options that select what a scan prints and writes."""
    scan.add_argument(
        "--sarif",
        type=Path,
        metavar="FILE",
        help="also write the findings to this SARIF 2.1.0 file, again after each new finding",
    )
    scan.add_argument("--json", action="store_true", help="print JSON instead of text")
    scan.add_argument(
        "--details",
        action="store_true",
        help="also print for each rule what was tried, and what could not be tried and why",
    )


def main() -> int:
    """Run the command line; the docstring of the module lists the exit codes."""
    options = parser().parse_args()
    try:
        return run(options)
    except (UnreachableError, LoginFailedError) as error:
        _complain(f"{error}: the scan could not start, so it has no result")
        return NOT_LOOKED_AT
    except (OSError, ValueError, KeyError, NotAllowedError, yaml.YAMLError) as error:
        _complain(f"{type(error).__name__}: {error}")
        return USAGE
    except KeyboardInterrupt:
        _complain("the scan was stopped before the first attack, so it has no result")
        return NOT_LOOKED_AT
    except Exception as error:  # noqa: BLE001 - exit code 1 would say that something was found
        _complain(f"internal error, so the scan has no result: {type(error).__name__}: {error}")
        return NOT_LOOKED_AT


def _complain(message: str) -> None:
    print(printable(f"scan: {message}"[:MAX_MESSAGE]), file=sys.stderr)  # noqa: T201 - a command line prints


def run(options: argparse.Namespace) -> int:
    """Scan the service, print the result, and return the exit code.

    Args:
        options: the parsed command line.

    Raises:
        UnreachableError: the service does not answer.
        LoginFailedError: the log-in failed.
        NotAllowedError: the address of the service is not a loopback address.
        ValueError: an option, the OpenAPI file or an environment variable is wrong.
    """
    content = document(options.openapi)
    operations = endpoints(content)
    _known(options.exclude, operations)
    budget = Budget(options.time_budget)
    sender = HttpSender(
        options.url.rstrip("/"),
        {"User-Agent": "kirana-probes"},
        budget=budget,
        seconds=options.timeout,
        max_requests=MAX_REQUESTS,
    )
    accounts = _accounts(options, operations, token_header(content))
    choice = Choice(options.own_host, tuple(options.exclude), options.destructive)
    scan = Scan(operations, sender, accounts, choice)
    if options.sarif:
        options.sarif.write_text("")  # a file that cannot be written ends the scan before it starts
        scan.result.on_finding = lambda result: _write_sarif(options.sarif, result, accounts)
    with _progress(scan, budget), stopped_by_signals(sender):
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
    """Return the exit code: 1 after a finding (except notes), else 3 after a problem, else 0."""
    if any(finding.severity.level is not Level.NOTE for finding in findings(result.findings)):
        return FOUND
    return NOT_LOOKED_AT if result.problems else NOTHING


def _report(scan: Scan, url: str, budget: Budget, accounts: Accounts) -> Report:
    survey = scan.survey
    known = tuple(survey.accounts()) if survey else ()
    if survey is not None:
        for variable, login in (
            (PASSWORD_VARIABLE, accounts.user),
            (PASSWORD2_VARIABLE, accounts.user2),
            (ADMIN_VARIABLE, accounts.admin),
        ):
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
    """Return the secrets and names that curl lines replace, and the texts that replace them."""
    survey = scan.survey
    if survey is None:
        return Replacements({})
    watch, registration = survey.nobody.watch, survey.registration
    address = f"{scan.sender.base}{registration.endpoint.path}" if registration else ""
    return Replacements(watch.variables, survey.nonce, frozenset(watch.names), address)


def _counted(finding: Finding) -> str:
    """Return the sentence of a finding, with the number of its observations."""
    sentence = finding.first.sentence
    return f"{sentence} ({finding.count} times)" if finding.count > 1 else sentence


def _write_sarif(path: Path, result: ScanResult, accounts: Accounts) -> None:
    """Write the findings so far, one for each cause; replace the file in one step."""
    logins = filter(None, (accounts.user, accounts.user2, accounts.admin))
    secrets = tuple(filter(None, (accounts.token, *(login.password for login in logins))))
    grouped = [
        replace(finding.first, sentence=_counted(finding)) for finding in findings(result.findings)
    ]
    write(path, sarif(grouped, secrets))


@contextlib.contextmanager
def _progress(scan: Scan, budget: Budget) -> Iterator[None]:
    """Show the progress on stderr while the block runs."""
    progress = Progress(1.0)

    def show(name: str, done: int, total: int) -> None:
        seconds = time.monotonic() - budget.started
        counts = f"{budget.requests:,} requests, {len(scan.result.findings)} weak places"
        text = f"{done}/{total} {name}, {counts}, {seconds:.0f} s"
        progress.show(done / max(1, total), printable(text)[:MAX_PROGRESS])

    scan.on_progress = show
    try:
        yield
    finally:
        progress.end()


@contextlib.contextmanager
def stopped_by_signals(sender: HttpSender) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the scan: the scan reports the findings so far.

    Python drops an exception of a finalizer, for example while it closes a response. So the sender
    is stopped, too, and the next request ends the scan.
    """

    def stop(*_: object) -> None:
        sender.is_stopped = True
        raise KeyboardInterrupt

    # A scan in the background that ignores Ctrl-C goes on to ignore it.
    is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    numbers = [signal.SIGTERM] if is_ignored else [signal.SIGTERM, signal.SIGINT]
    handlers = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def document(path: Path) -> Mapping[str, Any]:
    """Read an OpenAPI file, YAML or JSON, and return its content.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is too large, or its content is not a mapping.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than the limit of {MAX_BYTES} bytes")
    text = path.read_text(encoding="utf-8")
    content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    if not isinstance(content, dict):
        raise ValueError(  # noqa: TRY004 - content of a file
            f"{path} is not an OpenAPI file; expected a mapping of keys to values"
        )
    return content


class _Loader(yaml.SafeLoader):
    """Reads dates in YAML as texts, as a JSON reader does."""

    yaml_implicit_resolvers: ClassVar = {  # type: ignore[misc]
        first: [resolver for resolver in resolvers if resolver[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _known(names: list[str], operations: tuple[Endpoint, ...]) -> None:
    """Refuse the name of an operation that the OpenAPI file does not have."""
    known = {
        text
        for operation in operations
        for text in (operation.name, operation.path, f"{operation.method} {operation.path}")
    }
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"--exclude: the OpenAPI file has no operation {unknown[0]!r}")


def _accounts(
    options: argparse.Namespace, operations: tuple[Endpoint, ...], header: str
) -> Accounts:
    token = os.environ.get(TOKEN_VARIABLE, "") if options.token else ""
    if options.token and not token.strip():
        state = "is blank" if TOKEN_VARIABLE in os.environ else "is not set"
        raise ValueError(f"--token: the environment variable {TOKEN_VARIABLE} {state}")
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
        raise ValueError(f"--login: {options.openapi} has no operation {options.login!r}")
    if not options.user or PASSWORD_VARIABLE not in os.environ:
        raise ValueError(f"--login needs --user, and the environment variable {PASSWORD_VARIABLE}")
    return Login(matching[0], options.user, os.environ[PASSWORD_VARIABLE], header)


if __name__ == "__main__":
    sys.exit(main())
