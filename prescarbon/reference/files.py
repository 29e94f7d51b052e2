"""Finds the reference folder and reads its files."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.errors import DefinitionError, InputError
from prescarbon.tables.schema import Dtype


def find_reference(root: Path | None = None) -> Path:
    """The folder: as given, else inside the installed package, else beside it in a checkout.

    Raises:
        DefinitionError: there is none.
    """
    package = Path(__file__).parents[1]
    for folder in (root,) if root else (package / "_reference", package.parent / "reference"):
        if folder and (folder / "sources.toml").is_file():
            return folder
    raise DefinitionError("no reference folder.", where=str(root or "reference"), remedy="Install prescarbon again.")


def read_text(file: Path) -> pl.DataFrame:
    """A reference table as text; an empty cell is null.

    Raises:
        DefinitionError: it cannot be read.
    """
    try:
        return pl.read_csv(file, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DefinitionError(
            f"cannot be read ({error}).", where=file.name, remedy="See reference/README.md."
        ) from error


def read_toml(file: Path) -> dict[str, Any]:
    """A reference file in TOML.

    Raises:
        DefinitionError: it cannot be read.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DefinitionError(
            f"cannot be read ({error}).", where=file.name, remedy="See reference/README.md."
        ) from error


def read_typed(file: Path, schema: Mapping[str, Dtype]) -> pl.LazyFrame:
    """A CSV with exactly these columns, each cell of its type; an empty cell is null.

    Raises:
        InputError: no such file, another header, or a value that does not read as its column's type.
    """
    try:
        text = pl.read_csv(file, infer_schema=False, encoding="utf8-lossy")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"cannot be read as CSV ({error}).", where=file.name) from error
    if text.columns != list(schema):
        raise InputError(
            f"its columns are {', '.join(text.columns)}.",
            where=file.name,
            remedy=f"They should be {', '.join(schema)}.",
        )
    typed = text.with_columns(
        pl.col(c).str.strip_chars().replace("", None).str.to_date("%Y-%m-%d", strict=False)
        if t == pl.Date
        else pl.col(c).str.strip_chars().replace("", None).cast(t, strict=False)
        for c, t in schema.items()
    )
    for column in schema:
        bad = text.filter(typed[column].is_null() & (text[column].str.strip_chars() != ""))
        if bad.height:
            raise InputError(
                f"{column} {bad[column][0]!r} does not read as {'a date like 2026-01-31' if schema[column] == pl.Date else 'a number'}.",
                where=file.name,
            )
    return typed.lazy()
