"""Reads and checks reference/switches, the formulary and the local files about switches; model/ never touches a file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.errors import DefinitionError, InputError, PrescarbonError
from prescarbon.model.actions import ACTIONS_SCHEMA
from prescarbon.model.switch_pairs import EXCLUDED_SCHEMA, FORMULARY_SCHEMA
from prescarbon.model.switch_rules import Guard, SwitchRule, check_rules, parse_guard, parse_rule
from prescarbon.tables import Dtype

CAMPAIGNS_SCHEMA: dict[str, Dtype] = {"rule_id": pl.String, "started": pl.Date, "note": pl.String}


@dataclass(frozen=True)
class Switches:
    """Everything the opportunity engine reads from reference/: rules, guards and the formulary."""

    rules: tuple[SwitchRule, ...]
    guards: tuple[Guard, ...]
    formulary: pl.LazyFrame


def read_switches(reference: Path, formulary: Path | None = None) -> Switches:
    """Rules, guards and formulary, checked against each other.

    reference  the folder with switches/ and formulary/
    formulary  a local formulary file instead of formulary/default.csv
    raises     DefinitionError naming every fault of every file at once
    """
    folder = reference / "switches"
    faults: list[str] = []
    rules: list[SwitchRule] = []
    for file in sorted(folder.glob("*.toml")):
        if file.name == "guards.toml":
            continue
        try:
            rules.append(parse_rule(_read_toml(file), file.name))
        except DefinitionError as error:
            faults.append(str(error))
    if faults:
        raise DefinitionError("\n".join(faults))
    if not rules:
        raise DefinitionError("holds no rule.", where=str(folder.name), remedy="Is this the reference folder?")
    guards = tuple(parse_guard(raw, "guards.toml") for raw in _read_toml(folder / "guards.toml").get("guard", ()))
    frame = read_formulary(formulary or reference / "formulary" / "default.csv")
    doses = read_typed(
        folder / "dose-categories.csv", dict.fromkeys(("bnf_code", "product", "dose_category", "rule_row"), pl.String)
    )
    check_rules(
        rules,
        dose_categories=dict(doses.select("bnf_code", "dose_category").collect().iter_rows()),
        licences={
            code: (age, note)
            for code, age, note in frame.select("bnf_code", "licensed_from_age", "licence_note").collect().iter_rows()
        },
    )
    return Switches(tuple(sorted(rules, key=lambda r: (r.order, r.id))), guards, frame)


def list_faults(reference: Path, formulary: Path | None = None) -> list[str]:
    """Every fault of the rules, guards and formulary, one sentence each; empty where all is well."""
    try:
        read_switches(reference, formulary)
    except PrescarbonError as error:
        return str(error).splitlines()
    return []


def read_formulary(file: Path) -> pl.LazyFrame:
    """A formulary CSV as FORMULARY_SCHEMA; InputError names the column or the value that is wrong."""
    frame = read_typed(file, FORMULARY_SCHEMA)
    doubled = frame.filter(pl.struct("bnf_code", "on_from").is_duplicated()).collect()
    if doubled.height:
        raise InputError(f"{doubled['bnf_code'][0]} stands twice from one date.", where=file.name)
    return frame


def read_excluded(file: Path) -> pl.LazyFrame:
    """Products not to be suggested for a while (a shortage): EXCLUDED_SCHEMA."""
    return read_typed(file, EXCLUDED_SCHEMA)


def read_campaigns(file: Path) -> pl.LazyFrame:
    """Campaigns begun or finished: rule_id, started, note; the list then shows what is left beside what was."""
    return read_typed(file, CAMPAIGNS_SCHEMA)


def read_actions_log(file: Path) -> pl.LazyFrame:
    """What practices began, when, and whose role owns it: practice_code, rule_id, started, owner_role."""
    frame = read_typed(file, ACTIONS_SCHEMA)
    empty = frame.filter(pl.any_horizontal(pl.col("practice_code", "rule_id", "started").is_null())).collect()
    if empty.height:
        raise InputError(f"{empty.height} line(s) lack practice_code, rule_id or started.", where=file.name)
    return frame


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


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"cannot be read as TOML ({error}).", where=file.name) from error
