"""The way back from this run to an earlier one: what each step of it moved.

It is walked one step at a time, always in this order: the practices of the scope, each setting that differs, the
constant prices, then the factors; the earlier pack's own table is the end.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from prescarbon.config import Config, config_from_settings
from prescarbon.errors import InputError, PrescarbonError
from prescarbon.model.activity import NOT_AN_INHALER
from prescarbon.model.organisations import AS_NOW
from prescarbon.pack.earlier import Earlier
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.footprint import activity_of, codes_by_spend, footprint_of, run_factors
from prescarbon.pipeline.prices import constant_prices
from prescarbon.pipeline.scope import EVERYONE, read_practices, resolve_scope
from prescarbon.tables.products import FACTORS

SETTINGS = ("factor_set", "gwp_basis", "brand_mix", "price_base")  # those that a kilogram depends on, but the scope
SPEND = "spend"


@dataclass(frozen=True)
class World:
    """The footprint as it would be at one point of the way back, and all that it was estimated from.

    codes      practice codes of the scope; None is every practice found
    activity   table ACTIVITY
    factors    table FACTORS: those of devices
    spend      table FACTORS: those of spend
    prices     table PRICES: constant prices
    footprint  table FOOTPRINT
    """

    config: Config
    codes: Sequence[str] | None
    activity: pl.DataFrame
    factors: pl.LazyFrame
    spend: pl.LazyFrame
    prices: pl.LazyFrame
    footprint: pl.DataFrame


@dataclass(frozen=True)
class Step:
    """One step of the way back.

    words     what it puts back: "gwp_basis was AR5, is AR6"
    put_back  the world before it; None where there is nothing to put back, or nothing to know it from
    by        the column whose values name what moved: practices, factors or presentations
    """

    words: str
    put_back: Callable[[World], World | None]
    by: str | None = None


@dataclass(frozen=True)
class Move:
    """What one step moved.

    words  what the step put back, or why it cannot be recomputed
    by     as of the step
    kg     month ("2026-01"), is_inhaler, name (of column `by`), kg: later minus earlier, where that is not nothing;
           None where the step cannot be recomputed
    """

    words: str
    by: str | None
    kg: pl.DataFrame | None


def walk_back(earlier: Earlier, evidence: Evidence, months: Collection[str]) -> Iterator[Move]:
    """What each step that put something back moved in these months; a step that fails is named, and the walk goes on."""
    world = _world_of(evidence)
    for step in _steps(earlier, evidence):
        try:
            before = step.put_back(world)
        except PrescarbonError as error:  # a set, a list of codes or a setting that is gone
            sentence = " ".join(str(error).split()).rstrip(".")
            yield Move(f"{step.words}, which cannot be recomputed: {sentence}", step.by, None)
            continue
        if before is not None:
            yield Move(step.words, step.by, _difference(world.footprint, before.footprint, months, step.by))
            world = before


def _steps(earlier: Earlier, evidence: Evidence) -> Iterator[Step]:
    """The way back, this run first."""
    run, own, words = earlier.run, evidence.config.settings(), evidence.scope.words
    scope = "the scope holds other practices" if run.scope == words else f"scope was {run.scope}, is {words}"
    yield Step(scope, partial(_put_back_scope, earlier, evidence), by="practice_code")
    for key in SETTINGS:
        if key in run.settings and run.settings[key] != own[key]:
            was, now = _shown(run.settings[key]), _shown(own[key])
            yield Step(f"{key} was {was}, is {now}", partial(_put_back_setting, evidence, key, run.settings[key]))
    yield Step(f"constant prices: {_other_base(earlier, evidence)}", partial(_put_back_prices, earlier, evidence))
    yield Step("factors changed", partial(_put_back_factors, earlier, evidence), by="factor_id")
    lacking = {"factors": earlier.factors, "constant prices": earlier.prices}
    what = ", ".join([*(name for name, table in lacking.items() if table is None), "products"])
    yield Step(f"{what} or readings of quantities changed", partial(_put_back_rows, earlier), by="bnf_code")


def _world_of(evidence: Evidence) -> World:
    """This run's."""
    return World(
        config=evidence.config,
        codes=evidence.scope.codes,
        activity=evidence.activity,
        factors=evidence.factors,
        spend=evidence.spend,
        prices=evidence.prices.table.lazy(),
        footprint=evidence.footprint,
    )


def _put_back_scope(earlier: Earlier, evidence: Evidence, world: World) -> World | None:
    """The earlier run's practices: those of its table where a month has the same content, else of the scope it names."""
    manifests = zip(evidence.months, evidence.manifests, strict=True)
    steady = [day for day, m in manifests if earlier.hashes.get(m.month) == m.hash]
    if earlier.rows is not None and steady:
        return _with_practices_of(earlier.rows, steady, evidence, world)
    if earlier.run.scope == evidence.scope.words:
        return None
    codes = _codes_then(earlier, evidence)
    activity = activity_of(evidence.config.home, evidence.reference, evidence.months, codes)
    return _estimated(_priced(replace(world, codes=codes, activity=activity), evidence), evidence)


def _with_practices_of(rows: pl.DataFrame, steady: Sequence[date], evidence: Evidence, world: World) -> World | None:
    """The world of the practices that have rows in the steady months; None where they are its own."""
    found = (frame.filter(pl.col("month").is_in(steady)) for frame in (rows, world.activity))
    then, now = (set(frame["practice_code"].unique()) for frame in found)
    if evidence.config.membership == AS_NOW:  # a practice that was taken over stands under its successor's code
        then = {evidence.successor_of.get(code, code) for code in then}
    if then == now:
        return None
    gone = activity_of(evidence.config.home, evidence.reference, evidence.months, sorted(then - now))
    kept = world.activity.filter(~pl.col("practice_code").is_in(now - then))
    return _estimated(_priced(replace(world, activity=pl.concat([kept, gone])), evidence), evidence)


