"""The daily dose of each substance stays: guards of a switch that weigh micrograms."""

import polars as pl

from prescarbon.model.opportunities.doses import COMPONENTS

PUFFS_FOR_ONE = (0.25, 0.5, 1.0, 2.0)  # two puffs twice a day may become one once a day, one puff two
WRITTEN = 0.01  # a ratio is written to two places
SAME_SUBSTANCE = 1.1  # delivered doses of products that sources call equal differ by up to 5% (110 twice and 231)
IN_A_STEP = 5 / 3  # formoterol a day within the low step of the step table behind dose-bands.csv: 12 to 20 micrograms
ROUNDING = 1e-9


def dose_reasons(tolerance: float) -> list[pl.Expr]:
    """The daily dose of each substance stays, in whole puffs: after ÷ before lies near 1.

    One substance for itself may differ by no more than SAME_SUBSTANCE; a steroid for another by the tolerance of a dose
    category, with the least and the most that sources say it stands for.
    """
    puffs = pl.col("ratio") * pl.col("to_doses_per_device") / pl.col("from_doses_per_device")
    both = holds("from", "ICS") & holds("to", "ICS")
    is_same = pl.col("from_steroid") == pl.col("to_steroid")
    exact = _nearest_to_one(puffs, "ICS")
    low = pl.when(is_same).then(exact).otherwise(puffs * pl.col("to_bdp_low") / pl.col("from_bdp_high"))
    high = pl.when(is_same).then(exact).otherwise(puffs * pl.col("to_bdp_high") / pl.col("from_bdp_low"))
    allowed = pl.when(is_same).then(SAME_SUBSTANCE).otherwise(tolerance)
    is_whole = pl.any_horizontal(*((puffs / step - 1).abs() <= WRITTEN for step in PUFFS_FOR_ONE))
    usual = {side: pl.col(f"{side}_usual_puffs_a_day") for side in ("from", "to")}
    # a quarter of the puffs is right only from four a day to one: else a strong inhaler is taken once
    is_quarter = ((puffs / PUFFS_FOR_ONE[0] - 1).abs() <= WRITTEN) & ~(
        (usual["to"] / usual["from"] / PUFFS_FOR_ONE[0] - 1).abs() <= WRITTEN
    ).fill_null(value=False)
    reasons = [
        *_too_many_puffs(puffs),
        refuse_when(is_quarter, "puffs: a quarter of them, and no text says four a day become one"),
        refuse_when(
            pl.col("from_is_dosed") & pl.col("to_is_dosed") & puffs.is_null(),
            "unknown: the doses of a device are not known",
        ),
        pl.when(puffs.is_not_null() & ~is_whole).then(
            pl.format("puffs: {} of the target for one of the source can not be taken", puffs.round(2))
        ),
        refuse_when(
            both & puffs.is_not_null() & (low.is_null() | high.is_null()),
            "dose: how much steroid the one stands for in the other is not known",
        ),
        pl.when(both & ~_within(low, high, allowed)).then(
            pl.format("dose: at this ratio the daily steroid would be {} times what it was", _span(low, high))
        ),
    ]
    # beside another steroid a guideline's step decides; for itself a substance keeps its dose
    beside = pl.when(both & ~is_same.fill_null(value=False)).then(IN_A_STEP).otherwise(SAME_SUBSTANCE)
    for part in COMPONENTS[1:]:
        same = holds("from", part) & (pl.col(f"from_{part}") == pl.col(f"to_{part}"))
        times = _nearest_to_one(puffs, part)
        changed = "dose: at this ratio the daily {} would be {} times what it was"
        reasons += [
            refuse_when(
                same & puffs.is_not_null() & times.is_null(), f"dose: the micrograms of the {part} are not known"
            ),
            pl.when(same & ~_within(times, times, beside)).then(
                pl.format(changed, f"from_{part}", _span(times, times))
            ),
        ]
    return reasons + _of_another_substance(~both, tolerance)


def _too_many_puffs(puffs: pl.Expr) -> list[pl.Expr]:
    """No more puffs a day of an inhaler with a LABA than its text allows; what is not known allows no more than now."""
    limit = pl.coalesce("to_max_puffs_a_day", "to_usual_puffs_a_day")
    a_day = pl.col("from_usual_puffs_a_day") * puffs
    is_new = (pl.col("from_LABA") != pl.col("to_LABA")).fill_null(value=False)
    return [
        pl.when(holds("to", "LABA") & (a_day > limit + ROUNDING)).then(
            pl.format("puffs: {} a day, and the target's text allows {}", a_day.round(1), limit)
        ),
        refuse_when(
            holds("to", "LABA") & (a_day.is_null() | limit.is_null()) & (puffs > 1 + WRITTEN),
            "puffs: more a day than now, and how many the target's text allows is not known",
        ),
        refuse_when(
            is_new & limit.is_null() & (puffs > PUFFS_FOR_ONE[1] * (1 + WRITTEN)),
            "puffs: another LABA, and how many puffs a day its text allows is not known",
        ),
    ]


def _of_another_substance(without_steroid: pl.Expr, tolerance: float) -> list[pl.Expr]:
    """Where no steroid sets the dose and the substance changes, the devices at their usual regimens last equally long."""
    changes = pl.any_horizontal(
        *(holds("from", c) & (pl.col(f"from_{c}") != pl.col(f"to_{c}")) for c in COMPONENTS[1:])
    )
    is_other = changes.fill_null(value=False) & (pl.col("from_contents") == pl.col("to_contents")) & without_steroid
    is_reliever = holds("from", "SABA") | holds("from", "SAMA")
    lasts = {s: pl.col(f"{s}_doses_per_device") / pl.col(f"{s}_usual_puffs_a_day") for s in ("from", "to")}
    days = pl.col("ratio") * lasts["to"] / lasts["from"]
    return [
        refuse_when(
            is_other & is_reliever, "dose: another reliever, and no source says how many puffs stand for how many"
        ),
        refuse_when(
            is_other & ~is_reliever & days.is_null(), "dose: another substance, and its usual daily puffs are not known"
        ),
        refuse_when(
            is_other & ~is_reliever & ~_within(days, days, pl.lit(tolerance)),
            "dose: at this ratio the devices do not last equally long",
        ),
    ]


def _nearest_to_one(puffs: pl.Expr, part: str) -> pl.Expr:
    """Daily micrograms after ÷ before of one substance, metered or delivered: products called equal are so on one basis."""
    metered, delivered = (
        puffs * pl.col(f"to_{part}_{basis}") / pl.col(f"from_{part}_{basis}") for basis in ("metered", "delivered")
    )
    is_nearer = (delivered.log().abs() < metered.log().abs()).fill_null(value=False)
    return pl.when(metered.is_null() | is_nearer).then(delivered).otherwise(metered)


def _within(low: pl.Expr, high: pl.Expr, tolerance: pl.Expr) -> pl.Expr:
    return ((low * tolerance >= 1 - ROUNDING) & (high <= tolerance + ROUNDING)).fill_null(value=True)


def _span(low: pl.Expr, high: pl.Expr) -> pl.Expr:
    one, other = low.round(2).cast(pl.String), high.round(2).cast(pl.String)
    return pl.when(one == other).then(one).otherwise(pl.format("{} to {}", one, other))


def refuse_when(condition: pl.Expr, words: str) -> pl.Expr:
    """These words where the condition holds, else null."""
    return pl.when(condition).then(pl.lit(words))


def holds(side: str, component: str) -> pl.Expr:
    """Whether one side of the pair holds a component."""
    return pl.col(f"{side}_{component}").is_not_null()
