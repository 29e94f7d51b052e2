"""The door for Python: a store opened in a notebook, its tables as frames with the columns of the data dictionary."""

import inspect
import warnings
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from prescarbon.config import Config, parse_months, read_config, read_scope
from prescarbon.errors import InputError
from prescarbon.pipeline.data_notes import check_coverage
from prescarbon.pipeline.evidence import Evidence, everyone, gather
from prescarbon.pipeline.inputs import read_inputs
from prescarbon.pipeline.kpis import held_against_targets
from prescarbon.pipeline.memberships import ALL_LEVELS, check_level
from prescarbon.pipeline.opportunities import Prepared, at_level, prepare
from prescarbon.pipeline.scope import organisations_in_scope
from prescarbon.pipeline.series import chosen_measures
from prescarbon.store.months import Store
from prescarbon.tables.measures import KPI_VALUES
from prescarbon.tables.organisations import GROUP, LEVELS


@dataclass(frozen=True)
class _Held:
    """Evidence, and the opportunities prepared from it: signed off only, or all."""

    evidence: Evidence
    prepared: dict[bool, Prepared] = field(default_factory=dict)


def open_store(
    home: str | Path | None = None, *, config: str | Path | None = None, as_of: date | str | None = None
) -> "OpenStore":
    """The store under a home folder, to be asked for footprint, measures, opportunities and kpis.

    store = open_store("~/prescarbon")
    store.measures("kg_per_inhaler", level="pcn", by_month=True).collect()

    home    the folder that `prescarbon --home` names; None takes PRESCARBON_HOME, else the user's data folder
    config  a prescarbon.toml; None takes ./prescarbon.toml where there is one
    as_of   the day on which rules, formulary and supply are read, as "2026-11-24"; None is that of the configuration, else
            the day the store is opened

    Raises:
        InputError: the folder holds no month.
        DefinitionError: the configuration or the day is wrong.
    """
    file = Path(config).expanduser() if config else None
    settings = read_config(file, home=Path(home) if home else None, as_of=as_of)
    settings = replace(settings, home=settings.home.expanduser())
    if not Store(settings.home).manifest_files():
        raise InputError(
            "no month is loaded here.",
            where=str(settings.home),
            remedy="Check the folder, or run `prescarbon import FILES` or `prescarbon fetch --months 2025-04:` first.",
        )
    return OpenStore(settings)


