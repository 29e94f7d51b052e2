"""The keys of a measure and the columns of its code lists: their kinds, and what is judged of one part by itself."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo, create_model, model_validator

from prescarbon.model.measures.definition import (
    CLOSED_LISTS,
    CODES,
    FLAGS,
    LISTS,
    SUMS,
)
from prescarbon.reference.cells import Code, Row, Text
from prescarbon.reference.cells import Number as NumberCell
from prescarbon.reference.keys import AtLeastOne, CodePrefix, Filled, FilledList, ListOf, NotNegative, Part, among
from prescarbon.tables.organisations import SETTINGS

DIRECTIONS = ("lower", "higher", "none")
CodeLists = Mapping[str, pl.DataFrame]


class CodeListRow(Row):
    """measures/*.csv: the codes of a list; further columns are remarks."""

    model_config = ConfigDict(extra="allow", frozen=True)
    KEY = ("bnf_code",)
    bnf_code: Code
    product_name: Text | None = None
    weight: NumberCell | None = None
    source_id: Text | None = None


def _code_list(name: str, info: ValidationInfo) -> str:
    lists: CodeLists = info.context or {}
    if name not in lists:
        raise ValueError("is no code list beside the file")
    codes = lists[name].get_column("bnf_code") if "bnf_code" in lists[name].columns else pl.Series([], dtype=pl.String)
    if not len(codes) or codes.null_count() or codes.is_duplicated().any():
        raise ValueError("should have a bnf_code in each row, each once")
    return name


def _weighted_list(name: str, info: ValidationInfo) -> str:
    if info.data.get("sum") != "total_quantity":
        raise ValueError("goes with sum = 'total_quantity'")
    if weights_of(_code_list(name, info), info.context or {}) is None:
        raise ValueError("should have a number in each row of its column weight")
    return name


def _alternatives(given: object) -> object:
    if not isinstance(given, Mapping | list):
        raise ValueError("must be a table of conditions, or a list of them")
    return [given] if isinstance(given, Mapping) else given


def _needed(where: object, info: ValidationInfo) -> object:
    if info.data.get("sum") == "patients" and where is not None:
        raise ValueError("goes with no sum of patients")
    if info.data.get("sum", "patients") != "patients" and where is None:
        raise ValueError("is missing: it would count everything")
    return where


class ConditionsBase(Part):
    """Conditions that all hold."""

    @model_validator(mode="after")
    def _some(self) -> "ConditionsBase":
        if not self.model_fields_set:
            raise ValueError("is empty: it would count everything")
        return self


_WORDS: dict[str, Any] = {name: Annotated[str, among(allowed)] for name, allowed in CLOSED_LISTS.items()}
_WORDS |= dict.fromkeys(CODES, CodePrefix)


def _list_of(kind: Any) -> Any:
    return FilledList[kind]


_CONDITIONS: dict[str, Any] = {name: _list_of(kind) for name, kind in _WORDS.items()}
_CONDITIONS |= dict.fromkeys(LISTS, Annotated[str, AfterValidator(_code_list)])
_CONDITIONS |= {f"not_{name}": kind for name, kind in _CONDITIONS.items()} | dict.fromkeys(FLAGS, bool)
# every condition is a key, and each but the flags one with not_ before it
_make: Any = create_model
ConditionsPart: Any = _make(
    "ConditionsPart", __base__=ConditionsBase, **{name: (kind, None) for name, kind in _CONDITIONS.items()}
)
SplitPart: Any = _make(
    "SplitPart",
    __base__=Part,
    **{name: (_list_of(_WORDS[name]), None) for name in CLOSED_LISTS},
)
Where = Annotated[FilledList[ConditionsPart], BeforeValidator(_alternatives)]


class TermPart(Part):
    """numerator, denominator, gates.counts."""

    sum: Annotated[str, among(SUMS)]
    where: Annotated[Where | None, AfterValidator(_needed), Field(validate_default=True)] = None
    weights: Annotated[str, AfterValidator(_weighted_list)] | None = None


class CountedPart(TermPart):
    """A term that the data count: not people."""

    sum: Annotated[str, among([name for name in SUMS if name != "patients"])]


def _fewer(shown: int, info: ValidationInfo) -> int:
    if shown > info.data.get("ranked", shown):
        raise ValueError("is more than gates.ranked")
    return shown


class GatesPart(Part):
    """[gates]."""

    ranked: NotNegative
    shown: Annotated[NotNegative, AfterValidator(_fewer)]
    months: NotNegative
    list_size: NotNegative = 0
    counts: TermPart | None = None


def _first_day(day: date) -> date:
    if day.day != 1:
        raise ValueError("should be the first day of a month, like 2025-01-01")
    return day


class BreakPart(Part):
    """[[breaks]]."""

    month: Annotated[date, AfterValidator(_first_day)]
    words: Filled
    is_rebase: bool


def _one_column(split: Any) -> Any:
    if len(split.model_fields_set) != 1:
        raise ValueError(f"should have one of {', '.join(CLOSED_LISTS)}")
    return split


class MeasurePart(Part):
    """One file of reference/measures."""

    id: Filled
    title: Filled
    asks: Filled
    unit: Filled
    direction: Annotated[str, among(DIRECTIONS)]
    windows: FilledList[AtLeastOne]
    source_id: Filled
    vintage: date
    label: Filled
    numerator: CountedPart
    denominator: TermPart | None = None
    gates: GatesPart
    scale: AtLeastOne = 1
    settings: FilledList[Annotated[str, among(SETTINGS)]] = ()
    breaks: ListOf[BreakPart] = ()
    split: Annotated[SplitPart, AfterValidator(_one_column)] | None = None
    notes: str = ""


def weights_of(name: str, codes: CodeLists) -> dict[str, float] | None:
    """bnf_code → weight of a code list; None where a row has no number."""
    table = codes[name]
    numbers = (table.get_column("weight") if "weight" in table.columns else pl.Series([None])).cast(
        pl.Float64, strict=False
    )
    if numbers.null_count() or not numbers.is_finite().all():
        return None
    return dict(zip(table.get_column("bnf_code").to_list(), numbers.to_list(), strict=True))
