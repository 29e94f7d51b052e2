"""Reads and checks reference/measures; model/ never touches a file."""

import io
import tomllib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.errors import DefinitionError
from prescarbon.model.measures.definition import (
    CLOSED_LISTS,
    CONDITIONS,
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
from prescarbon.tables.organisations import SETTINGS

DIRECTIONS = ("lower", "higher", "none")
LONGEST_CODE = 15

REQUIRED = (
    "id",
    "title",
    "asks",
    "unit",
    "direction",
    "windows",
    "source_id",
    "vintage",
    "label",
    "gates",
    "numerator",
)
OPTIONAL = ("scale", "settings", "denominator", "breaks", "split", "notes")
GATE_KEYS = ("ranked", "shown", "months", "list_size", "counts")


def measure_from(raw: Mapping[str, Any], codes: Mapping[str, pl.DataFrame], where: str) -> Measure:
    """A checked measure from a raw table.

    raw     what the TOML file says
    codes   file name → code list: bnf_code, and weight where a term has `weights`
    where   name of the file, for errors
    raises  DefinitionError naming file, key and reason
    """
    _refuse_odd_keys(raw, REQUIRED, OPTIONAL, where)
    for key in ("id", "title", "asks", "unit", "source_id", "label"):
        if not isinstance(raw[key], str) or not raw[key].strip():
            raise _wrong(where, key, "should be a text that is not empty")
    if raw["direction"] not in DIRECTIONS:
        raise _wrong(where, "direction", f"is {raw['direction']!r}, not one of {', '.join(DIRECTIONS)}")
    if not isinstance(raw["vintage"], date):
        raise _wrong(where, "vintage", "should be a date like 2026-08-22")
    scale = raw.get("scale", 1)
    if not _is_count(scale) or scale == 0:
        raise _wrong(where, "scale", "should be a whole number above 0")
    windows = raw["windows"]
    if not isinstance(windows, list) or not windows or not all(_is_count(w) and w > 0 for w in windows):
        raise _wrong(where, "windows", "should list numbers of months")
    settings = _known(raw["settings"], SETTINGS.categories, where, "settings") if "settings" in raw else ()
    numerator = _term(raw["numerator"], codes, where, "numerator")
    denominator = _term(raw["denominator"], codes, where, "denominator") if "denominator" in raw else None
    if numerator.sum == "patients":
        raise _wrong(where, "numerator.sum", "cannot be patients: items and inhalers are what the data count")
    measure = Measure(
        id=raw["id"],
        title=raw["title"],
        asks=raw["asks"],
        unit=raw["unit"],
        direction=raw["direction"],
        windows=tuple(windows),
        source_id=raw["source_id"],
        vintage=raw["vintage"],
        label=raw["label"],
        gates=_gates(raw["gates"], codes, where),
        numerator=numerator,
        denominator=denominator,
        scale=scale,
        settings=settings,
        breaks=tuple(_break(b, where) for b in raw.get("breaks", ())),
        split=_split(raw["split"], where) if "split" in raw else None,
        notes=raw.get("notes", ""),
    )
    if measure.counts.sum == "patients":
        raise _wrong(where, "gates.counts", "is needed where the denominator is patients")
    return measure


def _term(raw: object, codes: Mapping[str, pl.DataFrame], where: str, key: str) -> Term:
    table = _table(raw, where, key)
    _refuse_odd_keys(table, ("sum",), ("where", "weights"), where, key)
    if table["sum"] not in SUMS:
        raise _wrong(where, f"{key}.sum", f"is {table['sum']!r}, not one of {', '.join(SUMS)}")
    if table["sum"] == "patients":
        if len(table) > 1:
            raise _wrong(where, key, "patients takes no conditions and no weights")
        return Term("patients")
    given = table.get("where")
    alternatives = given if isinstance(given, list) else [given]
    if not alternatives or not all(alternatives):
        raise _wrong(where, f"{key}.where", "is missing or empty: it would count everything or nothing")
    weights: tuple[tuple[str, float], ...] = ()
    if "weights" in table:
        if table["sum"] != "total_quantity":
            raise _wrong(where, f"{key}.weights", "goes with sum = 'total_quantity'")
        weights = _weights(table["weights"], codes, where, f"{key}.weights")
    return Term(
        table["sum"],
        tuple(_conditions(_table(a, where, f"{key}.where"), codes, where, f"{key}.where") for a in alternatives),
        weights,
    )


def _conditions(raw: Mapping[str, Any], codes: Mapping[str, pl.DataFrame], where: str, key: str) -> Conditions:
    found: list[tuple[str, Values]] = []
    for name, value in raw.items():
        column, place = name.removeprefix("not_"), f"{key}.{name}"
        if column not in CONDITIONS:
            raise _wrong(where, place, f"is no condition; there are {', '.join(CONDITIONS)}, each also with not_")
        if column in FLAGS:
            if not isinstance(value, bool) or name != column:
                raise _wrong(where, place, "should be true or false, without not_")
            found.append((name, value))
        elif column in LISTS:
            found.append((name, _listed(value, codes, where, place)))
        elif column in CLOSED_LISTS:
            found.append((name, _known(value, CLOSED_LISTS[column].categories, where, place)))
        else:
            found.append((name, _code_parts(value, where, place)))
    return tuple(found)


def _gates(raw: object, codes: Mapping[str, pl.DataFrame], where: str) -> Gates:
    table = dict(_table(raw, where, "gates"))
    _refuse_odd_keys(table, ("ranked", "shown", "months"), ("list_size", "counts"), where, "gates")
    for key in GATE_KEYS[:-1]:
        if not _is_count(table.get(key, 0)):
            raise _wrong(where, f"gates.{key}", "should be a whole number, 0 or more")
    if table["shown"] > table["ranked"]:
        raise _wrong(where, "gates.shown", "is more than gates.ranked")
    if "counts" in table:
        table["counts"] = _term(table["counts"], codes, where, "gates.counts")
    return Gates(**table)


def _break(raw: object, where: str) -> Break:
    table = _table(raw, where, "breaks")
    _refuse_odd_keys(table, ("month", "words", "is_rebase"), (), where, "breaks")
    if not isinstance(table["month"], date) or table["month"].day != 1:
        raise _wrong(where, "breaks.month", "should be the first day of a month, like 2025-01-01")
    if not isinstance(table["words"], str) or not table["words"] or not isinstance(table["is_rebase"], bool):
        raise _wrong(where, "breaks", "needs words, and is_rebase true or false")
    return Break(table["month"], table["words"], table["is_rebase"])


def _split(raw: object, where: str) -> tuple[str, tuple[str, ...]]:
    table = _table(raw, where, "split")
    if len(table) != 1 or not table.keys() <= CLOSED_LISTS.keys():
        raise _wrong(where, "split", f"should have one of {', '.join(CLOSED_LISTS)}")
    ((column, values),) = table.items()
    return column, _known(values, CLOSED_LISTS[column].categories, where, f"split.{column}")


def _listed(value: object, codes: Mapping[str, pl.DataFrame], where: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, str) or value not in codes:
        raise _wrong(where, key, f"names {value!r}, which is no code list beside the file")
    column = (
        codes[value].get_column("bnf_code") if "bnf_code" in codes[value].columns else pl.Series([], dtype=pl.String)
    )
    if not len(column) or column.null_count() or column.is_duplicated().any():
        raise _wrong(where, key, f"{value} should have a bnf_code in each row, each once")
    return tuple(column.sort().to_list())


def _weights(value: object, codes: Mapping[str, pl.DataFrame], where: str, key: str) -> tuple[tuple[str, float], ...]:
    listed = _listed(value, codes, where, key)
    table = codes[str(value)]
    text = table.get_column("weight") if "weight" in table.columns else pl.Series([None])
    numbers = text.cast(pl.Float64, strict=False)
    if numbers.null_count() or not numbers.is_finite().all():
        raise _wrong(where, key, f"{value} should have a number in each row of its column weight")
    pairs = dict(zip(table.get_column("bnf_code").to_list(), numbers.to_list(), strict=True))
    return tuple((code, pairs[code]) for code in listed)


def _code_parts(value: object, where: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise _wrong(where, key, "should list BNF codes or their first characters")
    for part in value:
        if not isinstance(part, str) or not part.isalnum() or part != part.upper() or len(part) > LONGEST_CODE:
            raise _wrong(where, key, f"{part!r} is no BNF code or beginning of one")
    return tuple(value)


def _known(value: object, closed: Sequence[str] | pl.Series, where: str, key: str) -> tuple[str, ...]:
    allowed: Collection[str] = list(closed)
    if not isinstance(value, list) or not value:
        raise _wrong(where, key, "should be a list that is not empty")
    for v in value:
        if v not in allowed:
            raise _wrong(where, key, f"{v!r} is not one of {', '.join(allowed)}")
    return tuple(value)


def _table(raw: object, where: str, key: str) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise _wrong(where, key, "should be a table of keys and values")
    return raw


def _refuse_odd_keys(
    raw: Mapping[str, Any], required: Sequence[str], optional: Sequence[str], where: str, key: str = ""
) -> None:
    if missing := [k for k in required if k not in raw]:
        raise _wrong(where, key or missing[0], f"{', '.join(missing)} missing")
    if unknown := sorted(raw.keys() - {*required, *optional}):
        raise _wrong(where, key or unknown[0], f"{', '.join(unknown)} unknown")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _wrong(where: str, key: str, reason: str) -> DefinitionError:
    return DefinitionError(f"{key}: {reason}.", where=where, remedy="See reference/measures/README.md.")


def read_measures(reference: Path | Traversable, sources: Collection[str] | None = None) -> tuple[Measure, ...]:
    """All measures of reference/measures, in order of id; one with `split` is there once for each value.

    reference  the folder with measures/: a TOML file for each measure, and the code lists (CSV) they name
    sources    ids of sources.toml; where given, every measure and code list must cite one of them
    raises     DefinitionError naming file, key and reason: every fault of every file at once
    """
    folder = reference / "measures"
    if not folder.is_dir():
        raise DefinitionError("holds no measures folder.", where=reference.name, remedy="Is this the reference folder?")
    files = sorted(folder.iterdir(), key=lambda f: f.name)
    faults: list[str] = []
    codes: dict[str, pl.DataFrame] = {}
    measures: list[Measure] = []
    for file in files:
        if file.name.endswith(".csv"):
            try:
                codes[file.name] = pl.read_csv(io.BytesIO(file.read_bytes()), infer_schema=False)
            except pl.exceptions.PolarsError as error:
                faults.append(f"{file.name}: cannot be read as CSV ({error}).")
    for file in files:
        if file.name.endswith(".toml"):
            try:
                measures += expand(_read_measure(file, codes))
            except DefinitionError as error:
                faults.append(str(error))
    ids = [m.id for m in measures]
    faults += [f"measures: the id {i} stands in two files." for i in sorted({i for i in ids if ids.count(i) > 1})]
    if sources is not None:
        faults += _unknown_sources(measures, codes, sources)
    if faults:
        raise DefinitionError("\n".join(faults))
    if not measures:
        raise DefinitionError("holds no measure.", where="measures", remedy="Is this the reference folder?")
    return tuple(sorted(measures, key=lambda m: m.id))


def _read_measure(file: Traversable, codes: dict[str, pl.DataFrame]) -> Measure:
    try:
        raw = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"cannot be read as TOML ({error}).", where=file.name) from error
    measure = measure_from(raw, codes, file.name)
    if file.name != f"{measure.id}.toml":
        raise DefinitionError(f"id: is {measure.id!r}, not the file's name.", where=file.name)
    return measure


def _unknown_sources(
    measures: Collection[Measure], codes: dict[str, pl.DataFrame], sources: Collection[str]
) -> list[str]:
    cited = {(f"{m.id}.toml", m.source_id) for m in measures if m.source_id not in sources}
    cited |= {
        (name, source)
        for name, table in codes.items()
        if "source_id" in table.columns
        for source in table.get_column("source_id").unique().to_list()
        if source not in sources
    }
    return [f"{file}: source_id: {source!r} is no section of sources.toml." for file, source in sorted(cited, key=str)]
