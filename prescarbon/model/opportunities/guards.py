"""May this product become that one? Properties of the two products decide, and the lists of reference/switches/guards.toml."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from prescarbon.model.opportunities.dose_guards import dose_reasons, holds, refuse_when
from prescarbon.model.opportunities.doses import COMPONENTS, DoseBook
from prescarbon.model.opportunities.rules import Guard, match_codes, pattern_table

LOW_CARBON_PROPELLANTS = ("HFA-152a", "HFO-1234ze")
PRESSURISED = ("pMDI", "BAI")
ADULT_FROM_AGE = 12  # below it NHS England advises a pressurised inhaler


def describe_pairs(pairs: pl.LazyFrame, book: DoseBook, products: pl.LazyFrame) -> pl.LazyFrame:
    """Pairs with from_* and to_* of both products, for `property_reasons`.

    pairs     from_code, to_code, ratio (target devices for one source device)
    products  bnf_code, drug_class?, device_type, propellant of the month: nothing else is inhaled
    """
    told = book.facts.select(
        "bnf_code", "contents", "steroid", "bdp_low", "bdp_high", "doses_per_device", "usual_puffs_a_day", "max_puffs_a_day", "has_text",
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
        refuse_when(
            pl.col("from_is_dosed").is_null() | pl.col("from_is_product").is_null(),
            "unknown: the dose or device of the source is not in the reference; only inhalers are judged here",
        ),
        refuse_when(
            pl.col("to_is_dosed").is_null() | pl.col("to_is_product").is_null(),
            "unknown: the dose or device of the target is not in the reference",
        ),
        refuse_when(~pl.col("to_has_text"), "unknown: no text about the target was read, only its name"),
        refuse_when(
            holds("from", "ICS") & ~holds("to", "ICS"),
            "steroid: the inhaled steroid would be lost",
        ),
        refuse_when(
            (pl.col("from_contents") != pl.col("to_contents")) & ~(holds("from", "ICS") & ~holds("to", "ICS")),
            "class: another kind of treatment is put in its place",
        ),
        *dose_reasons(tolerance),
        refuse_when(_may_have("mart") & ~_has_licence("to", "mart"), "MART: the source may be used for it, the target is not known to be licensed for it"),
        refuse_when(_may_have("air") & ~_has_licence("to", "air"), "AIR: the source is licensed for it, the target is not known to be"),
        refuse_when(
            ~_shares_an_indication(),
            "licence: the target is licensed for no disease that the source is licensed for",
        ),
        refuse_when(
            pl.col("from_is_paediatric_strength")
            & (
                (pl.col("to_asthma_from_age") >= ADULT_FROM_AGE)
                | pl.col("to_asthma_from_age").is_null()
                | ~pl.col("to_device_type").is_in(PRESSURISED).fill_null(value=False)
            ),
            "child: a strength for children, who keep a pressurised inhaler licensed under 12",
        ),
        refuse_when(
            (pl.col("from_device_type") == "BAI") & (pl.col("to_device_type") == "pMDI"),
            "device: breath-actuated for somebody who may not press and breathe at once",
        ),
        refuse_when(
            pl.col("from_is_product") & pl.col("to_is_product") & (pl.col("from_gwp").is_null() | pl.col("to_gwp").is_null()),
            "propellant: not known, so it may be the worse one",
        ),
        refuse_when(pl.col("to_gwp") > pl.col("from_gwp"), "propellant: the target's warms more than the source's"),
    ]  # fmt: skip


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
        refuse_when(pl.col("on_from").is_null(), f"formulary: the target is not on it on {on:%Y-%m-%d}"),
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
        refuse_when(pl.col("from_code") == pl.col("to_code"), "same: already the target"),
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
