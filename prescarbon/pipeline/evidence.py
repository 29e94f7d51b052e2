"""Store → model, collected once: everything a report, an explanation or a measure is told from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.manifest import RunManifest
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.footing import rest_on
from prescarbon.model.measures.definition import Measure
from prescarbon.model.measures.values import run_measures
from prescarbon.model.organisations import AS_NOW, practices_in_force
from prescarbon.model.people import join_lists, list_sizes_for
from prescarbon.model.period import Period, months_on
from prescarbon.model.successors import closed_by, date_successors, lines_of_successors
from prescarbon.model.sums import known_sum
from prescarbon.model.uncertainty import intervals_by, shares_by
from prescarbon.pipeline import data_notes
from prescarbon.pipeline.footprint import (
    codes_by_spend,
    footprint_of,
    kg_by_month,
    prescribing_of,
    reduce_and_read,
    run_factors,
)
from prescarbon.pipeline.inputs import other_inputs
from prescarbon.pipeline.memberships import (
    ALL_LEVELS,
    NO_PLACE,
    SCOPE,
    members_now,
    members_of,
    memberships_by_month,
    whole_months,
    with_gaps_of_predecessors,
)
from prescarbon.pipeline.names import names_of, practices_of
from prescarbon.pipeline.prices import ConstantPrices, constant_prices
from prescarbon.pipeline.scope import Scope, read_practices, resolve_scope, scope_with_rows
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.report.views.footing import Footing, footing_from
from prescarbon.store.months import MonthManifest, Store
from prescarbon.store.organisations import read_list_sizes
from prescarbon.tables.organisations import GROUP, PLACE
from prescarbon.tables.prescribing import METHODS
from prescarbon.tables.schema import MONTHS_IN_YEAR

TREND_MEASURE = "kg_per_inhaler"
MONTHS_IN_SERIES = (
    49  # one to carry on from, twelve compared with, twenty-four that set limits, twelve judged: model/measures/spc.py
)
REPORTED_LEVELS = ("practice", "pcn", GROUP)


@dataclass(frozen=True)
class Evidence:
    """All that is known of the scope in the loaded months; what several answers need is worked out once, here.

    factors      table FACTORS: those of devices in the configured set
    spend        table FACTORS: those of spend
    prices       the constant prices that the £ of spend are of
    practices    table PRACTICES, one row a practice: its membership in the last month
    memberships  practice × month: the organisation of every level (memberships.memberships_by_month)
    list_sizes   table LIST_SIZES for every month in the footprint: a practice's end with it
    successor_of practice_code → who has the people of a practice that closed by the last month
    activity     table ACTIVITY, what the footprint was estimated from
    footprint    table FOOTPRINT plus series_code (one product through its code changes)
    names        series_code → product name
    """

    config: Config
    reference: Reference
    manifests: tuple[MonthManifest, ...]
    scope: Scope
    factors: pl.LazyFrame
    spend: pl.LazyFrame
    prices: ConstantPrices
    practices: pl.DataFrame
    memberships: pl.DataFrame
    list_sizes: pl.DataFrame
    successor_of: Mapping[str, str]
    activity: pl.DataFrame
    footprint: pl.DataFrame
    names: dict[str, str]
    warnings: tuple[str, ...]

    @cached_property
    def months(self) -> tuple[date, ...]:
        """Loaded months, oldest first."""
        return tuple(m.first_day for m in self.manifests)

    @cached_property
    def period(self) -> Period:
        """The months that pages sum: the twelve calendar months up to the last that is loaded."""
        return Period.ending(self.months[-1], MONTHS_IN_YEAR, self.months)

    @property
    def with_rows(self) -> pl.LazyFrame:
        """practice_code, month of every row."""
        return self.footprint.lazy().select("practice_code", "month").unique()

    def period_of(self, level: str, code: str) -> Period:
        """The period as one organisation holds it: the months in which it reported whole."""
        return self.period.held_by(self._months_held.get((level, code), ()))

    @cached_property
    def _months_held(self) -> Mapping[tuple[str, str], list[date]]:
        found = whole_months(members_of(self.memberships, ALL_LEVELS), self.with_rows).filter("is_whole")
        held = found.group_by("level", "organisation_code").agg("month").collect()
        return {(level, code): months for level, code, months in held.iter_rows()}

    @property
    def is_synthetic(self) -> bool:
        """True where any loaded month is of the sample."""
        return any(m.is_synthetic for m in self.manifests)

    @cached_property
    def charted(self) -> frozenset[str]:
        """Ids of the measures that a page draws month by month: the KPIs', and kg an inhaler of practices and PCNs."""
        return frozenset(self.reference.kpis.collect()["measure_id"].drop_nulls()) | {TREND_MEASURE}

    @cached_property
    def charted_values(self) -> pl.DataFrame:
        """Table MEASURE_VALUES of the charted measures at the reported levels: each month, and the period."""
        months = [*((m, m) for m in self.months), (self.period.first, self.period.last)]
        return self.measure([m for m in self.reference.measures if m.id in self.charted], REPORTED_LEVELS, months)

    @cached_property
    def other_values(self) -> pl.DataFrame:
        """Table MEASURE_VALUES of all other measures at the reported levels over the period."""
        others = [m for m in self.reference.measures if m.id not in self.charted]
        return self.measure(others, REPORTED_LEVELS, [(self.period.first, self.period.last)])

    @cached_property
    def kilograms(self) -> pl.DataFrame:
        """level, organisation_code, part (inhalers, other), kg_low, kg_co2e, kg_high over the period.

        Members are those of each month, as measures have them; one draw serves all, so the levels move together. Kilograms by
        device and by spend are of different kinds: nothing adds them up.
        """
        now = self.footprint.lazy().filter(pl.col("month").is_in(self.period.held))
        summed = (
            now.group_by("practice_code", "month", "factor_id", IS_INHALER.alias("is_inhaler"))
            .agg(pl.col("kg_low", "kg_co2e", "kg_high").sum(), is_known=pl.col("kg_co2e").count() > 0)
            .with_columns(pl.when("is_known").then(pl.col(k)).alias(k) for k in ("kg_low", "kg_co2e", "kg_high"))
            .join(self.members_then, on=["practice_code", "month"])
        )
        parts = {"inhalers": pl.col("is_inhaler"), "other": ~pl.col("is_inhaler")}
        rows = pl.concat(summed.filter(mask).with_columns(part=pl.lit(part)) for part, mask in parts.items())
        return self.intervals(rows, ["level", "organisation_code", "part"])

    @cached_property
    def members_then(self) -> pl.LazyFrame:
        """practice_code, month, organisation_code, level: who belonged where in each month; who is in no place, to NO_PLACE."""
        placed = self.memberships.with_columns(pl.col(PLACE).fill_null(NO_PLACE))
        return members_of(placed, ALL_LEVELS).drop("setting", "is_due")

    def members_as_now(self, levels: Sequence[str]) -> pl.LazyFrame:
        """practice_code, organisation_code, level: each practice, and one that closed with its successor, as things stand now."""
        held = self.practices.select("practice_code")
        successors = pl.DataFrame(
            list(self.successor_of.items()), {"practice_code": pl.String, "now": pl.String}, orient="row"
        )
        known = successors.join(held, left_on="now", right_on="practice_code", how="semi")
        now = held.join(known, on="practice_code", how="left").with_columns(pl.coalesce("now", "practice_code"))
        members = members_now(self.practices, self.reference.places, levels)
        return now.lazy().join(members, left_on="now", right_on="practice_code").drop("now")

    @cached_property
    def longer(self) -> "Evidence":
        """The same scope over more of the months held: those that limits and the targets' baselines need as well.

        What pages sum stays the run's own; this is for series and for what a target starts from. Itself where nothing
        more is held.
        """
        last = self.months[-1]
        held = [m.first_day for m in Store(self.config.home).months() if m.first_day <= last]
        dated = self.reference.targets.select("baseline_start", "baseline_end").drop_nulls().collect()
        in_baseline = {m for m in held if any(start <= m <= end for start, end in dated.iter_rows())}
        wanted = in_baseline | set(Period.ending(last, MONTHS_IN_SERIES, held).held)
        if wanted <= set(self.months):
            return self
        lenient = replace(self.config, coverage_floor=0.0)
        return gather(
            lenient,
            last_month=last,
            months=Period.of(self.months[0], last, []).length,
            also=wanted,
            is_light=True,
            reference=self.reference,
        )

    def measure(
        self, measures: Sequence[Measure], levels: Sequence[str], periods: Sequence[tuple[date, date]]
    ) -> pl.DataFrame:
        """Table MEASURE_VALUES for organisations of the levels over periods of (first, last) month."""
        frame = pl.LazyFrame(periods, schema={"period_start": pl.Date, "period_end": pl.Date}, orient="row")
        members, lists = members_of(self.memberships, levels), self.list_sizes.lazy()
        footprint, products = self.footprint.lazy(), self.reference.products
        return run_measures(measures, footprint, products, members, lists, frame).collect()

    def intervals(self, rows: pl.LazyFrame, by: Sequence[str]) -> pl.DataFrame:
        """by…, kg_low, kg_co2e, kg_high: 5th to 95th percentile over the shared factor draws of this run."""
        return intervals_by(rows, self.error_parts.lazy(), by, self.config.seed, self.config.draws).collect()

    @cached_property
    def error_parts(self) -> pl.DataFrame:
        """Table ERROR_PARTS of this run's factors."""
        return self.reference.error_parts(self.config.gwp_basis, self.config.brand_mix).collect()

    @cached_property
    def footing(self) -> pl.DataFrame:
        """level, organisation_code and the sums of `rest_on` over the period; members are those of each month."""
        now = self.footprint.lazy().filter(pl.col("month").is_in(self.period.held))
        then = ["practice_code", "month"]
        rests = rest_on(now, self.reference.brand_ends(self.config.gwp_basis), then)
        summed = rests.join(self.members_then, on=then).drop(then).group_by("level", "organisation_code")
        return (
            summed.agg(known_sum("kg_co2e"), pl.exclude("kg_co2e").sum()).sort("level", "organisation_code").collect()
        )

    def footing_of(self, level: str, organisation: str) -> Footing | None:
        """What the inhalers' kilograms of one organisation rest on; None where it has no inhaler in the period."""
        rows = self.footing.filter(pl.col("level") == level, pl.col("organisation_code") == organisation).to_dicts()
        return footing_from(rows[0]) if rows else None

    def shares(self, rows: pl.LazyFrame, by: Sequence[str]) -> pl.DataFrame:
        """by…, share_low, share, share_high of kg after ÷ before over the same draws, for rows with `period`."""
        return shares_by(rows, self.error_parts.lazy(), by, self.config.seed, self.config.draws).collect()

    @cached_property
    def coverage(self) -> tuple[dict[str, Any], ...]:
        """Items, £ and kg CO2e by method, in the order of the evidence."""
        by_method = self.footprint.group_by("method").agg(
            *(known_sum(name) for name in ("items", "nic_gbp", "kg_co2e")), pl.col("rows").sum()
        )
        return tuple(by_method.sort(pl.col("method").cast(METHODS)).to_dicts())

    @cached_property
    def overdue(self) -> tuple[str, ...]:
        """What is overdue for review on the day of the run, in a sentence."""
        return data_notes.overdue(self.reference, self.config.as_of, self.footprint)

    @cached_property
    def kg_by_month(self) -> tuple[dict[str, Any], ...]:
        """month, inhalers, all: central kg CO2e of the scope, what the restatement log compares."""
        return kg_by_month(self.footprint)

    def manifest(self, command: str) -> RunManifest:
        """The run manifest of everything made from this evidence."""

        def total(name: str) -> Any:
            known = [value for m in self.manifests if (value := getattr(m, name)) is not None]
            return sum(known[1:], known[0]) if known else None  # £ that no month has are unknown

        return RunManifest(
            command=command,
            months=tuple(m.month for m in self.manifests),
            inputs=tuple(
                {"month": m.month, "file_name": m.file_name, "address": m.address, "bytes": m.bytes, "hash": m.hash}
                for m in self.manifests
            ),
            reference_sha256=self.reference.sha256,
            factor_set=self.config.factor_set,
            gwp_basis=self.config.gwp_basis,
            seed=self.config.seed,
            scope=self.scope.words,
            settings=self.config.settings(),
            other_inputs=other_inputs(self.config.home, self.reference),
            rows_in=total("rows_in"),
            rows_used=total("rows_used"),
            rows_rejected=total("rows_rejected"),
            nic_gbp_in=total("nic_gbp_in"),
            nic_gbp_used=total("nic_gbp_used"),
            nic_gbp_rejected=total("nic_gbp_rejected"),
            rows_in_scope=int(self.footprint["rows"].sum()),
            rows_without_nic=int(self.footprint["rows_without_nic"].sum()),
            nic_gbp_in_scope=self.footprint.select(known_sum("nic_gbp")).item(),
            price_base=self.prices.as_manifest(),
            coverage_by_method=self.coverage,
            coverage_of_inhalers=whole.shares if (whole := self.footing_of(GROUP, SCOPE)) else {},
            is_synthetic=self.is_synthetic,
            kg_by_month=self.kg_by_month,
            warnings=self.warnings + self.overdue,
        )


