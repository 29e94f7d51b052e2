"""Reads reference/measures: a TOML file a measure, and the code lists (CSV) they name; model/ never touches a file."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo, create_model, model_validator

from prescarbon.errors import DefinitionError, Fault, refuse
from prescarbon.model.measures.definition import (
    CLOSED_LISTS,
    CODES,
    FLAGS,
    LISTS,
    SUMS,
    Break,
    Conditions,
    Gates,
    Measure,
    Term,
    Values,
    expand,
)
from prescarbon.reference.cells import Code, Row, Text
from prescarbon.reference.cells import Number as NumberCell
from prescarbon.reference.documents import shape_document
from prescarbon.reference.files import Files
from prescarbon.reference.keys import AtLeastOne, CodePrefix, Filled, FilledList, ListOf, NotNegative, Part, among
from prescarbon.tables.organisations import SETTINGS

REMEDY = "See reference/measures/README.md."
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
    if _numbers(_code_list(name, info), info.context or {}) is None:
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


def measure_from(raw: object, codes: CodeLists, where: str) -> Measure:
    """A checked measure from a raw table.

    raw     what the TOML file says
    codes   file name → code list: bnf_code, and weight where a term has `weights`
    where   name of the file, for errors
    raises  DefinitionError naming file, key and reason of every fault
    """
    document = shape_document(raw, where, MeasurePart, codes)
    refuse(document.faults, DefinitionError, REMEDY)
    measure = _measure(document.content, codes)  # type: ignore[arg-type]
    refuse(_over_keys(measure, where), DefinitionError, REMEDY)
    return measure


def _over_keys(measure: Measure, where: str) -> list[Fault]:
    if measure.counts.sum == "patients":
        return [Fault(where, 0, "gates.counts", "", "is needed where the denominator is patients")]
    return []


def _measure(part: MeasurePart, codes: CodeLists) -> Measure:
    gates = part.gates
    counts = _term(gates.counts, codes) if gates.counts else None
    split = next(iter(part.split.model_dump(exclude_unset=True).items())) if part.split else None
    return Measure(
        id=part.id,
        title=part.title,
        asks=part.asks,
        unit=part.unit,
        direction=part.direction,
        windows=part.windows,
        source_id=part.source_id,
        vintage=part.vintage,
        label=part.label,
        gates=Gates(gates.ranked, gates.shown, gates.months, gates.list_size, counts),
        numerator=_term(part.numerator, codes),
        denominator=_term(part.denominator, codes) if part.denominator else None,
        scale=part.scale,
        settings=part.settings,
        breaks=tuple(Break(b.month, b.words, b.is_rebase) for b in part.breaks),
        split=split,
        notes=part.notes,
    )


def _term(part: TermPart, codes: CodeLists) -> Term:
    weights: tuple[tuple[str, float], ...] = ()
    if part.weights:
        numbers = _numbers(part.weights, codes) or {}
        weights = tuple((code, numbers[code]) for code in _listed(part.weights, codes))
    return Term(part.sum, tuple(_conditions(one, codes) for one in part.where or ()), weights)


def _conditions(part: Any, codes: CodeLists) -> Conditions:
    def values(name: str, value: Any) -> Values:
        return _listed(value, codes) if name.removeprefix("not_") in LISTS else value

    return tuple((name, values(name, value)) for name, value in part.model_dump(exclude_unset=True).items())


def _listed(name: str, codes: CodeLists) -> tuple[str, ...]:
    return tuple(codes[name].get_column("bnf_code").sort().to_list())


def _numbers(name: str, codes: CodeLists) -> dict[str, float] | None:
    table = codes[name]
    numbers = (table.get_column("weight") if "weight" in table.columns else pl.Series([None])).cast(
        pl.Float64, strict=False
    )
    if numbers.null_count() or not numbers.is_finite().all():
        return None
    return dict(zip(table.get_column("bnf_code").to_list(), numbers.to_list(), strict=True))


def gather_measures(files: Files) -> tuple[tuple[Measure, ...], list[Fault]]:
    """All measures of measures/, in order of id, one with `split` once for each value; and every fault of every file."""
    folder = files.root / "measures"
    if not folder.is_dir():
        return (), [Fault("measures", 0, "", "", "is missing: the reference folder has no measures folder")]
    sheets = {f.name: files.sheet(f, CodeListRow) for f in sorted(folder.glob("*.csv"))}
    faults = [fault for sheet in sheets.values() for fault in sheet.faults]
    codes = {name: sheet.rows for name, sheet in sheets.items()}
    measures: list[Measure] = []
    for file in sorted(folder.glob("*.toml")):
        document = files.document(file, MeasurePart, codes)
        faults += document.faults
        if document.content:
            measure = _measure(document.content, codes)
            faults += _over_keys(measure, document.name)
            if file.name != f"{measure.id}.toml":
                faults.append(Fault(document.name, 0, "id", measure.id, "is not the file's name"))
            measures += expand(measure)
    ids = [m.id for m in measures]
    faults += [
        Fault("measures", 0, "id", i, "stands in two files") for i in sorted({i for i in ids if ids.count(i) > 1})
    ]
    if not measures and not faults:
        faults.append(Fault("measures", 0, "", "", "holds no measure: is this the reference folder?"))
    return tuple(sorted(measures, key=lambda m: m.id)), faults


def read_measures(reference: Path) -> tuple[Measure, ...]:
    """All measures of a reference folder, in order of id.

    Raises:
        DefinitionError: naming file, key and reason, every fault of every file at once.
    """
    measures, faults = gather_measures(Files(reference))
    refuse(faults, DefinitionError, REMEDY)
    return measures
