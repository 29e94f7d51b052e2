"""Store → model, collected once: everything a report, an explanation or a measure is told from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import CoverageError, InputError
from prescarbon.manifest import RunManifest
from prescarbon.model.activity import presentation_names, read_quantities, reduce_to_activity
from prescarbon.model.footprint import base_prices, estimate_footprint
from prescarbon.model.organisations import list_sizes_for, practices_in_force
from prescarbon.model.uncertainty import intervals_by
from prescarbon.model.witness import find_disagreements
from prescarbon.pipeline.scope import _scope, read_practices
from prescarbon.reference.definitions import Reference, read_reference
from prescarbon.store.months import MonthManifest, Store
from prescarbon.store.organisations import read_list_sizes
from prescarbon.tables.prescribing import FOOTPRINT, METHODS

MISSING_SHOWN = 20
SYNTHETIC = "SYNTHETIC"


@dataclass(frozen=True)
class Evidence:
    """All that is known of the scope in the loaded months.

    footprint   table FOOTPRINT plus series_code (one product through its code changes)
    practices   table PRACTICES, one row a practice: its membership in the last month
    list_sizes  table LIST_SIZES for every month in the footprint
    names       series_code → product name
    """

    config: Config
    reference: Reference
    manifests: tuple[MonthManifest, ...]
    scope_words: str
    practices: pl.DataFrame
    list_sizes: pl.DataFrame
    footprint: pl.DataFrame
    names: dict[str, str]
    warnings: tuple[str, ...]

    @cached_property
    def months(self) -> tuple[date, ...]:
        """Loaded months, oldest first."""
        return tuple(_month(m) for m in self.manifests)

    @property
    def is_synthetic(self) -> bool:
        """True where any loaded file says it is synthetic."""
        return any(SYNTHETIC in m.file_name.upper() for m in self.manifests)

    def intervals(self, rows: pl.LazyFrame, by: Sequence[str]) -> pl.DataFrame:
        """by…, kg_low, kg_co2e, kg_high: 5th to 95th percentile over the shared factor draws of this run."""
        return intervals_by(rows, self.reference.shared_keys, by, self.config.seed, self.config.draws).collect()

    def coverage(self) -> list[dict[str, Any]]:
        """Items, £ and kg CO2e by method, in the order of the evidence."""
        by_method = self.footprint.group_by("method").agg(
            pl.col("items", "nic_gbp", "kg_co2e").sum(), pl.col("rows").sum()
        )
        return by_method.sort(pl.col("method").cast(METHODS)).to_dicts()

    def kg_by_month(self) -> list[dict[str, Any]]:
        """month, inhalers, all: central kg CO2e of the scope, what the restatement log compares."""
        by_month = self.footprint.group_by("month").agg(
            pl.col("kg_co2e").filter(pl.col("reads_as") != "not an inhaler").sum().alias("inhalers"),
            pl.col("kg_co2e").sum().alias("all"),
        )
        rows = by_month.sort("month").with_columns(pl.col("month").dt.strftime("%Y-%m"))
        return rows.to_dicts()

    def manifest(self, command: str) -> RunManifest:
        """The run manifest of everything made from this evidence."""

        def total(name: str) -> Any:
            return sum((getattr(m, name) for m in self.manifests), Decimal(0) if "gbp" in name else 0)

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
            scope=self.scope_words,
            rows_in=total("rows_in"),
            rows_used=total("rows_used"),
            rows_rejected=total("rows_rejected"),
            nic_gbp_in=total("nic_gbp_in"),
            nic_gbp_used=total("nic_gbp_used"),
            nic_gbp_rejected=total("nic_gbp_rejected"),
            rows_in_scope=int(self.footprint["rows"].sum()),
            nic_gbp_in_scope=Decimal(self.footprint["nic_gbp"].sum() or 0),
            coverage_by_method=tuple(self.coverage()),
            is_synthetic=self.is_synthetic,
            kg_by_month=tuple(self.kg_by_month()),
            warnings=self.warnings,
        )


def gather(
    config: Config, *, last_month: date | None = None, months: int | None = None, is_light: bool = False
) -> Evidence:
    """Read the store for the configured scope and carry it through the model.

    last_month  newest month to use; None is the newest loaded
    months      how many months back from it; None is all
    is_light    leave out names of products and the notes on codes, which all of England makes heavy

    Raises:
        InputError: no month is loaded, the month is not, or no row belongs to the scope.
        CoverageError: fewer inhaler items carry a factor than the configured floor.
    """
    reference = read_reference(config.reference, tuple(sorted((config.home / "factors").glob("*.csv"))))
    store = Store(config.home)
    manifests = _chosen(store.months(), last_month, months)
    chosen = [_month(m) for m in manifests]
    practices = read_practices(config.home, reference.root)
    codes, words, warnings = _scope(config, reference, practices, store, chosen)
    prescribing = store.scan(chosen)
    if codes is not None:
        prescribing = prescribing.filter(pl.col("practice_code").is_in(codes))
    reduced = reduce_to_activity(prescribing).collect(engine="streaming").lazy()
    activity = read_quantities(reduced, reference.products, reference.not_inhalers).collect().lazy()
    factors = reference.factors(config.factor_set, config.gwp_basis, config.brand_mix)
    footprint = (
        estimate_footprint(
            activity, reference.products, factors, reference.spend(), base_prices(activity, config.base_months)
        )
        .join(reference.series, on=["bnf_code"], how="left")
        .with_columns(series_code=pl.coalesce("series_code", "bnf_code"))
        .sort(FOOTPRINT.grain)
        .collect()
    )
    names = {} if is_light else _names(prescribing, footprint)
    _check_coverage(config, footprint, names)
    if not is_light:
        warnings += _unknown_codes(footprint, names) + _disagreements(prescribing, reference)
    return Evidence(
        config=config,
        reference=reference,
        manifests=manifests,
        scope_words=words,
        practices=_practices_of(footprint, practices, prescribing, chosen[-1], config.membership),
        list_sizes=list_sizes_for(read_list_sizes(config.home), chosen).collect(),
        footprint=footprint,
        names=names,
        warnings=warnings,
    )


def _month(manifest: MonthManifest) -> date:
    return date.fromisoformat(f"{manifest.month}-01")


def _chosen(
    manifests: Sequence[MonthManifest], last_month: date | None, months: int | None
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
    return tuple(until[-months:] if months else until)


def _names(prescribing: pl.LazyFrame, footprint: pl.DataFrame) -> dict[str, str]:
    """series_code → name: the newest printed name of any of its codes."""
    printed = presentation_names(prescribing).collect()
    series = footprint.select("bnf_code", "series_code").unique().sort("series_code", "bnf_code")
    known = series.join(printed, on="bnf_code", how="left").sort("series_code", "bnf_code")
    newest = known.with_columns(is_itself=pl.col("bnf_code") == pl.col("series_code")).sort(
        "series_code", "is_itself", "bnf_code"
    )
    named = newest.group_by("series_code", maintain_order=True).agg(pl.col("presentation_name").drop_nulls().last())
    return {row["series_code"]: row["presentation_name"] or row["series_code"] for row in named.to_dicts()}


def _practices_of(
    footprint: pl.DataFrame, practices: pl.LazyFrame, prescribing: pl.LazyFrame, month: date, membership: str
) -> pl.DataFrame:
    """One row a practice in the footprint: membership in force, else what the prescribing rows print."""
    codes = footprint.select("practice_code").unique().sort("practice_code")
    force = (
        practices_in_force(practices, [month], membership)
        .drop("month")
        .collect()
        .unique("practice_code", keep="last", maintain_order=True)
    )
    printed = (
        prescribing.group_by("practice_code")
        .agg(
            pl.col("practice_name").sort_by("month", "practice_name").last().alias("printed_name"),
            pl.col("sub_icb_code").sort_by("month", "sub_icb_code").last().alias("printed_sub_icb"),
        )
        .collect()
    )
    return (
        codes.join(force, on="practice_code", how="left")
        .join(printed, on="practice_code", how="left")
        .with_columns(
            practice_name=pl.coalesce("practice_name", "printed_name", "practice_code"),
            sub_icb_code=pl.coalesce("sub_icb_code", "printed_sub_icb"),
            setting=pl.col("setting").fill_null("not known"),
        )
        .drop("printed_name", "printed_sub_icb")
        .sort("practice_code")
    )


def _unknown_codes(footprint: pl.DataFrame, names: dict[str, str]) -> tuple[str, ...]:
    """A respiratory code that the reference does not hold is loud."""
    unknown = (
        footprint.filter(pl.col("reads_as") == "not known")
        .group_by("bnf_code", "series_code")
        .agg(pl.col("items").sum())
    )
    listed = [
        f"{names[r['series_code']]} ({r['bnf_code']}, {r['items']} items)" for r in unknown.sort("bnf_code").to_dicts()
    ]
    if not listed:
        return ()
    words = "; ".join(listed[:MISSING_SHOWN])
    return (f"{len(listed)} respiratory codes are not in the reference and carry no kilogram: {words}.",)


def _disagreements(prescribing: pl.LazyFrame, reference: Reference) -> tuple[str, ...]:
    """SNOMED codes beside more than one product: a data note."""
    rows = find_disagreements(prescribing, reference.series).collect()
    if rows.is_empty():
        return ()
    first = rows.row(0, named=True)
    return (
        f"{rows.height} SNOMED codes stand beside BNF codes of two products in one month; BNF was used. "
        f"The first: {first['snomed_code']} in {first['month']:%Y-%m} beside {first['bnf_codes']}.",
    )


def _check_coverage(config: Config, footprint: pl.DataFrame, names: dict[str, str]) -> None:
    inhalers = footprint.filter(pl.col("reads_as") != "not an inhaler")
    items = int(inhalers["items"].sum())
    missing = inhalers.filter(pl.col("kg_co2e").is_null())
    share = 1 - int(missing["items"].sum()) / items if items else 1.0
    if share >= config.coverage_floor:
        return
    worst = (
        missing.group_by("series_code")
        .agg(pl.col("items").sum())
        .sort(["items", "series_code"], descending=[True, False])
    )
    listed = "; ".join(
        f"{names.get(r['series_code'], '')} ({r['series_code']}, {r['items']} items)"
        for r in worst.head(MISSING_SHOWN).to_dicts()
    )
    raise CoverageError(
        f"only {share:.1%} of inhaler items carry a factor, the floor is {config.coverage_floor:.0%}. Without one: {listed}.",
        remedy="Add factors (`prescarbon factors import`) or lower coverage_floor.",
    )