def _codes_then(earlier: Earlier, evidence: Evidence) -> Sequence[str] | None:
    """Practice codes of the scope that the earlier run names; None is every practice found."""
    if earlier.run.scope == EVERYONE:  # the default scope that gave way, too
        return None
    config = _with_setting(evidence.config, "scope", earlier.run.settings.get("scope"))
    return resolve_scope(config, evidence.reference, read_practices(config.home, evidence.reference)).codes


def _put_back_setting(evidence: Evidence, key: str, value: Any, world: World) -> World:
    """One setting as it was."""
    config = _with_setting(world.config, key, value)
    factors, spend = run_factors(evidence.reference, config)
    changed = replace(world, config=config, factors=factors, spend=spend)
    return _estimated(_priced(changed, evidence) if key == "price_base" else changed, evidence)


def _put_back_prices(earlier: Earlier, evidence: Evidence, world: World) -> World | None:
    """The earlier pack's constant prices, else those of its base period; what it had no price of keeps its own."""
    now, base = world.prices.collect(), earlier.run.price_base
    if earlier.prices is not None:
        then = earlier.prices.join(now, on="bnf_code", how="semi")
    elif base is not None:
        pinned = replace(world.config, price_base=f"{base.first}:{base.last}")
        then = constant_prices(pinned, evidence.reference, codes_by_spend(world.activity)).table
    else:
        return None
    prices = pl.concat([then, now.join(then, on="bnf_code", how="anti")]).sort("bnf_code")
    if prices.select("bnf_code", "price_gbp").equals(now.sort("bnf_code").select("bnf_code", "price_gbp")):
        return None
    return _estimated(replace(world, prices=prices.lazy()), evidence)


def _put_back_factors(earlier: Earlier, evidence: Evidence, world: World) -> World | None:
    """The earlier pack's table of factors."""
    if earlier.factors is None:
        return None
    now = FACTORS.admit(pl.concat([world.factors, world.spend])).collect()
    if earlier.factors.sort(FACTORS.grain).equals(now.sort(FACTORS.grain)):
        return None
    is_spend = pl.col("factor_set") == SPEND
    factors, spend = (earlier.factors.lazy().filter(mask) for mask in (~is_spend, is_spend))
    try:
        return _estimated(replace(world, factors=factors, spend=spend), evidence)
    except pl.exceptions.PolarsError as error:
        raise InputError("the earlier pack's table of factors contradicts itself.") from error


def _put_back_rows(earlier: Earlier, world: World) -> World | None:
    """The earlier pack's own table: the end of the way."""
    return None if earlier.rows is None else replace(world, footprint=earlier.rows)


def _priced(world: World, evidence: Evidence) -> World:
    """The world with the constant prices of its configuration and its presentations."""
    prices = constant_prices(world.config, evidence.reference, codes_by_spend(world.activity))
    return replace(world, prices=prices.table.lazy())


def _estimated(world: World, evidence: Evidence) -> World:
    """The world with the footprint of its parts."""
    footprint = footprint_of(world.activity, evidence.reference, world.factors, world.spend, world.prices)
    return replace(world, footprint=footprint)


def _difference(later: pl.DataFrame, earlier: pl.DataFrame, months: Collection[str], by: str | None) -> pl.DataFrame:
    """Column kg of `Move`."""
    part = "practice_code" if by == "practice_code" else "bnf_code"
    days = [date.fromisoformat(f"{month}-01") for month in months]
    is_inhaler = pl.col("reads_as").cast(pl.String) != NOT_AN_INHALER
    now, then = (
        frame.lazy()
        .filter(pl.col("month").is_in(days))
        .group_by("month", is_inhaler.alias("is_inhaler"), part)
        .agg(pl.col("kg_co2e").sum(), pl.col("factor_id").max())  # a presentation has one factor in a month
        for frame in (later, earlier)
    )
    both = now.join(then, on=["month", "is_inhaler", part], how="full", coalesce=True, suffix="_then")
    return (
        both.select(
            pl.col("month").dt.strftime("%Y-%m"),
            "is_inhaler",
            name=pl.coalesce("factor_id", "factor_id_then") if by == "factor_id" else pl.col(part),
            kg=pl.col("kg_co2e").fill_null(0) - pl.col("kg_co2e_then").fill_null(0),
        )
        .filter(pl.col("kg") != 0)
        .collect()
    )


def _other_base(earlier: Earlier, evidence: Evidence) -> str:
    """Why constant prices may be others."""
    base, now = earlier.run.price_base, evidence.prices.as_manifest()
    if base is None:
        return "the earlier pack does not say its base period"
    if (base.first, base.last) != (now["first"], now["last"]):
        return f"the base period was {base.first} to {base.last}, is {now['first']} to {now['last']}"
    then, held = ({m.month: m.hash for m in months} for months in (base.months, evidence.prices.held))
    again = sorted(month for month in then.keys() & held.keys() if then[month] != held[month])
    if again:
        return f"a month that they rest on was published again ({', '.join(again)})"
    other = sorted(then.keys() ^ held.keys())
    return f"they rest on other months ({', '.join(other)})" if other else "the £ are deflated by other values"


def _with_setting(config: Config, key: str, value: Any) -> Config:
    """The configuration with one setting as it was."""
    return config_from_settings(config.settings() | {key: value}, config.home, config.out)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {share}" for key, share in value.items()) or "as shipped"
    return "not set" if value is None else str(value)
