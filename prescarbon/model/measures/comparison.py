"""Fair comparison: gates, over-dispersed funnels for the words, peers.

Funnels. Spiegelhalter's additive over-dispersion (2005, "Handling over-dispersion of performance indicators", Qual Saf
Health Care 14:347; "Funnel plots", Stat Med 24:1185), with the steps of FunnelPlotR (R/od_adjustment.R): z-scores of
every organisation against the pooled value, Winsorised at the 10th and 90th percentile; φ is their mean square; where
φ exceeds what chance alone allows, τ² (DerSimonian and Laird) is the variance between organisations. An organisation
stands out where it lies beyond 1.96 × √(s² + τ²), as NHS England's SHMI bands do; 3.09 gives the outer limits.

Proportions are compared on the arcsine square-root scale, s = 1 ÷ (2√n); means as they are, with s² = variance ÷ n.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from prescarbon.tables.schema import GATES

DEVICES_TO_RANK = 100  # docs/explanation/method.md: gates
DEVICES_TO_SHOW = 25
VERDICTS = pl.Enum(["lower than most", "about the same as others", "higher than most"])

WINSORISED = 0.1  # at each end
ORGANISATIONS_TO_JUDGE = 10  # of fewer, a tenth at each end is nobody: one of them would set the limits it is held to
LIMIT_95, LIMIT_998 = 1.959964, 3.090232  # standard normal
SCRATCH = ("is_in", "y", "target", "s2", "sd")
NOISE = 1e-9  # a z-score within rounding of the limit is not beyond it
PEERS = 10
# what makes practices alike, in words; list size by ratio, so by its logarithm
TRAITS = {
    "patients": "list size (log)",
    "mean_age": "mean age",
    "asthma_share": "asthma register",
    "copd_share": "COPD register",
    "imd_score": "deprivation (IMD)",
}


def judge_gate(count: pl.Expr) -> pl.Expr:
    """`gate` (GATES): ranked from 100 inhalers (or items), shown from 25, else listed; an unknown count is listed."""
    return (
        pl.when(count >= DEVICES_TO_RANK)
        .then(pl.lit("ranked"))
        .when(count >= DEVICES_TO_SHOW)
        .then(pl.lit("shown"))
        .otherwise(pl.lit("listed"))
        .cast(GATES)
        .alias("gate")
    )


def funnel_of_proportions(values: pl.LazyFrame, by: Sequence[str], winsorised: float = WINSORISED) -> pl.LazyFrame:
    """Where each organisation's share stands among the others of its group.

    values   by… (measure and period), numerator, denominator, gate; 0 ≤ numerator ≤ denominator. Extra columns are kept
    returns  values plus value?, pooled, phi, tau_squared (of the group), z? and verdict? (over-dispersed; null where
             the gate is listed or the group is smaller than ORGANISATIONS_TO_JUDGE), low_95, high_95, low_998, high_998 (limits at this denominator, in shares 0–1)
    method   module docstring. Organisations with the gate listed take no part in pooled, φ and τ²
    """
    is_in = (pl.col("gate") != "listed") & (pl.col("denominator") > 0)
    numerator, denominator = (pl.col(c).cast(pl.Float64) for c in ("numerator", "denominator"))
    pooled = _sum(numerator.filter(is_in)) / _sum(denominator.filter(is_in))
    scaled = values.with_columns(
        value=pl.when(denominator > 0).then(numerator / denominator), pooled=pooled.fill_nan(None).over(list(by))
    ).with_columns(
        is_in=is_in.fill_null(value=False),
        y=pl.col("value").sqrt().arcsin(),
        target=pl.col("pooled").sqrt().arcsin(),
        s2=pl.when(denominator > 0).then(1 / (4 * denominator)),
    )
    back = {name: edge.clip(0, np.pi / 2).sin().pow(2) for name, edge in _limits().items()}
    return _over_dispersed(scaled, by, winsorised).with_columns(**back).drop(*SCRATCH)


def funnel_of_means(values: pl.LazyFrame, by: Sequence[str], winsorised: float = WINSORISED) -> pl.LazyFrame:
    """Where each organisation's mean, such as kg per inhaler, stands among the others of its group.

    values   by…, mean, variance (of one inhaler about it), count (inhalers), gate. Extra columns are kept
    returns  as `funnel_of_proportions`, limits in the unit of the mean. An organisation whose variance is 0 or unknown
             (all its inhalers alike) takes the pooled variance of the group
    """
    count, variance = pl.col("count").cast(pl.Float64), pl.col("variance")
    is_in = ((pl.col("gate") != "listed") & (count > 0) & pl.col("mean").is_not_null()).fill_null(value=False)
    has_spread = is_in & (variance > 0)
    pooled_variance = _sum((variance * count).filter(has_spread)) / _sum(count.filter(has_spread))
    group = list(by)
    scaled = values.with_columns(
        is_in=is_in,
        value="mean",
        y="mean",
        pooled=(_sum((pl.col("mean") * count).filter(is_in)) / _sum(count.filter(is_in))).fill_nan(None).over(group),
        s2=pl.when(count > 0).then(pl.when(variance > 0).then(variance).otherwise(pooled_variance.over(group)) / count),
    ).with_columns(target="pooled")
    return _over_dispersed(scaled, by, winsorised).with_columns(**_limits()).drop(*SCRATCH)


def spread_by(footprint: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """by…, count (inhalers), mean (kg an inhaler), variance (of one inhaler, n - 1): what `funnel_of_means` needs.

    footprint  by…, devices, kg_co2e; rows without either take no part
    """
    kg, n = pl.col("kg_co2e").cast(pl.Float64), pl.col("devices")
    total = n.sum()
    squares = _sum(kg * kg / n) - _sum(kg) ** 2 / total
    return (
        footprint.filter((n > 0) & pl.col("kg_co2e").is_not_null())
        .group_by(list(by))
        .agg(count=total, mean=_sum(kg) / total, variance=pl.when(total > 1).then(squares.clip(0) / (total - 1)))
        .sort(*by)
    )


def _sum(values: pl.Expr) -> pl.Expr:
    """The sum, smallest first: a sum of floats depends on the order, and rows come in any; null where there is no value.

    A running sum, because polars takes `.sort().sum()` for a sum in any order and leaves the sorting out.
    """
    return values.sort().cum_sum().last()


def _standardised(trait: pl.Expr) -> pl.Expr:
    """How many standard deviations (n - 1) from the mean; 0 where all are alike, null where unknown."""
    apart = trait - _sum(trait) / trait.count()
    deviation = (_sum(apart.pow(2)) / (trait.count() - 1)).sqrt().fill_nan(None)
    return pl.when(deviation > 0).then(apart / deviation).otherwise(0.0 * trait)


def _over_dispersed(scaled: pl.LazyFrame, by: Sequence[str], winsorised: float) -> pl.LazyFrame:
    group = list(by)
    raw, weight, is_in = pl.col("raw_z"), 1 / pl.col("s2"), pl.col("is_in")
    quantiles = [raw.filter(is_in).quantile(q, "linear").over(group) for q in (winsorised, 1 - winsorised)]
    weights, squared = _sum(weight.filter(is_in)), _sum((weight**2).filter(is_in))
    tau_squared = between_variance(pl.col("phi"), pl.col("n"), weights.over(group), squared.over(group))
    is_judged = is_in & (pl.col("n") > 1)
    is_enough = pl.col("n") >= ORGANISATIONS_TO_JUDGE
    return (
        scaled.with_columns(raw_z=(pl.col("y") - pl.col("target")) / pl.col("s2").sqrt(), n=is_in.sum().over(group))
        .with_columns(phi=(_sum(raw.clip(*quantiles).pow(2).filter(is_in)) / is_in.sum()).over(group))
        .with_columns(tau_squared=tau_squared)
        .with_columns(sd=(pl.col("s2") + pl.col("tau_squared")).sqrt())
        .with_columns(z=pl.when(is_judged).then((pl.col("y") - pl.col("target")) / pl.col("sd")))
        .with_columns(
            verdict=pl.when(~is_enough)
            .then(None)
            .when(pl.col("z") > LIMIT_95 + NOISE)
            .then(pl.lit("higher than most"))
            .when(pl.col("z") < -LIMIT_95 - NOISE)
            .then(pl.lit("lower than most"))
            .when(pl.col("z").is_not_null())
            .then(pl.lit("about the same as others"))
            .cast(VERDICTS)
        )
        .drop("raw_z", "n")
    )


def between_variance(phi: pl.Expr, n: pl.Expr, weights: pl.Expr, squared_weights: pl.Expr) -> pl.Expr:
    """τ² of DerSimonian and Laird from φ = Q ÷ n, Σw and Σw² with w = 1 ÷ s²; 0 where Q does not exceed n - 1."""
    return ((n * phi - (n - 1)) / (weights - squared_weights / weights)).clip(0).fill_nan(0.0).fill_null(0.0)


def _limits() -> dict[str, pl.Expr]:
    target, sd = pl.col("target"), pl.col("sd")
    return {
        f"{side}_{words}": target + sign * z * sd
        for words, z in (("95", LIMIT_95), ("998", LIMIT_998))
        for side, sign in (("low", -1), ("high", 1))
    }


def peer_traits(traits: pl.LazyFrame, list_sizes: pl.LazyFrame) -> pl.LazyFrame:
    """practice_code, patients?, asthma_share?, copd_share?, imd_score?: one row a practice, the newest value of each.

    traits      table PRACTICE_TRAITS: each column is taken from the newest file that has it
    list_sizes  table LIST_SIZES: the newest month
    """
    shares = traits.sort("as_of").with_columns(
        asthma_share=pl.col("asthma_register") / pl.col("asthma_list"),
        copd_share=pl.col("copd_register") / pl.col("copd_list"),
    )
    newest = shares.group_by("practice_code").agg(pl.col("asthma_share", "copd_share", "imd_score").drop_nulls().last())
    sizes = list_sizes.sort("month").group_by("practice_code").agg(pl.col("patients").last())
    return sizes.join(newest, on="practice_code", how="full", coalesce=True).sort("practice_code")


def nearest_peers(
    traits: pl.LazyFrame, of: Sequence[str] | None = None, count: int = PEERS
) -> tuple[pl.LazyFrame, str]:
    """The practices most like each practice, and how they were found, in words for the page.

    traits   practice_code and any of TRAITS. Pass open GP practices only
    of       practices to find peers for; none: all
    returns  practice_code, peer_code, rank (1 is the nearest), distance; and the method. A practice without a list
             size has no peers
    method   Each trait is standardised over all practices; distance is the root mean square of the differences over
             the traits that the practice has, and a peer must have all of these. Ties go by practice code
    """
    have = [name for name in TRAITS if name in traits.collect_schema().names()]
    known = traits.select(pl.col(have).count()).collect().row(0)
    used = [name for name, n in zip(have, known, strict=True) if n > 1]
    words = ", ".join(TRAITS[name] for name in used)
    method = f"The {count} nearest practices by {words}: standardised differences, root mean square."
    raw = [(pl.col(n).cast(pl.Float64).log() if n == "patients" else pl.col(n).cast(pl.Float64)).alias(n) for n in used]
    spread = [_standardised(pl.col(n)).alias(n) for n in used]
    standard = traits.filter(pl.col("patients") > 0).select("practice_code", *raw).with_columns(spread)
    mine = standard if of is None else standard.filter(pl.col("practice_code").is_in(list(of)))
    pairs = mine.join(standard.rename({"practice_code": "peer_code"}), how="cross", suffix="_peer").filter(
        pl.col("practice_code") != pl.col("peer_code")
    )
    is_comparable = pl.all_horizontal(pl.col(n).is_null() | pl.col(f"{n}_peer").is_not_null() for n in used)
    squares = [(pl.col(n) - pl.col(f"{n}_peer")).pow(2) for n in used]
    return (
        pairs.filter(is_comparable)
        .select("practice_code", "peer_code", distance=pl.mean_horizontal(squares).sqrt())
        .sort("practice_code", "distance", "peer_code")
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("practice_code"))
        .filter(pl.col("rank") <= count)
        .select("practice_code", "peer_code", "rank", "distance")
    ), method
