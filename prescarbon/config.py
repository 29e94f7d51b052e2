"""prescarbon.toml as a frozen dataclass: every key has a type, a default and a sentence; a wrong file is told all its faults at once."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from prescarbon.errors import DefinitionError, Fault, faults_of, shown

FILE_NAME = "prescarbon.toml"
GWP_BASES = ("AR4", "AR5", "AR6")
MEMBERSHIPS = ("as then", "as now")
YEARS = range(2000, 2101)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
STAND_ALONE = ("all", "gp")
SCOPE_PART = re.compile(r"[A-Za-z0-9]{3,8}|(pcn|sub-icb|icb|file):.+", re.DOTALL)  # blmk has the shape of a code
NOT_IN_THE_FILE = ("home", "out", "is_scope_given")


def today() -> date:
    """The day of a run that is told none: the one place that looks at the clock."""
    return date.today()  # noqa: DTZ011  a day as the reader's calendar has it, not an instant


def _among(allowed: tuple[str, ...]) -> AfterValidator:
    def judge(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"is not one of {', '.join(allowed)}")
        return text

    return AfterValidator(judge)


def _parts(scope: object) -> object:
    """A list as it is; a text with commas as a list."""
    return scope.split(",") if isinstance(scope, str) else scope


def _tidy(scope: tuple[str, ...]) -> tuple[str, ...]:
    tidy = tuple(dict.fromkeys(part.strip() for part in scope if part.strip()))
    if not tidy:
        raise ValueError("is empty")
    for part in tidy:
        if part in STAND_ALONE and len(tidy) > 1:
            raise ValueError(f'names others beside "{part}", which stands alone')
        if part not in STAND_ALONE and not SCOPE_PART.fullmatch(part):
            raise ValueError(f"names {shown(part)!r}, which is no scope")
    return tidy


def _path(text: object) -> object:
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ValueError("must be a path in quotes")
    return Path(text)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # "http://[bad", a port that is no number
        is_good = False
    if not is_good:
        raise ValueError("is no http or https address with a host")
    return text


def _whole_months(text: str) -> str:
    try:
        last = parse_months(text)[1]
    except DefinitionError as error:
        raise ValueError(f"is no period ({str(error).rstrip('.')})") from error
    if last is None or text.startswith(":"):
        raise ValueError("names no first or no last month")
    return text


def _day(given: object) -> object:
    """A date as TOML has it, or a text such as 2026-11-24: of the command line, or of a manifest."""
    try:
        day = date.fromisoformat(given) if isinstance(given, str) and DAY.fullmatch(given) else given
    except ValueError:  # 2026-02-30
        day = None
    if type(day) is not date or day.year not in YEARS:
        raise ValueError("is no day such as 2026-11-24")
    return day


Scope = Annotated[tuple[str, ...], BeforeValidator(_parts), AfterValidator(_tidy), Field(strict=False)]
Filled = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
File = Annotated[Path, BeforeValidator(_path)]
Day = Annotated[date, BeforeValidator(_day)]
Shares = Annotated[Mapping[str, Share], Field(strict=False)]


def _key(words: str, default: Any = MISSING, *, make: Any = MISSING) -> Any:
    return field(default=default, default_factory=make, metadata={"words": words})


@dataclass(frozen=True)
class Config:
    """What a run is told. `home` and `out` come from the command line or the environment, the rest from prescarbon.toml."""

    home: Path
    out: Path
    scope: Scope = _key(
        'Which practices: "blmk" (the dated list in reference/organisations), "gp" (every GP practice of the '
        'organisations files), "all" (every practice found), or codes: a practice code, "pcn:…", "sub-icb:…", "icb:…", '
        '"file:codes.txt".',
        ("blmk",),
    )
    is_scope_given: bool = _key("Set by prescarbon: true where a user chose the scope.", False)
    factor_set: Filled = _key('Factor set for totals: "harmonised", a published set, or an imported one.', "harmonised")
    gwp_basis: Annotated[str, _among(GWP_BASES)] = _key(
        "IPCC report whose GWP100 values are used: AR4, AR5 or AR6.", "AR6"
    )
    as_of: Day = _key(
        "The day on which rules, formulary and supply are read and reviews fall due, as 2026-11-24; unset: today.",
        make=lambda: today(),
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = _key("Seed of the factor draws: a whole number, 0 or more.", 2026)
    draws: Annotated[int, Field(ge=10, le=100_000)] = _key(
        "Number of joint factor draws behind every interval: 10 to 100,000.", 1000
    )
    coverage_floor: Share = _key("Least share of inhaler items with a factor (0–1); below it a run stops.", 0.9)
    price_base: Annotated[str, AfterValidator(_whole_months)] | None = _key(
        'Months whose prices are the constant prices, as "2024-04:2025-03"; unset: the first twelve calendar months that '
        "the store holds.",
        None,
    )
    membership: Annotated[str, _among(MEMBERSHIPS)] = _key(
        'Practice memberships "as then" (that month) or "as now".', "as then"
    )
    query_up_to: Annotated[int, Field(ge=0)] = _key(
        "Up to this many practices are fetched by query, more by the whole month's file.", 150
    )
    portal: Annotated[str, AfterValidator(_address)] = _key(
        "Address of the open data portal's API.", "https://opendata.nhsbsa.net/api/3/action"
    )
    brand_mix: Shares = _key(
        "Generic BNF code → share (0–1) dispensed as the large-can brand, taken as known in all months; empty takes reference/factors/brand-mix.csv.",
        make=dict,
    )
    local: File | None = _key(
        "Your local folder (`prescarbon local init` makes it): sign-off, overrides and lists laid over the shipped "
        "reference; unset: local/ in the home of the store.",
        None,
    )
    formulary: File | None = _key(
        "Your formulary (CSV as reference/formulary/default.csv); empty takes the shipped one.", None
    )
    excluded_products: File | None = _key("CSV of products off the list for a while: stock shortages.", None)
    campaigns: File | None = _key("CSV of finished or running campaigns: rule_id, started, note.", None)
    kpi_returns: File | None = _key(
        "CSV of KPI values somebody sent in: organisation_code, level, period_start, period_end, kpi_id, value.", None
    )
    successors: File | None = _key(
        "CSV of closed practices and who took their people over: practice_code, successor_code, merged_on (empty: the day "
        "after the organisation files close it).",
        None,
    )
    achievable_shares: Shares = _key("rule_id → share (0–1) agreed locally as achievable.", make=dict)
    show_draft_rules: bool = _key("Show rules without clinical sign-off in practice reports.", False)
    reference: File | None = _key("Another reference folder than the one inside.", None)

    def settings(self) -> dict[str, Any]:
        """Every setting but home and out as plain values: what a manifest keeps, so that the run can be made again."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name not in ("home", "out")}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(sorted(value.items()))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def config_from_settings(settings: Mapping[str, Any], home: Path, out: Path) -> Config:
    """The inverse of `Config.settings`.

    Raises:
        DefinitionError: a setting is not one of ours, or its value is wrong: all at once.
    """
    typed, faults = _typed(settings, "the settings", ("home", "out"))
    refuse_settings(faults)
    return Config(home=home, out=out, **typed)


