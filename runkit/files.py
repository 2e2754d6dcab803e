"""Files and folders for their owner only: what is in them may be a customer's data, or a draft about one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runkit.errors import UsageError


def usable(path: str | Path) -> Path:
    """Give a path at which the system can look, whether or not anything is there; `~` is the user's home.

    Raises `UsageError` for one that is too long, lies below a file, or has a sign that none has.
    """
    found = Path(path)
    try:
        with suppress(RuntimeError):  # no such user: a name that begins with ~
            found = found.expanduser()
        found.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise UsageError.of_path(path, error) from None
    return found


def folder_at(path: str | Path) -> Path:
    """Give a folder where a user wants it, made as `make_folder` does. Raises `UsageError`."""
    folder = usable(path)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; expected a directory, which may exist or not.")
    try:
        make_folder(folder)
    except OSError as error:
        raise UsageError.of_path(folder, error) from None
    return folder


def file_at(path: str | Path) -> Path:
    """Give a path at which a file is or may be written. Raises `UsageError` for a folder, pipe or device."""
    file = usable(path)
    if file.exists() and not file.is_file():
        kind = "a folder" if file.is_dir() else "a pipe or a device"
        raise UsageError(f"{file} is {kind}; expected a file, which may exist or not. Give another name.")
    return file


def make_folder(path: Path) -> None:
    """Make a folder that nobody else may enter (0700), if there is none. Raises `OSError`."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file that nobody else may read (0600), if there is none. Raises `OSError`."""
    with suppress(FileExistsError):  # and O_EXCL: closing a file that SQLite uses would end its locks
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new file (0600) beside `path`, which takes its place, whole, when all went well.

    Its name is one that nobody else has. Raises `OSError`.
    """
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".part")
    os.close(number)
    part = Path(name)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
