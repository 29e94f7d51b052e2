"""Shared factor draws → intervals of kilograms: one draw is one possible world, the same for every organisation.

A factor's error does not differ by practice: if Ventolin's can holds more propellant than thought, it does so for
all. So two practices move together, and a rank can be stable although both intervals are wide. An error has parts
(table ERROR_PARTS), and parts of several factors may be one and the same: the method behind all pressurised inhalers.

What does differ by practice is which brand its pharmacies supply. Such a part has a `local_spread`: in each world a
practice stands about the place of all, with a draw of its own, so that sums over many practices average it out.

Distribution. Between low and high, two triangular halves meet at the central value, each with half the probability:
the central value is the median, low and high are the ends, and where low = central = high nothing is drawn. Where
nothing says which value between the ends is likelier (a key that begins with SPAN), only the ends are drawn, each in
every second world: the interval is the whole span. With a
local spread s, a practice is at the low end with probability s × (1 - p), at the high end with s × p, else where all
are, at p (0–1): its mean is p and its variance s × p × (1 - p), so s is the intraclass correlation of practices.

Seeds. The draws of a key come from PCG64 seeded by (seed, BLAKE2b of the key, with the practice where it is local), so
that they depend on neither the row order, nor the other factors, nor the organisations present.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.sums import KILOGRAMS
from prescarbon.tables.schema import KG

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.str_]

PERCENTILES = (5, 95)  # docs/explanation/method.md: every printed interval
SPAN = "span:"  # how the shared key of factors begins whose ends alone are drawn
SHARES = ("share_low", "share", "share_high")
SHARE_DECIMALS = 6  # as for the gram below
GRAM = 3  # decimals of a kg: BLAS may differ in the last bits between machines
ORGANISATIONS_AT_ONCE = 500  # bounds memory: all of England's practices × 500 groups are 40 MB
DRAWN = ("shared_key", "centre", "local_spread", "at")  # what takes one place in a world


def stream(key: str, seed: int) -> np.random.Generator:
    """The random numbers of a key: the same whatever else is drawn, and in which order."""
    digest = int.from_bytes(blake2b(key.encode(), digest_size=16).digest(), "big")
    return np.random.Generator(np.random.PCG64([seed % 2**64, digest]))


def draw_positions(keys: Sequence[str], seed: int, draws: int) -> Floats:
    """(key × draw) positions from -1 (the low end) over 0 (the central value) to 1 (the high end)."""
    uniform = _uniform(keys, seed, draws)
    tail = 1 - np.sqrt(2 * np.minimum(uniform, 1 - uniform))
    positions = np.where(uniform < 0.5, -tail, tail)
    positions[[key.startswith(SPAN) for key in keys]] = np.where(np.arange(draws) % 2, 1.0, -1.0)
    return np.asarray(positions, dtype=np.float64)


def draw_local_positions(everywhere: Floats, centre: Floats, spread: Floats, uniform: Floats) -> Floats:
    """(practice × draw) positions of practices about the place of all.

    everywhere  (practice × draw) positions of all practices together
    centre      (practice × 1) where the central value stands between the ends, 0–1
    spread      (practice × 1) local spread, 0–1
    uniform     (practice × draw) each practice's own draws, 0–1
    """
    place = centre + np.where(everywhere < 0, centre, 1 - centre) * everywhere
    own = np.where(uniform < spread * (1 - place), 0.0, np.where(uniform >= 1 - spread * place, 1.0, place))
    side = np.where(own < centre, centre, 1 - centre)
    return np.divide(own - centre, side, out=np.zeros_like(own), where=side > 0)


def draw_factors(factors: pl.LazyFrame, parts: pl.LazyFrame, seed: int, draws: int = 1000) -> Floats:
    """(factor × draw) kg a device, or a £, in the order of the rows, as they are for all practices together.

    factors  one row a factor: factor_id, kg_low, kg_co2e, kg_high; low ≤ central ≤ high
    parts    table ERROR_PARTS; a factor that is not in it draws alone
    raises   InputError where a row is not in that order, or is null
    """
    rows = factors.select("factor_id", *KILOGRAMS).with_row_index("row").collect()
    low, central, high = (rows[k].cast(pl.Float64).to_numpy() for k in KILOGRAMS)
    if not np.all((low <= central) & (central <= high)):
        raise InputError("a factor is not low ≤ central ≤ high.", where="factor draws", remedy="Run reference check.")
    moved = _moved(rows.lazy(), parts).select("row", "shared_key", "down", "up").sort("row", "shared_key").collect()
    keys, column = np.unique(moved["shared_key"].to_list(), return_inverse=True)
    below, above = np.zeros((2, rows.height, len(keys)))
    place = moved["row"].to_numpy(), column
    np.add.at(below, place, moved["down"].to_numpy())
    np.add.at(above, place, moved["up"].to_numpy())
    positions = draw_positions([str(k) for k in keys], seed, draws)
    return np.asarray(central[:, None] + below @ np.minimum(positions, 0) + above @ np.maximum(positions, 0))


def intervals_by(
    footprint: pl.LazyFrame, parts: pl.LazyFrame, by: Sequence[str], seed: int, draws: int = 1000
) -> pl.LazyFrame:
    """One row for each value of `by` with the interval of its kilograms.

    footprint  table FOOTPRINT, or any frame with practice_code, the columns of `by`, factor_id and the three kilograms
    parts      table ERROR_PARTS; a factor that is not in it draws alone
    by         grouping columns; none gives one row for all
    returns    by…, kg_low, kg_co2e, kg_high, sorted by `by`. kg_co2e is the exact sum of the central values; low and
               high are the 5th and 95th percentile over the draws, to the gram, and never on the wrong side of it;
               null where no row has a factor
    method     A row's kilograms at a position are central + position × (its distance to low or high), so the sums
               over rows that take the same place are all that is needed, whatever the factor's unit or its dates.
    """
    names = list(by)
    sums = _sums(footprint, parts, names)
    if sums.is_empty():
        return sums.lazy().select(*names, *(pl.col(k).cast(KG) for k in KILOGRAMS))
    groups = sums.select(names).unique(maintain_order=True) if names else pl.DataFrame({"all": [True]})
    totals = sums.group_by("group", maintain_order=True).agg(pl.col("kg_co2e", "known").sum())
    ends = [_ends(worlds) for worlds in _worlds(sums, parts, seed, draws)]
    offsets = (pl.Series(np.concatenate([end[side] for end in ends])).round(GRAM).cast(KG) for side in (0, 1))
    exact = totals["kg_co2e"].cast(KG)
    kilograms = pl.DataFrame(
        [exact, *(o.alias(n) for o, n in zip(offsets, ("down", "up"), strict=True)), totals["known"]]
    )
    is_known = pl.col("known") > 0
    return (
        pl.concat([groups, kilograms], how="horizontal")
        .lazy()
        .select(
            *names,
            kg_low=pl.when(is_known).then(pl.min_horizontal(pl.col("kg_co2e") + pl.col("down"), "kg_co2e").cast(KG)),
            kg_co2e=pl.when(is_known).then("kg_co2e"),
            kg_high=pl.when(is_known).then(pl.max_horizontal(pl.col("kg_co2e") + pl.col("up"), "kg_co2e").cast(KG)),
        )
    )


def shares_by(
    footprint: pl.LazyFrame, parts: pl.LazyFrame, by: Sequence[str], seed: int, draws: int = 1000
) -> pl.LazyFrame:
    """One row for each value of `by`: kg after ÷ kg before, with its interval when both stand in the same world.

    What a factor is wrong by it is wrong by in both periods, so most of it cancels out of their ratio: this is far narrower
    than the one interval over the other, and the only honest interval of a change.

    footprint  as `intervals_by` takes it, plus period: before or after
    returns    by…, share_low, share, share_high, sorted by `by`: the ratio of the exact central sums, and the 5th and 95th
               percentile of the ratio over the draws, never on the wrong side of it. No row where a period is not there, is
               not known or is 0
    """
    names = list(by)
    central = pl.col("kg_co2e").cast(pl.Float64)
    kg = footprint.group_by(*names, "period").agg(pl.col("kg_co2e").sum()).with_columns(kg=central)
    before, after = (kg.filter(period=end).drop("period", "kg_co2e") for end in ("before", "after"))
    pairs = after.join(before, on=names, suffix="_before", nulls_equal=True).filter(pl.col("kg_before") > 0).sort(names)
    chosen = pairs.collect()
    rows = footprint.join(chosen.lazy().select(names), on=names, how="semi", nulls_equal=True)
    sums = _sums(rows, parts, [*names, "period"])  # after, then before, of each
    found = []
    for at, worlds in enumerate(_worlds(sums, parts, seed, draws)):
        some = chosen.slice(at * ORGANISATIONS_AT_ONCE // 2, len(worlds) // 2)
        now, then = (
            some[name].to_numpy()[:, None] + worlds[place::2] for place, name in enumerate(("kg", "kg_before"))
        )
        found.append(_ends(now / then))
    low, high = (pl.Series(np.concatenate([end[side] for end in found] or [np.empty(0)])) for side in (0, 1))
    share = (pl.col("kg") / pl.col("kg_before")).round(SHARE_DECIMALS)
    drawn = chosen.with_columns(low=low, high=high).with_columns(share=share)
    return drawn.lazy().select(
        *names,
        share_low=pl.min_horizontal(pl.col("low").round(SHARE_DECIMALS), "share"),
        share="share",
        share_high=pl.max_horizontal(pl.col("high").round(SHARE_DECIMALS), "share"),
    )


def _sums(footprint: pl.LazyFrame, parts: pl.LazyFrame, names: list[str]) -> pl.DataFrame:
    """group, names…, factor_id, at (the practice, where its factor is drawn locally), the exact kilograms, known; sorted."""
    local = parts.filter(pl.col("local_spread").is_not_null()).select("factor_id", is_local=pl.lit(True)).unique()
    sums = (
        footprint.select(*dict.fromkeys([*names, "practice_code", "factor_id", *KILOGRAMS]))
        .join(local, on="factor_id", how="left", validate="m:1")
        .group_by(*names, "factor_id", at=pl.when("is_local").then("practice_code"))
        .agg(pl.col(KILOGRAMS).sum(), pl.col("kg_co2e").count().alias("known"))
        .sort(*names, "factor_id", "at", nulls_last=True)
        .collect()
    )
    return sums.with_columns(group=pl.struct(names).rle_id() if names else pl.lit(0, pl.UInt32))


def _moved(rows: pl.LazyFrame, parts: pl.LazyFrame) -> pl.LazyFrame:
    """The rows for each part of their factor's error, plus down and up: how far it moves them, in kg."""
    low, central, high = (pl.col(k).cast(pl.Float64) for k in KILOGRAMS)
    return rows.join(parts, on="factor_id", how="left").with_columns(
        shared_key=pl.coalesce("shared_key", "factor_id", pl.lit("")),
        down=(central - low) * pl.col("below").fill_null(1.0),
        up=(high - central) * pl.col("above").fill_null(1.0),
        **({"at": pl.when(pl.col("local_spread").is_not_null()).then("at")} if "at" in rows.collect_schema() else {}),
    )


