"""``python -m suites.backup take|verify|restore-check`` takes and checks backups of a database.

take           takes a backup of the target's database into the target's folder of backups
verify         compares the files of the newest backup with the manifest of the backup
restore-check  restores the newest backup into a scratch database, compares the database with the
               backup, and drops the scratch database

Exit codes: 0 success, 1 the backup is not usable or could not be taken, 2 wrong usage.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pymongo.errors import PyMongoError

from gates import places
from gates.cli.options import add_targets
from gates.evidence.run_folder import new_run_id
from gates.exitcodes import ExitCode
from gates.model import Target
from gates.policy import target_file
from gates.process.command_line import carry_out
from suites.backup import BackupError, restoration, target_backups, verification
from suites.backup.manifest import Backup, write_in_one_step
from suites.client import masked
from suites.testdata import run_locks

Command = Callable[[argparse.Namespace], int]
FAILED = 1
MAX_MESSAGE = 500
METRIC = "kirana_backup_last_success_timestamp_seconds"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return the exit code of the process.

    Args:
        arguments: the command line without the program's name; None to use the command line of
            the process.
    """
    return carry_out(_parser(), arguments, interrupted="no backup was completed")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m suites.backup",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("take", take, "take a backup"),
        ("verify", verify, "compare the newest backup with its manifest"),
        ("restore-check", restore_check, "restore the newest backup, and compare the contents"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "--target",
            required=True,
            metavar="NAME",
            help="the name of the target that has the database",
        )
        add_targets(command)
        command.add_argument(
            "--folder",
            type=Path,
            metavar="DIR",
            help="the folder of backups (default: folder in [backup] of the target file)",
        )
        command.set_defaults(run=_guarded(run))
        if run is take:
            command.add_argument("--gzip", action="store_true", help="compress the files")
            command.add_argument(
                "--textfile",
                type=Path,
                default=os.environ.get("KIRANA_TEXTFILE") or None,
                metavar="FILE",
                help="the file to which the command writes the time of the backup, for the node "
                "exporter (default: KIRANA_TEXTFILE)",
            )
    return parser


def _guarded(run: Command) -> Command:
    """Return a command that ends with exit code 1 after an error, and whose messages hide secrets.

    Args:
        run: carries out the command with the options, and returns the exit code.
    """

    def command(options: argparse.Namespace) -> int:
        secrets = loaded_target(options).secrets.values()
        try:
            return run(options)
        except (BackupError, PyMongoError, OSError) as error:
            # Masked before it is cut: a part of a secret is a secret.
            text = masked(f"{type(error).__name__}: {error}", secrets)[:MAX_MESSAGE]
            print(f"backup: {text}", file=sys.stderr)  # noqa: T201 - a command line prints
            return FAILED

    return command


def loaded_target(options: argparse.Namespace) -> Target:
    """Return the target that the options name.

    Raises:
        ConfigurationError: the target has no target file, or the target file is wrong.
    """
    return target_file.load(options.target, places.targets(options.targets).path)


def take(options: argparse.Namespace) -> int:
    """Take a backup, verify the backup, and write the time of the backup for the node exporter.

    Returns:
        The exit code of the process.
    """
    target = loaded_target(options)
    with target_backups.live_database(target) as database:
        name = database.name
    folder = _folder(options)
    print(f"taking a backup of the database {name} into {folder}")  # noqa: T201 - a command prints
    backup = target_backups.take(target, folder, _say, compress=options.gzip)
    verification.verified(backup.folder, name)
    _show("taken", backup, backup.manifest.seconds)
    if options.textfile:
        options.textfile.parent.mkdir(parents=True, exist_ok=True)
        write_in_one_step(options.textfile, _exposition(backup).encode())
        _say(f"the metric {METRIC} was written to {options.textfile}")
    return ExitCode.GO


def verify(options: argparse.Namespace) -> int:
    """Compare the files of the newest backup with the manifest, and return the exit code."""
    began = time.monotonic()
    backup = _newest(options)
    _show("verified", backup, time.monotonic() - began)
    return ExitCode.GO


def restore_check(options: argparse.Namespace) -> int:
    """Restore the newest backup into a scratch database, and compare the database with the backup.

    Returns:
        The exit code of the process: 0 if the contents are identical, else 1.
    """
    target = loaded_target(options)
    run_id = new_run_id()
    run_locks.hold(run_id)
    backup = _newest(options)
    with target_backups.restored(target, backup, run_id) as (scratch, times):
        _say(
            f"restored into {scratch.name}: documents in {times.documents:.2f} s, "
            f"indexes in {times.indexes:.2f} s"
        )
        differences = restoration.differences(backup, scratch)
    for difference in differences:
        _say(f"different: {difference}")
    _say(f"the scratch database {scratch.name} was dropped")
    _show("different" if differences else "restored, identical", backup, times.total)
    return FAILED if differences else ExitCode.GO


def _newest(options: argparse.Namespace) -> Backup:
    """Find the newest backup of the target, verify the backup, and return it."""
    with target_backups.live_database(loaded_target(options)) as database:
        name = database.name
    newest = target_backups.newest_in(_folder(options), name)
    return verification.verified(newest.folder, name)


def _folder(options: argparse.Namespace) -> Path:
    return options.folder or target_backups.folder_of(loaded_target(options))


def _exposition(backup: Backup) -> str:
    """Return the time of the backup in the format of the node exporter's text-file collector."""
    moment = backup.manifest.taken_at.timestamp()
    return (
        f"# HELP {METRIC} Time at which the newest complete backup began.\n"
        f"# TYPE {METRIC} gauge\n{METRIC} {moment:.3f}\n"
    )


def _show(result: str, backup: Backup, seconds: float) -> None:
    content = backup.manifest
    _say(
        f"{result}: {backup.folder.name}, {len(content.collections)} collections, "
        f"{content.documents:,} documents, {content.size / 1000:,.1f} kB, {seconds:.2f} s"
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line prints


if __name__ == "__main__":
    sys.exit(main())
