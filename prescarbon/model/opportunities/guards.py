"""May this product become that one? Properties of the two products decide, and the lists of reference/switches/guards.toml."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from prescarbon.model.opportunities.doses import COMPONENTS, DoseBook
from prescarbon.model.opportunities.rules import Guard, match_codes, pattern_table

LOW_CARBON_PROPELLANTS = ("HFA-152a", "HFO-1234ze")
PRESSURISED = ("pMDI", "BAI")
ADULT_FROM_AGE = 12  # below it NHS England advises a pressurised inhaler
PUFFS_FOR_ONE = (0.25, 0.5, 1.0, 2.0)  # two puffs twice a day may become one once a day, one puff two
WRITTEN = 0.01  # a ratio is written to two places
SAME_SUBSTANCE = 1.1  # delivered doses of products that sources call equal differ by up to 5% (110 twice and 231)
IN_A_STEP = 5 / 3  # formoterol a day within the low step of the step table behind dose-bands.csv: 12 to 20 micrograms
ROUNDING = 1e-9


def describe_pairs(pairs: pl.LazyFrame, book: DoseBook, products: pl.LazyFrame) -> pl.LazyFrame:
    """Pairs with from_* and to_* of both products, for `property_reasons`.

    pairs     from_code, to_code, ratio (target devices for one source device)
    products  bnf_code, drug_class?, device_type, propellant of the month: nothing else is inhaled
    """
    told = book.facts.select(
        "bnf_code", "contents", "steroid", "bdp_low", "bdp_high", "doses_per_device", "usual_puffs_a_day", "has_text",
        "asthma", "copd", "mart", "air", "asthma_from_age", "is_paediatric_strength",
        *COMPONENTS, *(f"{c}_{basis}" for c in COMPONENTS for basis in ("metered", "delivered")),
        is_dosed=pl.lit(True),
    )  # fmt: skip
    gases = book.gwp100.select("propellant", gwp100=pl.col("gwp100").cast(pl.Float64))
    air = products.join(gases, on="propellant", how="left").select(
        "bnf_code",
        "device_type",
        "propellant",
        gwp=pl.when(pl.col("propellant") == "none").then(0.0).otherwise("gwp100"),
        is_product=pl.lit(True),
    )
    described = pairs
    for side in ("from", "to"):
        for frame in (told, air):
            named = frame.rename({c: f"{side}_{c}" for c in frame.collect_schema().names() if c != "bnf_code"})
            described = described.join(named, left_on=f"{side}_code", right_on="bnf_code", how="left", validate="m:1")
    return described


def property_reasons(tolerance: float) -> list[pl.Expr]:
    """One expression a guard: why the pair is refused, or null; columns are those of `describe_pairs`.

    tolerance  how many times higher or lower a daily dose may be and still be the same dose (reference/dose-bands.csv)
    """
    return [
        _when(
            pl.col("from_is_dosed").is_null() | pl.col("from_is_product").is_null(),
            "unknown: the dose or device of the source is not in the reference",
        ),
        _when(
            pl.col("to_is_dosed").is_null() | pl.col("to_is_product").is_null(),
            "unknown: the dose or device of the target is not in the reference",
        ),
        _when(~pl.col("to_has_text"), "unknown: no text about the target was read, only its name"),
        _when(
            _has("from", "ICS") & ~_has("to", "ICS"),
            "steroid: the inhaled steroid would be lost",
        ),
        _when(
            (pl.col("from_contents") != pl.col("to_contents")) & ~(_has("from", "ICS") & ~_has("to", "ICS")),
            "class: another kind of treatment is put in its place",
        ),
        *_dose_reasons(tolerance),
        _when(_may_have("mart") & ~_has_licence("to", "mart"), "MART: the source may be used for it, the target is not known to be licensed for it"),
        _when(_may_have("air") & ~_has_licence("to", "air"), "AIR: the source is licensed for it, the target is not known to be"),
        _when(
            ~_shares_an_indication(),
            "licence: the target is licensed for no disease that the source is licensed for",
        ),
        _when(
            pl.col("from_is_paediatric_strength")
            & ((pl.col("to_asthma_from_age") >= ADULT_FROM_AGE) | pl.col("to_asthma_from_age").is_null()),
            "child: a strength for children, and the target is not known to be licensed under 12",
        ),
        _when(
            pl.col("from_is_product") & pl.col("to_is_product") & (pl.col("from_gwp").is_null() | pl.col("to_gwp").is_null()),
            "propellant: not known, so it may be the worse one",
        ),
        _when(pl.col("to_gwp") > pl.col("from_gwp"), "propellant: the target's warms more than the source's"),
    ]  # fmt: skip


def _when(condition: pl.Expr, words: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(words))


def _has(side: str, component: str) -> pl.Expr:
    return pl.col(f"{side}_{component}").is_not_null()


def _has_licence(side: str, plan: str) -> pl.Expr:
    return (pl.col(f"{side}_{plan}") == "yes").fill_null(value=False)


def _may_have(plan: str) -> pl.Expr:
    """Licensed for the plan; where nobody read the licence, a steroid with formoterol alone may be used for MART."""
    stated = _has_licence("from", plan)
    if plan == "air":
        return stated
    unread = pl.col("from_mart").is_null() & (pl.col("from_contents") == "ICS+LABA")
    return stated | (unread & (pl.col("from_LABA") == "formoterol")).fill_null(value=False)


def _shares_an_indication() -> pl.Expr:
    """Some disease both are licensed for; what was not read refuses nothing here and is said on the line."""
    unread = [pl.col(f"{side}_asthma").is_null() & pl.col(f"{side}_copd").is_null() for side in ("from", "to")]
    shared = [
        (pl.col(f"from_{d}") == "yes") & (pl.col(f"to_{d}") != "no").fill_null(value=True) for d in ("asthma", "copd")
    ]
    return pl.any_horizontal(*unread, *(s.fill_null(value=False) for s in shared))


def _dose_reasons(tolerance: float) -> list[pl.Expr]:
    """The daily dose of each substance stays, in whole puffs: after ÷ before lies near 1.

    One substance for itself may differ by no more than SAME_SUBSTANCE; a steroid for another by the tolerance of a dose
    category, with the least and the most that sources say it stands for.
    """
    puffs = pl.col("ratio") * pl.col("to_doses_per_device") / pl.col("from_doses_per_device")
    both = _has("from", "ICS") & _has("to", "ICS")
    is_same = pl.col("from_steroid") == pl.col("to_steroid")
    exact = _nearest_to_one(puffs, "ICS")
    low = pl.when(is_same).then(exact).otherwise(puffs * pl.col("to_bdp_low") / pl.col("from_bdp_high"))
    high = pl.when(is_same).then(exact).otherwise(puffs * pl.col("to_bdp_high") / pl.col("from_bdp_low"))
    allowed = pl.when(is_same).then(SAME_SUBSTANCE).otherwise(tolerance)
    is_whole = pl.any_horizontal(*((puffs / step - 1).abs() <= WRITTEN for step in PUFFS_FOR_ONE))
    reasons = [
        _when(
            pl.col("from_is_dosed") & pl.col("to_is_dosed") & puffs.is_null(),
            "unknown: the doses of a device are not known",
        ),
        pl.when(puffs.is_not_null() & ~is_whole).then(
            pl.format("puffs: {} of the target for one of the source can not be taken", puffs.round(2))
        ),
        _when(
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
        same = _has("from", part) & (pl.col(f"from_{part}") == pl.col(f"to_{part}"))
        times = _nearest_to_one(puffs, part)
        changed = "dose: at this ratio the daily {} would be {} times what it was"
        reasons += [
            _when(same & puffs.is_not_null() & times.is_null(), f"dose: the micrograms of the {part} are not known"),
            pl.when(same & ~_within(times, times, beside)).then(
                pl.format(changed, f"from_{part}", _span(times, times))
            ),
        ]
    return reasons + _of_another_substance(~both, tolerance)


def _of_another_substance(without_steroid: pl.Expr, tolerance: float) -> list[pl.Expr]:
    """Where no steroid sets the dose and the substance changes, the devices at their usual regimens last equally long."""
    changes = pl.any_horizontal(*(_has("from", c) & (pl.col(f"from_{c}") != pl.col(f"to_{c}")) for c in COMPONENTS[1:]))
    is_other = changes.fill_null(value=False) & (pl.col("from_contents") == pl.col("to_contents")) & without_steroid
    is_reliever = _has("from", "SABA") | _has("from", "SAMA")
    lasts = {s: pl.col(f"{s}_doses_per_device") / pl.col(f"{s}_usual_puffs_a_day") for s in ("from", "to")}
    days = pl.col("ratio") * lasts["to"] / lasts["from"]
    return [
        _when(is_other & is_reliever, "dose: another reliever, and no source says how many puffs stand for how many"),
        _when(
            is_other & ~is_reliever & days.is_null(), "dose: another substance, and its usual daily puffs are not known"
        ),
        _when(
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


def listed_reasons(pairs: pl.LazyFrame, guards: Sequence[Guard]) -> pl.LazyFrame:
    """from_code, to_code, ratio → listed: the guards of the list that forbid the pair, in words, in order of their ids.

    pairs  from_code, to_code, ratio, to_device?
    """
    sources, targets = pairs.select(bnf_code="from_code").unique(), pairs.select(bnf_code="to_code").unique()
    limits = pl.LazyFrame(
        [(g.id, f"{g.id}: {g.reason}", list(g.to_devices), bool(g.to_codes), g.at_ratio) for g in guards],
        schema={
            "guard_id": pl.String,
            "guard": pl.String,
            "to_devices": pl.List(pl.String),
            "has_to_codes": pl.Boolean,
            "at_ratio": pl.Float64,
        },
        orient="row",
    )
    from_hits = match_codes(pattern_table({g.id: g.from_codes for g in guards}, "guard_id"), sources, "guard_id")
    to_hits = match_codes(pattern_table({g.id: g.to_codes for g in guards}, "guard_id"), targets, "guard_id")
    is_any_target = ~pl.col("has_to_codes") & (pl.col("to_devices").list.len() == 0)
    keys = ["from_code", "to_code", "ratio"]
    return (
        pairs.select(*keys, "to_device")
        .unique()
        .join(from_hits.rename({"bnf_code": "from_code"}), on="from_code")
        .join(limits, on="guard_id")
        .join(to_hits.rename({"bnf_code": "to_code"}).with_columns(hit=pl.lit(True)), on=["guard_id", "to_code"], how="left")
        .filter(is_any_target | pl.col("hit").fill_null(value=False) | pl.col("to_devices").list.contains(pl.col("to_device")))
        .filter(pl.col("at_ratio").is_null() | (pl.col("at_ratio") == pl.col("ratio")))
        .group_by(keys)
        .agg(listed=pl.col("guard").unique().sort())
    )  # fmt: skip


def availability_reasons(on: date) -> list[pl.Expr]:
    """Whether the target may be offered on a day: columns on_from?, review_by? (of the formulary) and off_reason?."""
    return [
        _when(pl.col("on_from").is_null(), f"formulary: the target is not on it on {on:%Y-%m-%d}"),
        pl.when(pl.col("review_by") < pl.lit(on)).then(
            pl.format("formulary: the target's row was to be reviewed by {}", "review_by")
        ),
        pl.when(pl.col("off_reason").is_not_null()).then(pl.format("supply: taken off the list: {}", "off_reason")),
    ]


def judge_pairs(
    pairs: pl.LazyFrame,
    book: DoseBook,
    products: pl.LazyFrame,
    guards: Sequence[Guard],
    formulary: pl.LazyFrame,
    excluded: pl.LazyFrame,
    on: date,
) -> pl.LazyFrame:
    """Every pair with every reason against it: what `rules try` says, and the pair matrix.

    pairs      from_code, to_code, ratio
    products   as `describe_pairs` takes them
    formulary  FORMULARY_SCHEMA, excluded EXCLUDED_SCHEMA
    returns    from_code, to_code, ratio, reasons (list, empty where nothing stands against it)
    """
    today = (
        formulary.filter(pl.lit(on).is_between("on_from", "on_to"))
        .sort("review_by", descending=True)
        .unique("bnf_code", keep="first")
        .select(to_code="bnf_code", on_from="on_from", review_by="review_by")
    )
    off = excluded.filter(pl.lit(on).is_between("off_from", "off_to")).unique("bnf_code")
    taken_off = off.select(to_code="bnf_code", off_reason=pl.col("reason").fill_null("no reason given"))
    described = describe_pairs(pairs, book, products)
    listed = listed_reasons(described.select("from_code", "to_code", "ratio", to_device="to_device_type"), guards)
    stopped = [
        _when(pl.col("from_code") == pl.col("to_code"), "same: already the target"),
        pl.when(pl.col("from_device_type").is_in(PRESSURISED) & pl.col("from_propellant").is_in(LOW_CARBON_PROPELLANTS)).then(
            pl.format("propellant: already a low-carbon inhaler ({})", "from_propellant")
        ),
    ]  # fmt: skip
    found = [*stopped, *property_reasons(book.tolerance), *availability_reasons(on)]
    return (
        described.join(today, on="to_code", how="left", validate="m:1")
        .join(taken_off, on="to_code", how="left", validate="m:1")
        .join(listed, on=["from_code", "to_code", "ratio"], how="left", validate="m:1", nulls_equal=True)
        .with_columns(own=pl.concat_list(found).list.drop_nulls())
        .select(
            "from_code",
            "to_code",
            "ratio",
            reasons=pl.col("own").list.concat(pl.col("listed").fill_null(pl.lit([], pl.List(pl.String)))),
        )
    )
