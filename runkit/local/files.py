"""Files and folders for their owner only, because they may contain customers' data."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

from runkit.errors import RunkitError, StorageError, UsageError


def usable(path: str | Path) -> Path:
    """Return a valid path, whether or not it exists; `~` is the user's home.

    Raises `UsageError` for a path that is empty, too long or below a file, or has an invalid
    character.
    """
    if not str(path).strip():
        raise UsageError(f"{path!r} is no path; expected a file or a folder, such as 'runs'.")
    try:
        expanded = Path(path).expanduser()
        with suppress(FileNotFoundError):
            expanded.stat()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a user that is not there
        raise UsageError.of_path(path, error) from None
    return expanded


def folder_at(path: str | Path) -> Path:
    """Return a user's folder, created as `make_folder` does. Raises `UsageError`."""
    folder = usable(path)
    try:
        make_folder(folder)
    except OSError as error:
        raise UsageError.of_path(folder, error) from None
    return folder


def file_at(path: str | Path) -> Path:
    """Return a path to write a file to. Raises `UsageError` for a folder, pipe or device."""
    file = usable(path)
    if file.exists() and not file.is_file():
        raise UsageError(f"{file} is a folder or a device; expected a file or a new name.")
    return file


def make_folder(path: Path) -> None:
    """Create a folder for its owner only (0700), if there is none. Raises `OSError`."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Create an empty file for its owner only (0600), if there is none. Raises `OSError`."""
    # opening and closing a file that SQLite uses would release its locks
    with suppress(FileExistsError):
        path.touch(0o600, exist_ok=False)


def create(path: Path) -> IO[bytes]:
    """Create and open a file for its owner only. Raises `UsageError` if it is there already."""
    try:
        # the name of a file that `os.fdopen` opens is a number
        return open(path, "xb", opener=partial(os.open, mode=0o600))
    except OSError as error:
        raise UsageError.of_path(path, error) from None


def opened(path: Path) -> BinaryIO:
    """Open a file to read it. Raises `UsageError`."""
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError.of_path(path, error) from None


@contextmanager
def replacing(path: Path, mode: int = 0o600) -> Iterator[Path]:
    """Yield a temporary file beside `path`, which replaces it atomically on success.

    `mode` are its permissions, less the umask. Raises `UsageError` for a place where nothing can be
    written, and `StorageError` if writing fails later.
    """
    file_at(path)
    part = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        part.touch(mode, exist_ok=False)
    except OSError as error:
        raise UsageError.of_path(path, error) from None
    try:
        yield part
        part.replace(path)
    except RunkitError:  # the code inside raised it; some are also OSErrors
        raise
    except OSError as error:
        raise StorageError(
            f"{str(path)!r} was not written: {error.strerror or error}; it is as it was. Make "
            "room, or use another file."
        ) from None
    finally:
        part.unlink(missing_ok=True)
