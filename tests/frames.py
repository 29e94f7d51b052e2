"""Frames drawn as tables, and row builders that name only the columns a test is about."""

from datetime import date

import polars as pl

from prescarbon.tables.schema import Dtype, Table


def frame(text: str, **dtypes: Dtype) -> pl.LazyFrame:
    """A frame drawn as a table: cells between bars, an empty cell is null, a column not named in dtypes is text."""
    head, *body = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    cells = [[cell or None for cell in row] for row in body]
    typed = [pl.col(c).str.to_date() if t == pl.Date else pl.col(c).cast(t) for c, t in dtypes.items()]
    return pl.LazyFrame(cells, schema=dict.fromkeys(head, pl.String), orient="row").with_columns(typed)


def rows_of(table: Table, text: str, **others: object) -> pl.LazyFrame:
    """Rows of a declared table: the drawn columns typed by the table, `others` the same in every row, the rest null."""
    drawn = frame(text)
    have = drawn.collect_schema().names()
    cast = []
    for column in table.columns:
        if column.name in have:
            text_cell = pl.col(column.name)
            if column.dtype == pl.Date:
                cell = text_cell.str.to_date()
            elif column.dtype == pl.Boolean:
                cell = text_cell == "true"
            else:
                cell = text_cell.cast(column.dtype)
        else:
            cell = pl.lit(others.get(column.name)).cast(column.dtype)
        cast.append(cell.alias(column.name))
    return drawn.select(cast)


NO_LINKS = pl.DataFrame(schema={"practice_code": pl.String, "successor_code": pl.String, "last_day": pl.Date})


def monthly(values: list[float | None], code: str = "A", start: date = date(2020, 1, 1)) -> pl.LazyFrame:
    """organisation_code, month, value: one area's values in months one after the other."""
    month = pl.date_range(start, pl.lit(start).dt.offset_by(f"{len(values) - 1}mo"), "1mo")
    return pl.LazyFrame(
        {"organisation_code": [code] * len(values), "value": pl.Series(values, dtype=pl.Float64)}
    ).with_columns(month=month)