def gather(
    config: Config,
    *,
    last_month: date | None = None,
    months: int | None = None,
    also: Collection[date] = (),
    is_light: bool = False,
    reference: Reference | None = None,
) -> Evidence:
    """Read the store for the configured scope and carry it through the model.

    last_month  newest month to use; None is the newest loaded
    months      how many calendar months back from it; None is all
    also        further months to read, of those held
    is_light    leave out names of products and the notes on codes, which all of England makes heavy
    reference   the definitions where they are read already

    Raises:
        InputError: no month is loaded, the month is not, a month is not what its manifest says, or no row belongs to the
            scope.
        CoverageError: fewer inhaler items carry a factor than the configured floor.
    """
    reference, store = reference or reference_of(config), Store(config.home)
    manifests = _chosen(store.months(), last_month, months, also)
    chosen = [m.first_day for m in manifests]
    practices = read_practices(config.home, reference).collect().lazy()
    scope, warnings = scope_with_rows(resolve_scope(config, reference, practices), config, store, chosen)
    warnings += data_notes.not_held(manifests, scope)
    links = date_successors(reference.successors, practices).collect()
    closed = links.filter(pl.col("last_day") < pl.lit(chosen[-1]).dt.month_end())
    successor_of = {code: line[-1] for code, line in lines_of_successors(closed).items()}
    is_as_now = config.membership == AS_NOW
    prescribing = prescribing_of(store, chosen, scope.codes)  # verified: the store gives no row of a month that is not
    as_they_were = prescribing
    if is_as_now:
        prescribing = prescribing.with_columns(pl.col("practice_code").replace(successor_of))
    warnings += data_notes.rows_without_nic(prescribing, manifests)
    activity = reduce_and_read(prescribing, reference)
    prices = constant_prices(config, reference, codes_by_spend(activity))
    factors, spend = (found.collect().lazy() for found in run_factors(reference, config))
    footprint = footprint_of(activity, reference, factors, spend, prices.table.lazy())
    names = {} if is_light else names_of(prescribing, footprint)
    data_notes.check_coverage(footprint, names, config.coverage_floor)
    if not is_light:
        warnings += data_notes.unknown_codes(footprint, names) + data_notes.disagreements(prescribing, reference)
    in_force = closed_by(practices_in_force(practices, chosen, config.membership), links.lazy()).collect()
    own = practices_of(footprint, in_force.filter(pl.col("month") == chosen[-1]), prescribing)
    with_rows = footprint.select("practice_code", "month").unique()
    sizes = list_sizes_for(read_list_sizes(config.home), chosen, practices, links)
    memberships = memberships_by_month(in_force, with_rows, own, reference.places)
    if is_as_now:
        rows_then = as_they_were.select("practice_code", "month").unique().collect()
        before = memberships_by_month(in_force, rows_then, own, reference.places)
        memberships = with_gaps_of_predecessors(memberships, before, rows_then, successor_of)
    year = Period.ending(chosen[-1], MONTHS_IN_YEAR, chosen).held
    warnings += data_notes.months_lacking(chosen) + data_notes.not_reported(memberships, with_rows.lazy(), year)
    warnings += data_notes.without_successor(practices, own, sizes, links, chosen)
    return Evidence(
        config=config,
        reference=reference,
        manifests=manifests,
        scope=scope,
        factors=factors,
        spend=spend,
        prices=prices,
        practices=own,
        memberships=memberships,
        list_sizes=(join_lists(sizes, successor_of) if is_as_now else sizes).collect(),
        successor_of=successor_of,
        activity=activity,
        footprint=footprint,
        names=names,
        warnings=warnings,
    )


def everyone(config: Config) -> Config:
    """The configuration over every practice held, whatever the coverage: measures are of whole organisations."""
    return replace(config, scope=("all",), is_scope_given=True, coverage_floor=0.0)


def _chosen(
    manifests: Sequence[MonthManifest], last_month: date | None, months: int | None, also: Collection[date]
) -> tuple[MonthManifest, ...]:
    if not manifests:
        raise InputError(
            "no month is loaded yet.",
            remedy="Run `prescarbon import FILES` or `prescarbon fetch --months 2025-04:` first.",
        )
    held = sorted(manifests, key=lambda m: m.month)
    if last_month is not None and f"{last_month:%Y-%m}" not in {m.month for m in held}:
        raise InputError(
            f"{last_month:%Y-%m} is not loaded.",
            remedy=f"Loaded are {held[0].month} to {held[-1].month}; import or fetch it.",
        )
    until = [m for m in held if last_month is None or m.month <= f"{last_month:%Y-%m}"]
    since = f"{months_on(until[-1].first_day, 1 - months):%Y-%m}" if months else ""
    return tuple(m for m in until if m.month >= since or m.first_day in also)
