"""prescarbon.toml as frozen dataclasses: every key has a default and a sentence."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from prescarbon.errors import DefinitionError

FILE_NAME = "prescarbon.toml"
GWP_BASES = ("AR4", "AR5", "AR6")
MEMBERSHIPS = ("as then", "as now")
PATHS = {"reference", "formulary", "excluded_products", "campaigns", "kpi_returns"}


def _key(words: str, default: Any = MISSING, *, make: Any = MISSING) -> Any:
    return field(default=default, default_factory=make, metadata={"words": words})


@dataclass(frozen=True)
class Config:
    """What a run is told. `home` and `out` come from the command line or the environment, the rest from prescarbon.toml."""

    home: Path
    out: Path
    scope: tuple[str, ...] = _key(
        'Which practices: "blmk" (the dated list in reference/organisations), "all" (every practice found), or codes: '
        'a practice code, "pcn:…", "sub-icb:…", "icb:…", "file:codes.txt".',
        ("blmk",),
    )
    is_scope_given: bool = _key("Set by prescarbon: true where a user chose the scope.", False)
    factor_set: str = _key('Factor set for totals: "harmonised", a published set, or an imported one.', "harmonised")
    gwp_basis: str = _key("IPCC report whose GWP100 values are used: AR4, AR5 or AR6.", "AR6")
    seed: int = _key("Seed of the factor draws.", 2026)
    draws: int = _key("Number of joint factor draws behind every interval.", 1000)
    coverage_floor: float = _key("Least share of inhaler items with a factor (0–1); below it a run stops.", 0.9)
    base_months: int = _key("Months, from the first loaded, whose prices are the constant prices.", 12)
    membership: str = _key('Practice memberships "as then" (that month) or "as now".', "as then")
    query_up_to: int = _key("Up to this many practices are fetched by query, more by the whole month's file.", 150)
    portal: str = _key("Address of the open data portal's API.", "https://opendata.nhsbsa.net/api/3/action")
    brand_mix: Mapping[str, float] = _key(
        "Generic BNF code → share (0–1) dispensed as the large-can brand; empty takes reference/factors/brand-mix.csv.",
        make=dict,
    )
    formulary: Path | None = field(
        default=None,
        metadata={"words": "Your formulary (CSV as reference/formulary/default.csv); empty takes the shipped one."},
    )
    excluded_products: Path | None = field(
        default=None, metadata={"words": "CSV of products off the list for a while: stock shortages."}
    )
    campaigns: Path | None = field(
        default=None, metadata={"words": "CSV of finished or running campaigns: rule_id, started, note."}
    )
    kpi_returns: Path | None = field(
        default=None,
        metadata={
            "words": "CSV of KPI values somebody sent in: organisation_code, level, period_start, period_end, kpi_id, value."
        },
    )
    achievable_shares: Mapping[str, float] = _key("rule_id → share (0–1) agreed locally as achievable.", make=dict)
    show_draft_rules: bool = _key("Show rules without clinical sign-off in practice reports.", False)
    reference: Path | None = field(default=None, metadata={"words": "Another reference folder than the one inside."})

    def settings(self) -> dict[str, Any]:
        """TEMPORARY: replaced by the typed configuration."""
        skip = ("home", "out")
        raw = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in skip}
        return {
            k: str(v)
            if isinstance(v, Path)
            else list(v)
            if isinstance(v, tuple)
            else dict(v)
            if isinstance(v, Mapping)
            else v
            for k, v in raw.items()
        }


def read_config(
    file: Path | None = None,
    *,
    home: Path | None = None,
    out: Path | None = None,
    scope: str | None = None,
    factor_set: str | None = None,
    gwp_basis: str | None = None,
) -> Config:
    """Config from a file (else ./prescarbon.toml where it exists) under the command line's own values.

    Home: --home, else PRESCARBON_HOME, else the user's data folder. Out: --out, else PRESCARBON_OUT, else ./reports.

    Raises:
        DefinitionError: the file is no TOML, or a key or its value is not one of ours.
    """
    found = file or (Path(FILE_NAME) if Path(FILE_NAME).is_file() else None)
    raw = _read_toml(found) if found else {}
    where = found.name if found else "the command line"
    keys = {f.name: f for f in fields(Config) if f.name not in ("home", "out", "is_scope_given")}
    if odd := sorted(raw.keys() - keys.keys()):
        raise DefinitionError(
            f"unknown key {', '.join(odd)}.", where=where, remedy=f"The keys are {', '.join(sorted(keys))}."
        )
    given = dict(raw)
    on_the_line = {"scope": scope, "factor_set": factor_set, "gwp_basis": gwp_basis}
    given |= {key: value for key, value in on_the_line.items() if value is not None}
    if "scope" in given:
        wanted = given["scope"]
        parts = wanted.split(",") if isinstance(wanted, str) else list(wanted)
        given["scope"] = tuple(part.strip() for part in parts if part.strip())
        given["is_scope_given"] = True
    for key in PATHS & given.keys():
        given[key] = Path(given[key])
    config = Config(
        home=home or _folder("PRESCARBON_HOME") or user_data_path("prescarbon", appauthor=False),
        out=out or _folder("PRESCARBON_OUT") or Path("reports"),
        **given,
    )
    _check(config, where)
    return config


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"cannot be read as TOML ({error}).", where=file.name) from error


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None


def _check(config: Config, where: str) -> None:
    rules = {
        "scope": bool(config.scope),
        "gwp_basis": config.gwp_basis in GWP_BASES,
        "membership": config.membership in MEMBERSHIPS,
        "coverage_floor": _is_number(config.coverage_floor) and 0 <= config.coverage_floor <= 1,
        "draws": type(config.draws) is int and 10 <= config.draws <= 100_000,
        "seed": type(config.seed) is int,
        "base_months": type(config.base_months) is int and config.base_months >= 1,
        "query_up_to": type(config.query_up_to) is int and config.query_up_to >= 0,
        "brand_mix": _are_shares(config.brand_mix),
        "achievable_shares": _are_shares(config.achievable_shares),
        "show_draft_rules": isinstance(config.show_draft_rules, bool),
    }
    for key, holds in rules.items():
        if not holds:
            words = next(f.metadata["words"] for f in fields(Config) if f.name == key)
            raise DefinitionError(f"{key} = {getattr(config, key)!r} is not allowed.", where=where, remedy=words)


def _are_shares(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_number(v) and 0 <= v <= 1 for v in value.values())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_month(text: str) -> date:
    """The first day of a month written "2026-01".

    Raises:
        DefinitionError: the text is no month.
    """
    try:
        year, month = text.strip().split("-")
        return date(int(year), int(month), 1)
    except ValueError as error:
        raise DefinitionError(f"{text!r} is not a month.", remedy="Write it as 2026-01.") from error


def parse_months(text: str) -> tuple[date, date | None]:
    """First and last month, both inclusive, of "2025-04:" or "2025-04:2025-09" or "2025-04"; None is open.

    Raises:
        DefinitionError: a part is no month, or the first comes after the last.
    """
    first, colon, last = text.partition(":")
    start = parse_month(first) if first else date(2014, 1, 1)
    end = parse_month(last) if last else (None if colon else start)
    if end is not None and end < start:
        raise DefinitionError(f"{text!r} ends before it begins.", remedy="Write first:last, as 2025-04:2025-09.")
    return start, end


def config_from_settings(settings: Mapping[str, Any], home: Path, out: Path) -> Config:
    """TEMPORARY: replaced by the typed configuration."""
    given = {k: tuple(v) if k == "scope" else Path(v) if k in PATHS and v else v for k, v in settings.items()}
    return Config(home=home, out=out, **given)
