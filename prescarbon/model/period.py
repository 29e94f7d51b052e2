"""A period is a calendar fact: whole months from first to last, and which of them are held, for a store or for one practice."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from prescarbon.tables.schema import MONTHS_IN_YEAR


def months_on(month: date, by: int) -> date:
    """The first day of the month so many months later, or earlier where it is negative."""
    year, ordinal = divmod(month.year * MONTHS_IN_YEAR + month.month - 1 + by, MONTHS_IN_YEAR)
    return date(year, ordinal + 1, 1)


def calendar_months(first: str, last: str) -> pl.Expr:
    """How many calendar months two columns of first days span, both counted."""
    start, end = pl.col(first), pl.col(last)
    years = end.dt.year().cast(pl.Int64) - start.dt.year().cast(pl.Int64)
    return years * MONTHS_IN_YEAR + end.dt.month().cast(pl.Int64) - start.dt.month().cast(pl.Int64) + 1


@dataclass(frozen=True)
class Period:
    """Calendar months, first and last included, and those of them that are held, oldest first.

    A sum over it is whole only where every month is held: else it is printed as "11 of 12 months" and is neither ranked nor
    judged nor compared with a whole one.
    """

    first: date
    last: date
    held: tuple[date, ...]

    @classmethod
    def of(cls, first: date, last: date, held: Collection[date]) -> "Period":
        """The months from first to last, of which those in `held` are held."""
        return cls(first, last, tuple(sorted(m for m in held if first <= m <= last)))

    @classmethod
    def ending(cls, last: date, months: int, held: Collection[date]) -> "Period":
        """So many calendar months, the last of them named."""
        return cls.of(months_on(last, 1 - months), last, held)

    @property
    def months(self) -> tuple[date, ...]:
        """Every calendar month of it, held or not."""
        return tuple(months_on(self.first, place) for place in range(self.length))

    @property
    def length(self) -> int:
        """How many calendar months it has."""
        return (self.last.year - self.first.year) * MONTHS_IN_YEAR + self.last.month - self.first.month + 1

    @property
    def missing(self) -> tuple[date, ...]:
        """The months that are not held."""
        return tuple(m for m in self.months if m not in self.held)

    @property
    def is_whole(self) -> bool:
        """Whether every month is held."""
        return len(self.held) == self.length

    @property
    def count(self) -> str:
        """12 months, or 11 of 12 months."""
        return count_words(len(self.held), self.length)

    def held_by(self, months: Iterable[date]) -> "Period":
        """The same months, of which only these are held: for a practice, those in which it reported."""
        return replace(self, held=tuple(sorted(set(self.held) & set(months))))

    def moved(self, by: int, held: Collection[date]) -> "Period":
        """As many months, so many months later (earlier where it is negative)."""
        return Period.of(months_on(self.first, by), months_on(self.last, by), held)


def count_words(held: int, months: int) -> str:
    """12 months, or 11 of 12 months where not all are held."""
    whole = "1 month" if months == 1 else f"{months} months"
    return whole if held == months else f"{held} of {whole}"


def count_of(held: str, months: str) -> pl.Expr:
    """`count_words` of two columns."""
    whole = pl.when(pl.col(months) == 1).then(pl.lit("1 month")).otherwise(pl.format("{} months", months))
    return pl.when(pl.col(held) == pl.col(months)).then(whole).otherwise(pl.format("{} of {}", held, whole))


def same_months(before: Period, after: Period) -> Iterator[tuple[date, date]]:
    """The pairs of months in the same place of two periods of one length, of which both are held."""
    for one, other in zip(before.months, after.months, strict=True):
        if one in before.held and other in after.held:
            yield one, other