def _worlds(sums: pl.DataFrame, parts: pl.LazyFrame, seed: int, draws: int) -> Iterator[Floats]:
    """(group × draw) distances of the groups of `_sums` from their central value, ORGANISATIONS_AT_ONCE at a time."""
    order = ("group", *DRAWN, "down", "up")
    moved = _moved(sums.lazy(), parts).select(order).sort(order, nulls_last=True).collect()
    keys = np.unique(moved["shared_key"].to_list())
    everywhere = draw_positions([str(k) for k in keys], seed, draws)
    firsts = np.arange(0, sums["group"].n_unique(), ORGANISATIONS_AT_ONCE)
    starts = np.searchsorted(moved["group"].to_numpy(), firsts).tolist()
    for start, end in zip(starts, [*starts, moved.height][1:], strict=True):
        yield _worlds_of(moved[start:end], keys, everywhere, seed)


def _worlds_of(moved: pl.DataFrame, keys: Keys, everywhere: Floats, seed: int) -> Floats:
    """The same of the groups of `moved`, neighbours in their order.

    everywhere  (key × draw) positions of all practices together, in the order of the keys
    """
    drawn = moved.select(DRAWN).unique().sort(DRAWN, nulls_last=True).with_row_index("column")
    place = moved.join(drawn, on=DRAWN, how="left", nulls_equal=True, maintain_order="left")
    at = (moved["group"] - moved["group"][0]).to_numpy(), place["column"].to_numpy()
    below, above = np.zeros((2, int(at[0][-1]) + 1, drawn.height))
    np.add.at(below, at, moved["down"].to_numpy())
    np.add.at(above, at, moved["up"].to_numpy())
    positions = everywhere[np.searchsorted(keys, drawn["shared_key"].to_list())]
    is_local = drawn["at"].is_not_null()
    local = drawn.filter(is_local)
    own = local.select(pl.format("{} at {}", "shared_key", "at")).to_series().to_list()
    centre, spread = (local[c].to_numpy()[:, None] for c in ("centre", "local_spread"))
    uniform = _uniform(own, seed, everywhere.shape[1])
    mask = is_local.to_numpy()
    positions[mask] = draw_local_positions(positions[mask], centre, spread, uniform)
    return np.asarray(below @ np.minimum(positions, 0) + above @ np.maximum(positions, 0), dtype=np.float64)


def _ends(worlds: Floats) -> tuple[Floats, Floats]:
    low, high = np.percentile(worlds, PERCENTILES, axis=1)
    return low, high


def _uniform(keys: Sequence[str], seed: int, draws: int) -> Floats:
    """(key × draw) uniform draws from 0 to 1, those of a key by its own seed."""
    uniform = np.empty((len(keys), draws))
    for row, key in enumerate(keys):
        uniform[row] = stream(key, seed).random(draws)
    return uniform
