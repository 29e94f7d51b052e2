"""Kinds of cell in a CSV: how a text becomes a value, which dtype its column has, and what a wrong text is told.

A row model (one class a file) names its columns with these; it is the one definition, for reading and for checking.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, get_args

import polars as pl
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from prescarbon.tables.schema import GBP, Dtype

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
WHOLE = re.compile(r"[0-9]{1,9}")  # what an Int32 holds, and more than any file says
PENCE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,2})?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
CODE = re.compile(r"[0-9]{11}|[0-9A-Z]{15}")  # an appliance, or a presentation
PREFIX = re.compile(r"[0-9A-Z]{2,15}")
ORGANISATION = re.compile(r"[0-9A-Z]{3,12}")


class Row(BaseModel):
    """One row of a CSV. A column with a default may be absent; `| None` may be empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    KEY: ClassVar[tuple[str, ...]] = ()  # what stands once only
    MAY_BE_EMPTY: ClassVar[bool] = False  # its header alone is a fault
    ORDER: ClassVar[tuple[tuple[str, str, str], ...]] = ()  # low, centre, high
    SPAN: ClassVar[tuple[str, ...]] = ()  # first day, last day


@dataclass(frozen=True)
class Kind:
    """A kind of cell: the dtype of its column, how a text is read, and a text it refuses (None: it takes any)."""

    dtype: Dtype
    read: Callable[[str], Any]
    refuses: str | None = None

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """How pydantic judges a cell: a text, or None where it is empty."""
        return core_schema.no_info_plain_validator_function(self._judge)

    def _judge(self, text: str | None) -> Any:
        if text is None:
            raise ValueError("is empty")
        return self.read(text)


def kind_of(model: type[Row], column: str) -> Kind:
    """The kind of one column."""
    field = model.model_fields[column]
    found = [*field.metadata, *(part for one in get_args(field.annotation) for part in get_args(one)[1:])]
    return next(part for part in found if isinstance(part, Kind))


def schema_of(model: type[Row]) -> dict[str, Dtype]:
    """Column → dtype of the frame of such rows."""
    return {name: kind_of(model, name).dtype for name in model.model_fields}


def one_of(values: Sequence[str] | pl.Enum) -> Kind:
    """A word of a closed list; a pl.Enum is also the dtype."""
    allowed = values.categories.to_list() if isinstance(values, pl.Enum) else list(values)

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"is none of {', '.join(allowed)}")
        return text

    return Kind(values if isinstance(values, pl.Enum) else pl.String, read, "neither")


def fitting(pattern: re.Pattern[str], reason: str) -> Kind:
    """A text of a certain shape."""

    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(reason)
        return text

    return Kind(pl.String, read, "no such shape")


def _day(text: str) -> date:
    try:
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError("is no date such as 2026-01-31")


def _number(text: str) -> float:
    if not NUMBER.fullmatch(text) or abs(value := float(text)) == float("inf"):
        raise ValueError("is no number")
    return value


def _not_negative(text: str) -> float:
    if (value := _number(text)) < 0:
        raise ValueError("is below zero")
    return value


def _share(text: str) -> float:
    if (value := _not_negative(text)) > 1:
        raise ValueError("is above 1")
    return value


def _money(text: str) -> Decimal:
    _not_negative(text)
    if not PENCE.fullmatch(text):
        raise ValueError("is no sum in pounds and whole pence")
    return Decimal(text)


def _whole(text: str) -> int:
    if not WHOLE.fullmatch(text):
        raise ValueError("is no whole number, 0 or more")
    return int(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("is none of true, false")
    return text == "true"


Text = Annotated[str, Kind(pl.String, str)]
Code = Annotated[str, fitting(CODE, "is no BNF presentation code")]
Prefix = Annotated[str, fitting(PREFIX, "is no BNF code or beginning of one")]
Organisation = Annotated[str, fitting(ORGANISATION, "is no code of an organisation, like K81001")]
Date = Annotated[date, Kind(pl.Date, _day, "soon")]
Number = Annotated[float, Kind(pl.Float64, _number, "nan")]
NotNegative = Annotated[float, Kind(pl.Float64, _not_negative, "-1")]
Share = Annotated[float, Kind(pl.Float64, _share, "1.01")]
Money = Annotated[Decimal, Kind(GBP, _money, "1.005")]
Count = Annotated[int, Kind(pl.Int64, _whole, "1.5")]
SmallCount = Annotated[int, Kind(pl.Int32, _whole, "1.5")]
Flag = Annotated[bool, Kind(pl.Boolean, _flag, "yes")]
