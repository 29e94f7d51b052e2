"""The run folder, published whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prescarbon.errors import InputError


@dataclass(frozen=True)
class Pack:
    """Where a run's report lies."""

    folder: Path
    index: Path
    pages: tuple[Path, ...]
    warnings: tuple[str, ...]


@contextmanager
def replacing_folder(final: Path) -> Iterator[Path]:
    """A hidden neighbour to write to; it takes the folder's name only when the block ends well.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    draft = final.with_name(f".{final.name}.{os.getpid()}.part")
    old = final.with_name(f".{final.name}.old")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        if old.exists() and not final.exists():  # a run was killed between the two renames below
            old.rename(final)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
            final.rename(old)
        draft.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"cannot write the report ({error.strerror or error}).",
            where=str(final),
            remedy="Choose another folder with --out.",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