@dataclass(frozen=True, repr=False)
class OpenStore:
    """A store and a configuration. Each question is answered as the command of its name answers it.

    Every method gives a LazyFrame (`.collect()` makes it a DataFrame) and takes the same two words:

    scope   what `--scope` takes ("all", "gp", "pcn:U12345", "K81001"), one text or several in a list; None is the
            configured scope
    months  "2025-04:2026-03", "2025-04:", ":2026-03" or "2026-01"; None is every month held

    A question asked again is answered from memory, until a month, an organisations file, a definition or a file of your
    own is another. The configuration is read when the store is opened.

    Raises, every method:
        InputError: a month is not loaded, the scope has no rows or is no text, or a level or measure is none.
        DefinitionError: the scope or the months are not written as above, or the reference data are wrong.
        CoverageError: fewer inhaler items carry a factor than the configured floor (not for measures: they print theirs).

    Warns, opportunities, once: what is overdue for review on the day of the store, so that lines are drafts.

    Warns, every method, once: no row is of the default scope, months were never fetched for a part of the scope, or rows
    have no NIC (£ are of the others). Notes on the data (codes nobody knows) are on the report's pages; here such rows
    have reads_as "not known".
    """

    config: Config
    _memory: dict[Hashable, _Held] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        """How it was opened."""
        return f"open_store({str(self.config.home)!r})"

    @property
    def months(self) -> list[str]:
        """The months held, oldest first, as "2026-01"."""
        return [m.month for m in Store(self.config.home).months()]

    def footprint(self, *, scope: str | Sequence[str] | None = None, months: str | None = None) -> pl.LazyFrame:
        """Table FOOTPRINT plus series_code, one code for a product whose BNF code changed.

        One row: month × practice × presentation × how its quantity reads. items (prescription items), total_quantity
        (units), nic_gbp and actual_cost_gbp (£), devices (inhalers), kg_low, kg_co2e, kg_high (kg CO2e, the ends are the
        factor's own), method and factor_id. Null where nothing is known, never zero. What is no inhaler takes the prices
        of the base period (`price_base`), whatever months and scope are asked for.
        """
        return self._held(self._told(scope), months).evidence.footprint.lazy()

    def measures(
        self,
        only: str | Sequence[str] = (),
        *,
        level: str = "practice",
        scope: str | Sequence[str] | None = None,
        months: str | None = None,
        by_month: bool = False,
    ) -> pl.LazyFrame:
        """Table MEASURE_VALUES, as `prescarbon measures run` gives it: organisation × period × measure.

        numerator, denominator, value, low and high (every factor at its low, or high, end) in the measure's own unit,
        coverage (0–1). A scope chooses organisations and narrows none: each value is of the whole organisation.

        only      id of a measure (`prescarbon measures list`), or several in a list; none takes every one
        level     practice, pcn, sub-icb, icb, place or group (the whole scope)
        by_month  each month by itself; else all the months are one period
        """
        check_level(level, ALL_LEVELS)
        told, ids = self._told(scope), _several(only, "measures")
        reference, _ = read_inputs(told)  # a list of codes in the scope as it is now
        is_narrowed = level == GROUP and told.is_scope_given
        evidence = self._held(told if is_narrowed else everyone(told), months).evidence
        chosen = chosen_measures(evidence, ids) if ids else evidence.reference.measures
        whole = [(evidence.months[0], evidence.months[-1])]
        periods = [(m, m) for m in evidence.months] if by_month else whole
        values = evidence.measure(chosen, [level], periods).lazy()
        shown = None if level == GROUP else organisations_in_scope(told, reference, evidence.memberships, level)
        return values if shown is None else values.filter(pl.col("organisation_code").is_in(shown))

    def opportunities(
        self,
        *,
        level: str = "practice",
        scope: str | Sequence[str] | None = None,
        months: str | None = None,
        signed_off_only: bool = False,
    ) -> pl.LazyFrame:
        """Table OPPORTUNITIES over the last twelve of the months: organisation × rule.

        items (prescription items), units (as unit_name says), kg_… (kg CO2e saved), cost_change_…_gbp (£, a fall is
        negative), gate, rank and caveats. Every line is a prompt for a review with the person, never for a blanket switch.

        level            practice, pcn, sub-icb, icb or group (the whole scope)
        signed_off_only  leave out rules that no clinical role has signed off (is_draft)
        """
        check_level(level, (*LEVELS, GROUP))
        held = self._held(self._told(scope), months)
        for words in held.evidence.overdue if not held.prepared else ():
            warnings.warn(words, stacklevel=2)
        if signed_off_only not in held.prepared:
            held.prepared[signed_off_only] = prepare(held.evidence, include_drafts=not signed_off_only)
        return at_level(held.prepared[signed_off_only], level).lines.lazy()

    def kpis(
        self, *, level: str = "icb", scope: str | Sequence[str] | None = None, months: str | None = None
    ) -> pl.LazyFrame:
        """Table KPI_VALUES over the last twelve of the months: organisation × KPI, measured and judged or awaiting a return.

        value, low, high, baseline, expected and target in the measure's own unit.

        level  practice, pcn, sub-icb, icb, place or group (the whole scope)
        """
        check_level(level, ALL_LEVELS)
        rows = held_against_targets(self._held(self._told(scope), months).evidence, level).rows
        return pl.LazyFrame(rows, KPI_VALUES.schema)

    def _told(self, scope: str | Sequence[str] | None) -> Config:
        """The configuration under this scope."""
        if scope is None:
            return self.config
        parts = tuple(part.strip() for word in _several(scope, "scope") for part in word.split(",") if part.strip())
        if not parts:
            raise InputError("the scope is empty.", remedy='Write "all", or codes such as "pcn:U12345" or "K81001".')
        return replace(self.config, scope=read_scope(parts), is_scope_given=True)

    def _held(self, config: Config, months: str | None) -> _Held:
        """The evidence of a question: from memory where everything it rests on is as it was."""
        loaded = Store(config.home).months()
        asked = _months_of(months, [m.first_day for m in loaded]) if months is not None and loaded else None
        reference, hashes = read_inputs(config)
        key = (config.scope, config.is_scope_given, asked, tuple(m.hash for m in loaded), hashes)
        if key not in self._memory:
            last, count = (asked[-1], len(asked)) if asked else (None, None)
            lenient = replace(config, coverage_floor=0)
            found = gather(lenient, last_month=last, months=count, is_light=True, reference=reference)
            for words in found.warnings:
                warnings.warn(words, stacklevel=_calls_from_outside())
            self._memory[key] = _Held(found)
        evidence = self._memory[key].evidence
        check_coverage(evidence.footprint, evidence.names, config.coverage_floor)
        return self._memory[key]


def _calls_from_outside() -> int:
    """How many calls up from the caller the line of the notebook is: the first that is not of this module."""
    frame, calls = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame, calls = frame.f_back, calls + 1
    return calls


def _months_of(words: str, held: Sequence[date]) -> tuple[date, ...]:
    """Every month that the words name; a gap is an error, because a sum over it would look whole."""
    first, last = parse_months(str(words))
    first = max(first, held[0]) if str(words).startswith(":") else first
    last = last or max(first, held[-1])
    loaded = f"Loaded are {held[0]:%Y-%m} to {held[-1]:%Y-%m}; import or fetch what lacks, or name fewer."
    if last < first:
        raise InputError(f"months={words!r} names no month that is loaded.", remedy=loaded)
    named = pl.date_range(first, last, "1mo", eager=True).to_list()
    if missing := [f"{m:%Y-%m}" for m in named if m not in held]:
        which = missing[0] if len(missing) == 1 else f"{len(missing)} months from {missing[0]} to {missing[-1]}"
        raise InputError(f"months={words!r} needs {which}, not loaded.", remedy=loaded)
    return tuple(named)


def _several(words: object, what: str) -> tuple[str, ...]:
    """One text or several, as several.

    Raises:
        InputError: one of them is no text.
    """
    several = (words,) if isinstance(words, str) or not isinstance(words, Iterable) else tuple(words)
    for word in several:
        if not isinstance(word, str):
            raise InputError(f"{word!r} is no text.", where=what, remedy="Write one text, or several in a list.")
    return several
