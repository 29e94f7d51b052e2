"""Shared factor draws → intervals of kilograms: one draw is one possible world, the same for every organisation.

A factor's error does not differ by practice: if Ventolin's can holds more propellant than thought, it does so for
all. So two practices move together, and a rank can be stable although both intervals are wide.

Distribution. Between low and high, two triangular halves meet at the central value, each with half the probability:
the central value is the median, low and high are the ends, and where low = central = high nothing is drawn. Factors
with the same `shared_key` take the same position in every draw. Where nothing says which value between the ends is
likelier (a key that begins with SPAN), only the ends are drawn, each in every second world: the interval is the whole span.

Seeds. The draws of a key come from PCG64 seeded by (seed, BLAKE2b of the key), so that they depend on neither the row
order, nor the other factors, nor the organisations present.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.sums import KILOGRAMS
from prescarbon.tables.schema import KG

Floats = npt.NDArray[np.float64]

PERCENTILES = (5, 95)  # docs/explanation/method.md: every printed interval
SPAN = "span:"  # how the shared key of factors begins whose ends alone are drawn
SHARES = ("share_low", "share", "share_high")
SHARE_DECIMALS = 6  # as for the gram below
GRAM = 3  # decimals of a kg: BLAS may differ in the last bits between machines
ORGANISATIONS_AT_ONCE = 2_000  # bounds memory: 2,000 × 1,000 draws are 16 MB


def stream(key: str, seed: int) -> np.random.Generator:
    """The random numbers of a key: the same whatever else is drawn, and in which order."""
    digest = int.from_bytes(blake2b(key.encode(), digest_size=16).digest(), "big")
    return np.random.Generator(np.random.PCG64([seed % 2**64, digest]))


def draw_positions(keys: Sequence[str], seed: int, draws: int) -> Floats:
    """(key × draw) positions from -1 (the low end) over 0 (the central value) to 1 (the high end)."""
    positions = np.empty((len(keys), draws))
    for row, key in enumerate(keys):
        if key.startswith(SPAN):
            positions[row] = np.where(np.arange(draws) % 2, 1, -1)
            continue
        uniform = stream(key, seed).random(draws)
        tail = 1 - np.sqrt(2 * np.minimum(uniform, 1 - uniform))
        positions[row] = np.where(uniform < 0.5, -tail, tail)
    return positions


def draw_factors(factors: pl.LazyFrame, seed: int, draws: int = 1000) -> Floats:
    """(factor × draw) kg a device, or a £, in the order of the rows.

    factors  one row a factor: shared_key, kg_low, kg_co2e, kg_high; low ≤ central ≤ high
    raises   InputError where a row is not in that order, or is null
    """
    rows = factors.select("shared_key", *KILOGRAMS).collect()
    low, central, high = (rows[k].cast(pl.Float64).to_numpy() for k in KILOGRAMS)
    if not np.all((low <= central) & (central <= high)):
        raise InputError("a factor is not low ≤ central ≤ high.", where="factor draws", remedy="Run reference check.")
    keys, place = np.unique(rows["shared_key"].to_list(), return_inverse=True)
    position = draw_positions([str(k) for k in keys], seed, draws)[place]
    below, above = (central - low)[:, None], (high - central)[:, None]
    return np.asarray(central[:, None] + np.where(position < 0, below, above) * position, dtype=np.float64)


def intervals_by(
    footprint: pl.LazyFrame, factors: pl.LazyFrame, by: Sequence[str], seed: int, draws: int = 1000
) -> pl.LazyFrame:
    """One row for each value of `by` with the interval of its kilograms.

    footprint  table FOOTPRINT, or any frame with the columns of `by`, factor_id and the three kilograms
    factors    factor_id → shared_key: which factors move together; a factor that is not named draws alone
    by         grouping columns; none gives one row for all
    returns    by…, kg_low, kg_co2e, kg_high, sorted by `by`. kg_co2e is the exact sum of the central values; low and
               high are the 5th and 95th percentile over the draws, to the gram, and never on the wrong side of it;
               null where no row has a factor
    method     A row's kilograms at a position are central + position × (its distance to low or high), so the sums
               over rows that share a key are all that is needed, whatever the factor's unit or its dates.
    """
    names = list(by)
    rows = _by_shared_key(footprint, factors, names)
    if rows.is_empty():
        return rows.lazy().select(*names, *(pl.col(k).cast(KG) for k in KILOGRAMS))
    groups, at, (below, above), (down, up) = _matrices(rows, names, seed, draws)
    ends = [
        _interval(
            below[start : start + ORGANISATIONS_AT_ONCE] @ down + above[start : start + ORGANISATIONS_AT_ONCE] @ up
        )
        for start in range(0, len(groups), ORGANISATIONS_AT_ONCE)
    ]
    sums = rows.with_columns(at=pl.Series(at)).group_by("at", maintain_order=True).agg(pl.col("kg_co2e", "known").sum())
    exact = sums["kg_co2e"].cast(KG)
    offsets = (pl.Series(np.concatenate([end[side] for end in ends])).round(GRAM).cast(KG) for side in (0, 1))
    kilograms = pl.DataFrame(
        [exact, *(o.alias(n) for o, n in zip(offsets, ("down", "up"), strict=True)), sums["known"]]
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
    footprint: pl.LazyFrame, factors: pl.LazyFrame, by: Sequence[str], seed: int, draws: int = 1000
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
    rows = _by_shared_key(footprint, factors, [*names, "period"])
    if rows.is_empty():
        return rows.lazy().select(*names, *(pl.lit(None, pl.Float64).alias(share) for share in SHARES))
    groups, at, (below, above), (down, up) = _matrices(rows, [*names, "period"], seed, draws)
    exact = rows.with_columns(at=pl.Series(at)).group_by("at", maintain_order=True).agg(pl.col("kg_co2e").sum())
    central = exact["kg_co2e"].cast(pl.Float64).to_numpy()
    placed = groups.with_row_index("place").with_columns(kg=central)
    before, after = (placed.filter(period=end).drop("period") for end in ("before", "after"))
    pairs = after.join(before, on=names, suffix="_before", nulls_equal=True).filter(pl.col("kg_before") > 0).sort(names)
    then, now = pairs["place_before"].to_numpy(), pairs["place"].to_numpy()
    worlds = [central[at][:, None] + below[at] @ down + above[at] @ up for at in (now, then)]
    low, high = _interval(worlds[0] / worlds[1]) if len(pairs) else (np.empty(0), np.empty(0))
    share = (pl.col("kg") / pl.col("kg_before")).round(SHARE_DECIMALS)
    drawn = pairs.with_columns(pl.Series("low", low), pl.Series("high", high)).with_columns(share=share)
    return drawn.lazy().select(
        *names,
        share_low=pl.min_horizontal(pl.col("low").round(SHARE_DECIMALS), "share"),
        share="share",
        share_high=pl.max_horizontal(pl.col("high").round(SHARE_DECIMALS), "share"),
    )


def _by_shared_key(footprint: pl.LazyFrame, factors: pl.LazyFrame, names: Sequence[str]) -> pl.DataFrame:
    """names…, shared_key, the three kilograms summed, known (rows with any); sorted."""
    keys = factors.select("factor_id", "shared_key").unique()
    return (
        footprint.select(*names, "factor_id", *KILOGRAMS)
        .join(keys, on="factor_id", how="left", validate="m:1")
        .with_columns(pl.coalesce("shared_key", "factor_id", pl.lit("")).alias("shared_key"))
        .group_by(*names, "shared_key")
        .agg(pl.col(KILOGRAMS).sum(), pl.col("kg_co2e").count().alias("known"))
        .sort(*names, "shared_key", nulls_last=True)
        .collect()
    )


def _matrices(
    rows: pl.DataFrame, names: Sequence[str], seed: int, draws: int
) -> tuple[pl.DataFrame, npt.NDArray[np.int64], tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Groups; which each row belongs to; (group × key) distances to low and high; (key × draw) positions below and above 0."""
    groups = rows.select(names).unique(maintain_order=True) if names else pl.DataFrame({"all": [True]})
    at = (
        rows.with_columns(pl.struct(names).rle_id().alias("at"))["at"].to_numpy() if names else np.zeros(len(rows), int)
    )
    shared, column = np.unique(rows["shared_key"].to_list(), return_inverse=True)
    low, central, high = (rows[k].cast(pl.Float64).to_numpy() for k in KILOGRAMS)
    below, above = np.zeros((2, len(groups), len(shared)))
    below[at, column], above[at, column] = central - low, high - central
    positions = draw_positions([str(k) for k in shared], seed, draws)
    return groups, at, (below, above), (np.minimum(positions, 0), np.maximum(positions, 0))


def _interval(worlds: Floats) -> tuple[Floats, Floats]:
    low, high = np.percentile(worlds, PERCENTILES, axis=1)
    return low, high