def read_config(file: Path | None = None, **given: Any) -> Config:
    """Config from a file (else ./prescarbon.toml where it exists) under the command line's own values.

    given  what `config_and_faults` takes

    Raises:
        DefinitionError: the file is no TOML, or keys or values are not ours: all at once.
    """
    config, faults = config_and_faults(file, **given)
    refuse_settings(faults)
    return config


def config_and_faults(
    file: Path | None = None,
    *,
    home: Path | None = None,
    out: Path | None = None,
    scope: str | None = None,
    factor_set: str | None = None,
    gwp_basis: str | None = None,
    as_of: date | str | None = None,
) -> tuple[Config, list[Fault]]:
    """The same with every fault of it; a wrong key has its default.

    Home: --home, else PRESCARBON_HOME, else the user's data folder. Out: --out, else PRESCARBON_OUT, else ./reports.
    """
    found = file or (Path(FILE_NAME) if Path(FILE_NAME).is_file() else None)
    in_file, faults = _of_file(found) if found else ({}, [])
    on_the_line = {"scope": scope, "factor_set": factor_set, "gwp_basis": gwp_basis, "as_of": as_of}
    named = {key: value for key, value in on_the_line.items() if value is not None}
    on_line, more = _typed(named, "the command line", NOT_IN_THE_FILE)
    config = Config(
        home=home or _folder("PRESCARBON_HOME") or user_data_path("prescarbon", appauthor=False),
        out=out or _folder("PRESCARBON_OUT") or Path("reports"),
        is_scope_given="scope" in {**in_file, **on_line},
        **{**in_file, **on_line},
    )
    return config, [*faults, *more]


