"""Reads the option ``--format NAME[=FILE]``, and writes decisions in these formats."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gates.attestation import envelope
from gates.decision_document import DecisionDocument
from gates.errors import ConfigurationError, UnknownNameError
from gates.process.output import ESCAPED
from reports.formats import FOLDER_FORMATS, FORMATS, STATEMENTS

OPTION = "--format"
JSON = "json"


@dataclass(frozen=True, slots=True)
class FormatFile:
    """A format of a decision, and the file to which the decision is written.

    Args:
        name: the name of the format.
        path: the file; the folder for a format of several files.
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class ChosenFormats:
    """The formats of a command line.

    Args:
        on_stdout: the format that is printed instead of the lines for a person; empty where the
            lines are printed.
        files: the formats that are written to files, with their files.
    """

    on_stdout: str = ""
    files: tuple[FormatFile, ...] = ()


def chosen_formats(values: Sequence[str], *, as_json: bool = False) -> ChosenFormats:
    """Read the values of the option ``--format``, and return the chosen formats.

    Args:
        values: the values of the option, in the form ``NAME`` or ``NAME=FILE``.
        as_json: whether ``--json`` is on the command line, which prints the format ``json``.

    Raises:
        ConfigurationError: a format is unknown, two formats would be printed, or two formats have
            the same file; or the configured key of attestations cannot be read.
    """
    printed, files = [JSON] if as_json else [], []
    for value in values:
        name, separator, path = value.partition("=")
        if name not in (*FORMATS, *FOLDER_FORMATS):
            raise UnknownNameError("format", name, [*FORMATS, *FOLDER_FORMATS], OPTION)
        if name in STATEMENTS:
            envelope.configured_key()
        if name in FOLDER_FORMATS and not separator:
            raise ConfigurationError(f"{OPTION} {name}: expected a folder: {OPTION} {name}=DIR")
        if separator and not path:
            raise ConfigurationError(f"{OPTION} {value}: expected a file after the equals sign")
        if separator:
            files.append(FormatFile(name, Path(path)))
        else:
            printed.append(name)
    if len(printed) > 1:
        raise ConfigurationError(
            f"{OPTION}: only one format can be printed, not {', '.join(printed)}; write "
            f"the others to files: {OPTION} {printed[-1]}=FILE"
        )
    paths = [file.path.resolve() for file in files]
    if len(set(paths)) < len(paths):
        raise ConfigurationError(f"{OPTION}: two formats have the same file; name another file")
    return ChosenFormats("".join(printed), tuple(files))


def write_files(document: DecisionDocument, files: Sequence[FormatFile]) -> list[str]:
    """Write a decision to the file of each format; a failure does not stop the other files.

    Args:
        document: a decision that is in the ledger.
        files: the formats and their files.

    Returns:
        A message for each file that could not be written.
    """
    problems = []
    for file in files:
        try:
            if file.name in FOLDER_FORMATS:
                for name, content in FOLDER_FORMATS[file.name](document).items():
                    _write(file.path / name, f"{content}\n")
            else:
                _write(file.path, f"{rendered(document, file.name)}\n")
        except Exception as error:  # noqa: BLE001 - the decision holds whatever a format does
            problems.append(
                f"the format {file.name} could not be written to {file.path} "
                f"({type(error).__name__}: {error}); the decision is not changed"
            )
    return problems


def rendered(document: DecisionDocument, name: str) -> str:
    """Return a decision in a format; sign a statement where a key is configured.

    Args:
        document: a decision that is in the ledger.
        name: the name of the format.

    Raises:
        ConfigurationError: the configured key cannot be read.
    """
    text = FORMATS[name](document)
    key = envelope.configured_key() if name in STATEMENTS else None
    return text if key is None else envelope.signed(text, key)


def _write(path: Path, text: str) -> None:
    """Write a file in one step, so that a reader never finds an incomplete file.

    Raises:
        OSError: the file or its folder could not be written.
    """
    data = text.encode(errors=ESCAPED)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        _write_to_existing(path, data)
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def _write_to_existing(path: Path, data: bytes) -> None:
    """Write to a pipe, a device, or the file to which a link points.

    Raises:
        OSError: the file could not be written, or no process reads the pipe.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_TRUNC)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def append_to_file(path: Path, data: bytes) -> None:
    """Append bytes to a file; a pipe that nobody reads raises an error, and does not block.

    Args:
        path: the file.
        data: the bytes to append.

    Raises:
        OSError: the file could not be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
