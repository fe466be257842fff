"""``gates serve``: serve decisions to pipelines over HTTP, and show a live page."""

import argparse
import logging
import sys

from gates.errors import ConfigurationError
from gates.exitcodes import ExitCode
from gates.policy import policy_file
from gates.serve.settings import ServeSettings, configured_token, tls_files

NEEDED = ("starlette", "uvicorn")


def serve(arguments: argparse.Namespace) -> int:
    """Run ``gates serve``: serve until a signal ends the process.

    Raises:
        ConfigurationError: the packages of the server are not installed, or the policy, an option
            or a file is wrong.
    """
    settings = _settings(arguments)
    policy_file.load(settings.policy_path)
    try:
        from gates.serve.application import application
        from gates.serve.server import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in NEEDED:
            raise
        raise ConfigurationError(
            f"{error.name} is not installed; run: pip install 'kirana-gates[serve]'"
        ) from error
    logging.basicConfig(level=logging.INFO, format="serve: %(message)s", stream=sys.stderr)
    run(application(settings), settings, arguments.listen, _say)
    return ExitCode.GO


def _settings(arguments: argparse.Namespace) -> ServeSettings:
    """The settings of a command line.

    Raises:
        ConfigurationError: the token or a TLS file is wrong.
    """
    files = (arguments.certificate, arguments.key, arguments.client_ca)
    return ServeSettings(
        policy=arguments.policy,
        targets=arguments.targets,
        runs=arguments.runs,
        out=arguments.out,
        time_scale=arguments.time_scale,
        page_target=arguments.target or "",
        token=configured_token(),
        loopback_exception=not arguments.no_loopback_exception,
        time_limit_seconds=arguments.time_limit,
        tls=tls_files(*files) if any(files) else None,
    )


def _say(line: str) -> None:
    print(line)
    sys.stdout.flush()
