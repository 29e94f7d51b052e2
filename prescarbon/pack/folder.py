"""The run folder, published whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prescarbon.errors import InputError

INDEX, MANIFEST = "index.html", "manifest.json"


@dataclass(frozen=True)
class Pack:
    """Where a run's report lies; `pages` are the practices' pages it wrote, in order of code.

    coverage        as the manifest's coverage_of_inhalers
    coverage_words  the same as a sentence; empty where there is no inhaler
    """

    folder: Path
    index: Path
    pages: tuple[Path, ...]
    warnings: tuple[str, ...]
    coverage: Mapping[str, float | None] = field(default_factory=dict)
    coverage_words: str = ""


@contextmanager
def replacing_folder(final: Path) -> Iterator[Path]:
    """A hidden neighbour to write to; it takes the folder's name only when the block ends well.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    draft, old = _neighbours(final)
    try:
        _begin(final)
        yield draft
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
            final.rename(old)
        try:
            draft.rename(final)
        except OSError:
            if old.exists():
                old.rename(final)  # the pack that stood here stands again
            raise
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
    draft, _ = _neighbours(final)
    try:
        _begin(final)
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
    except (OSError, ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def last_pack(out: Path) -> Path | None:
    """The newest pack under a report folder that has a manifest; None where there is none."""
    return next((f for f in sorted(out.glob("????-??"), reverse=True) if read_manifest(f) is not None), None)


def _neighbours(final: Path) -> tuple[Path, Path]:
    """The hidden folders beside it: the draft, and where the old one stands while the names change hands."""
    return final.with_name(f".{final.name}.{os.getpid()}.part"), final.with_name(f".{final.name}.old")


def _begin(final: Path) -> None:
    """An empty draft; a pack that a killed run left between its two renames has its name again."""
    draft, old = _neighbours(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    if old.exists() and not final.exists():
        old.rename(final)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()


def _cannot_write(final: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot write the report ({error.strerror or error}).",
        where=str(final),
        remedy="Choose another folder with --out.",
    )
