"""Asking the portal for the rows of some practices: counted first, then page by page, and never trusted unseen."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from prescarbon.errors import InputError, PortalError
from prescarbon.source.asking import LATER

PRACTICE_CODE = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)
# Users measured in September 2026 that 32,000 rows is the most one answer holds, and that a larger one comes as status
# 200 with `records_truncated` and no records. Not relied on: a page that comes short is asked for again in halves.
ROWS_A_PAGE = 20_000
LINE_END = "\u2028"  # Unicode's own line separator
CODES_A_COUNT = 200  # keeps the address of a GET short


def checked_codes(practice_codes: Iterable[str]) -> list[str]:
    """The codes sorted, each once.

    Raises:
        InputError: one is not a practice code (it must not reach a query), or there is none.
    """
    codes = sorted(set(practice_codes))
    if odd := next((code for code in codes if not PRACTICE_CODE.fullmatch(code)), None):
        raise InputError(f"{odd!r} is not a practice code.", remedy="An ODS code looks like K81001.")
    if not codes or not codes[0]:
        raise InputError("no practice to ask for.", remedy="Check the scope.")
    return codes


class PracticeQuery:
    """Queries of one month's table. `ask` is called with the SQL statement and returns the answer's result."""

    def __init__(self, ask: Callable[[str], Any], table: str, page_rows: int) -> None:
        """Nothing is asked yet."""
        self.ask, self.table, self.page_rows = ask, table, page_rows

    def _select(self, select: str, codes: Sequence[str], tail: str = "") -> list[dict[str, Any]] | None:
        """Records; None where the portal says that it cut them."""
        places = ", ".join(f"'{code}'" for code in codes)
        sql = f"SELECT {select} FROM `{self.table}` WHERE PRACTICE_CODE IN ({places}){tail}"
        level = self.ask(sql)
        while isinstance(level, dict):
            if str(level.get("success", "true")).lower() != "true":
                raise PortalError("the portal could not answer the query.", where=self.table, remedy=LATER)
            if str(level.get("records_truncated", "false")).lower() == "true":
                return None
            records = level.get("records")
            if isinstance(records, list) and all(isinstance(r, dict) for r in records):
                return records
            level = level.get("result")
        raise PortalError("the portal's answer holds no records.", where=self.table, remedy=LATER)

    def counts(self, codes: Sequence[str]) -> dict[str, int]:
        """Rows of each practice that has any, in order of code; they add up to a count of all, which cannot be cut.

        Raises:
            PortalError: the portal fails, or its counts do not add up.
        """
        counts: dict[str, int] = {}
        for start in range(0, len(codes), CODES_A_COUNT):
            some = codes[start : start + CODES_A_COUNT]
            each = self._select("PRACTICE_CODE, COUNT(*) AS ROW_COUNT", some, " GROUP BY PRACTICE_CODE")
            all_of_them = self._select("COUNT(*) AS ROW_COUNT", some)
            try:
                found = {str(r["PRACTICE_CODE"]): int(r["ROW_COUNT"]) for r in each or []}
                expected = int((all_of_them or [])[0]["ROW_COUNT"])
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise PortalError("the portal's counts cannot be read.", where=self.table, remedy=LATER) from error
            if sum(found.values()) != expected or not found.keys() <= set(some):
                raise PortalError(
                    f"counts by practice add up to {sum(found.values()):,} rows, one count of all says {expected:,}.",
                    where=self.table,
                    remedy=LATER,
                )
            counts |= found
        return dict(sorted(counts.items()))

    def pages(self, counts: dict[str, int]) -> Iterator[pl.DataFrame]:
        """The counted rows as text, page by page, in order of practice; all columns, under their published names.

        Raises:
            PortalError: the portal fails, or a practice has other rows than were counted.
        """
        columns: list[str] = []
        for batch in self._batches(counts):
            for page in self._pages(batch, counts):
                if columns and columns != page.columns:
                    raise PortalError("pages came with different columns.", where=self.table, remedy=LATER)
                columns = page.columns
                yield page

    def _batches(self, counts: dict[str, int]) -> Iterator[list[str]]:
        """Runs of practices, in order of code, whose rows fill a page at most (a larger practice stands alone)."""
        batch: list[str] = []
        held = 0
        for code, rows in counts.items():
            if batch and held + rows > self.page_rows:
                yield batch
                batch, held = [], 0
            batch.append(code)
            held += rows
        yield batch

    def _pages(self, batch: list[str], counts: dict[str, int]) -> Iterator[pl.DataFrame]:
        """The rows of a batch as text; a page that does not hold what was counted is asked for again in halves."""
        records = self._select("*", batch)
        expected = {code: counts[code] for code in batch}
        page = _as_text(records, self.table) if records else None
        found = _rows_by_practice(page) if page is not None else {}
        if page is not None and found == expected:
            yield page
        elif len(batch) > 1:
            half = len(batch) // 2
            yield from self._pages(batch[:half], counts)
            yield from self._pages(batch[half:], counts)
        else:
            raise PortalError(
                f"practice {batch[0]}: {sum(found.values()):,} rows came of {expected[batch[0]]:,} counted.",
                where=self.table,
                remedy="Fetch the whole month with --route file, or try again later.",
            )


def _as_text(records: list[dict[str, Any]], name: str) -> pl.DataFrame:
    """Records as text columns in order of name, rows in order of practice and then of everything else."""
    try:
        page = pl.from_dicts(records, infer_schema_length=None)
        truths = [
            pl.col(n) for n, dtype in page.schema.items() if dtype == pl.Boolean
        ]  # UNIDENTIFIED is Y or N in a file
        page = page.with_columns(
            pl.when(truth).then(pl.lit("Y")).when(~truth).then(pl.lit("N")).name.keep() for truth in truths
        ).select(sorted(page.columns))
        text = pl.all().str.replace_all(
            "\r?\n", LINE_END
        )  # a line of the file is a row; the import says that it cleaned it
        return page.cast(pl.String).with_columns(text).sort("PRACTICE_CODE", *page.columns)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise PortalError("the portal's records cannot be read as a table.", where=name, remedy=LATER) from error


def _rows_by_practice(page: pl.DataFrame) -> dict[str, int]:
    return dict(page.group_by("PRACTICE_CODE").len().iter_rows())
