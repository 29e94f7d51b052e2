"""Writes that are whole or not there: a hidden neighbour, fsync, rename; one writer at a time; disk errors as one sentence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from prescarbon.errors import InputError


class StoreError(InputError):
    """The folder cannot be written to, now or as it is; the file on its way in is not at fault."""


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """The block is the only writer of the store under this home folder, which exists.

    Raises:
        StoreError: another prescarbon is writing there; nobody waits.
    """
    lock = FileLock(home / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreError("another prescarbon is writing to this store.", remedy="Wait until it ends.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def publishing(final: Path) -> Iterator[Path]:
    """A hidden neighbour to write to; it takes the name only when the block ends well."""
    draft = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        yield draft
        settle(draft, final)
    finally:
        draft.unlink(missing_ok=True)


def settle(draft: Path, final: Path) -> None:
    """Give a finished draft its name, once its bytes are on the disk."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    draft.replace(final)


@contextmanager
def writing_to(folder: Path, remedy: str) -> Iterator[None]:
    """Disk errors inside the block become one StoreError; the folder is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        words = error.strerror or str(error)
        raise StoreError(
            f"cannot be written to ({words}).", where=f"the folder {folder.name}", remedy=remedy
        ) from error
