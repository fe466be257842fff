"""``python -m suites.scanner scan``: the probes on any HTTP API, from its OpenAPI 3 file.

Exit codes: 0 nothing found, 1 something found, 2 wrong usage, 3 the service could not be tested.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from suites.probes.api import Endpoint
from suites.probes.openapi import endpoints
from suites.scanner.output import as_json, as_text
from suites.scanner.page_scan import scan_pages
from suites.scanner.sarif import sarif
from suites.scanner.scan import Scan
from suites.scanner.sending import HttpSender, NotAllowedError, UnreachableError
from suites.scanner.session import Login, LoginFailedError

PASSWORD_VARIABLE, TOKEN_VARIABLE = "SCAN_PASSWORD", "SCAN_TOKEN"
NOTHING, FOUND, USAGE, NOT_LOOKED_AT = 0, 1, 2, 3
MAX_BYTES = 5_000_000
MAX_MESSAGE = 500


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m suites.scanner", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    scan = commands.add_parser(
        "scan", help="look for weaknesses; it sends attacks, to loopback addresses only"
    )
    scan.add_argument("--openapi", required=True, type=Path, metavar="FILE")
    scan.add_argument("--url", required=True, help="scheme, host and port; loopback only")
    scan.add_argument(
        "--login",
        metavar="OPERATION",
        help="the operationId of the log-in; the password is read from SCAN_PASSWORD",
    )
    scan.add_argument("--user", default="", help="the name of the user who logs in")
    scan.add_argument(
        "--token",
        action="store_true",
        help="send the bearer token in SCAN_TOKEN instead of logging in",
    )
    scan.add_argument("--sarif", type=Path, metavar="FILE", help="also write SARIF 2.1.0")
    scan.add_argument("--json", action="store_true", help="print JSON instead of text")
    return top


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
    except Exception as error:  # noqa: BLE001 - exit code 1 would say that something was found
        _complain(f"broken: {type(error).__name__}: {error}")
        return NOT_LOOKED_AT


def _complain(message: str) -> None:
    print(f"scan: {message}"[:MAX_MESSAGE], file=sys.stderr)  # noqa: T201 - a command line prints


def run(options: argparse.Namespace) -> int:
    """Scan, print the result, and return the exit code.

    Raises:
        UnreachableError: the service does not answer.
        LoginFailedError: the log-in failed.
        NotAllowedError: the address is not a loopback address.
        ValueError: an option or the OpenAPI file is wrong.
    """
    operations = endpoints(document(options.openapi))
    sender = HttpSender(options.url.rstrip("/"), {"User-Agent": "kirana-probes"})
    login = _login(options, operations)
    token = os.environ[TOKEN_VARIABLE] if options.token else ""
    if options.token and not token.strip():
        raise ValueError(f"{TOKEN_VARIABLE} is blank")
    if options.sarif:
        options.sarif.write_text("")  # a file that cannot be written ends the scan before it starts
    result = Scan(operations, sender, login, token).run()
    result.add_pages(scan_pages(operations, sender))
    secrets = tuple(filter(None, (token, login.password if login else "")))
    if options.sarif:
        options.sarif.write_text(json.dumps(sarif(result.observations, secrets), indent=1))
    output = json.dumps(as_json(result), indent=1) if options.json else "\n".join(as_text(result))
    print(output)  # noqa: T201 - a command line prints
    if any(observation.is_finding for observation in result.observations):
        return FOUND
    return NOT_LOOKED_AT if result.problems else NOTHING


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


def _login(options: argparse.Namespace, operations: tuple[Endpoint, ...]) -> Login | None:
    if not options.login:
        return None
    matching = [operation for operation in operations if operation.name == options.login]
    if not matching:
        raise ValueError(f"no operation {options.login!r} in {options.openapi}")
    if not options.user or PASSWORD_VARIABLE not in os.environ:
        raise ValueError(f"--login needs --user, and the password in {PASSWORD_VARIABLE}")
    return Login(matching[0], options.user, os.environ[PASSWORD_VARIABLE])


if __name__ == "__main__":
    sys.exit(main())
