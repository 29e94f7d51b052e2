"""The run folder, published whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prescarbon.errors import InputError

INDEX, MANIFEST = "index.html", "manifest.json"


@dataclass(frozen=True)
class Pack:
    """Where a run's report lies; `pages` are the practices' pages it wrote, in order of code."""

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
    draft = _draft_of(final)
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
        raise _cannot_write(final, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def adding_to_folder(final: Path) -> Iterator[Path]:
    """A hidden neighbour whose files join the folder when the block ends well, each whole, index and manifest last.

    A folder that is not there yet takes the neighbour as it is.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    draft = _draft_of(final)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        if final.exists():
            files = [file.relative_to(draft) for file in draft.rglob("*") if file.is_file()]
            for file in sorted(files, key=lambda f: (f.name in (INDEX, MANIFEST), f.as_posix())):
                (final / file).parent.mkdir(parents=True, exist_ok=True)
                (draft / file).replace(final / file)
        else:
            draft.rename(final)
    except OSError as error:
        raise _cannot_write(final, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The run manifest of a pack; None where there is none, or it cannot be read."""
    try:
        read = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None


def last_pack(out: Path) -> Path | None:
    """The newest pack under a report folder that has a manifest; None where there is none."""
    return next((f for f in sorted(out.glob("????-??"), reverse=True) if read_manifest(f) is not None), None)


def _draft_of(final: Path) -> Path:
    return final.with_name(f".{final.name}.{os.getpid()}.part")


def _cannot_write(final: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot write the report ({error.strerror or error}).",
        where=str(final),
        remedy="Choose another folder with --out.",
    )