def _of_file(file: Path) -> tuple[dict[str, Any], list[Fault]]:
    try:
        raw = tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return {}, [Fault(file.name, 0, "", "", f"cannot be read as TOML ({shown(error)})")]
    return _typed(raw, file.name, NOT_IN_THE_FILE)


def _typed(raw: Mapping[str, Any], where: str, but: tuple[str, ...]) -> tuple[dict[str, Any], list[Fault]]:
    """Typed values of the keys that are given, and the faults of the others."""
    words = {f.name: f.metadata["words"] for f in fields(Config) if f.name not in (*but, "home", "out")}
    odd = sorted(raw.keys() - words.keys())
    faults = [Fault(where, 0, key, "", f"unknown key {key}. The keys are {', '.join(sorted(words))}") for key in odd]
    given = {key: value for key, value in raw.items() if key in words}
    try:
        typed = _model().model_validate(given)
        return {key: getattr(typed, key) for key in given}, faults
    except ValidationError as invalid:
        for fault in faults_of(invalid, where):
            key = fault.column.partition(".")[0]
            whole = repr(given[key])
            value = whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}…"
            faults.append(Fault(where, 0, key, value, f"{fault.reason}. {words[key]}"))
        sound = {key: value for key, value in given.items() if key not in {fault.column for fault in faults}}
        return _typed(sound, where, but)[0], faults


LONGEST = 100  # characters of a value that a message shows whole


@cache
def _model() -> type[BaseModel]:
    """The settings as a strict model, made of the dataclass: a text is no list, a bool no number."""
    hints = get_type_hints(Config, include_extras=True)
    keys: dict[str, Any] = {f.name: (hints[f.name], None) for f in fields(Config) if f.name not in ("home", "out")}
    return create_model("Settings", __config__=ConfigDict(strict=True), **keys)


def read_scope(parts: Sequence[str]) -> tuple[str, ...]:
    """The scope of these entries, as the setting `scope` is read.

    Raises:
        DefinitionError: an entry is no scope, or there is none.
    """
    typed, faults = _typed({"scope": list(parts)}, "the question", NOT_IN_THE_FILE)
    refuse_settings(faults)
    scope: tuple[str, ...] = typed["scope"]
    return scope


def refuse_settings(faults: list[Fault]) -> None:
    """Raise one DefinitionError that names every fault of the settings; nothing where there is none."""
    if faults:
        said = [f"{f.column} = {f.value} is not allowed: {f.reason}" if f.value else f.reason for f in faults]
        raise DefinitionError("\n".join(f"{f.file}: {text.rstrip('.')}." for f, text in zip(faults, said, strict=True)))


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None


def parse_month(text: str) -> date:
    """The first day of a month written "2026-01", of the years 2000 to 2100.

    Raises:
        DefinitionError: the text is no such month.
    """
    try:
        year, month = text.strip().split("-")
        if int(year) not in YEARS:
            raise ValueError(year)
        return date(int(year), int(month), 1)
    except ValueError as error:
        raise DefinitionError(f"{shown(text)!r} is not a month.", remedy="Write it as 2026-01.") from error


def parse_months(text: str) -> tuple[date, date | None]:
    """First and last month, both inclusive, of "2025-04:" or "2025-04:2025-09" or "2025-04"; None is open.

    Raises:
        DefinitionError: a part is no month, or the first comes after the last.
    """
    first, colon, last = text.partition(":")
    start = parse_month(first) if first or not colon else date(2014, 1, 1)
    end = parse_month(last) if last else (None if colon else start)
    if end is not None and end < start:
        raise DefinitionError(f"{text!r} ends before it begins.", remedy="Write first:last, as 2025-04:2025-09.")
    return start, end
