"""What is held of organisations: files as imported, read back as tables."""

from pathlib import Path

import polars as pl

from prescarbon.tables.organisations import LIST_SIZES, PRACTICE_TRAITS
from prescarbon.tables.schema import Table


def held_table(home: Path, table: Table) -> pl.LazyFrame:
    """All rows of a table; where two files give one key, the fuller file counts, then the greater hash."""
    files = sorted((home / "organisations").glob(f"{table.name}-*.parquet"))
    files = [f for f in files if f.with_suffix(".json").exists()]  # the manifest comes last: without it, unfinished
    if not files:
        return table.empty()
    frames = [
        pl.scan_parquet(f)
        .with_columns(file_rows=pl.len(), file=pl.lit(f.stem))
        .select(*table.names, "file_rows", "file")
        for f in files
    ]
    # a network's dated file and an undated map of one month may both be held: the file is part of what is compared
    return table.admit(
        pl.concat(frames)
        .sort("file_rows", "file", *table.grain, descending=[True, True, *[False] * len(table.grain)])
        .unique(list(table.grain), keep="first", maintain_order=True)
        .sort(table.names)
    )


def read_list_sizes(home: Path) -> pl.LazyFrame:
    """Table LIST_SIZES as imported, one row a practice and month; none imported, no rows."""
    return held_table(home, LIST_SIZES)


def read_practice_traits(home: Path) -> pl.LazyFrame:
    """Table PRACTICE_TRAITS as imported: one row a practice, month and file that speaks of it."""
    return held_table(home, PRACTICE_TRAITS)
