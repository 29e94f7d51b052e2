"""Rule × product found → target on the formulary, kg saved a unit, or the guard that refuses it."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from prescarbon.model.activity import is_respiratory
from prescarbon.model.opportunities.doses import DoseBook, with_regimen
from prescarbon.model.opportunities.draws import draw_savings, interval_a_unit
from prescarbon.model.opportunities.guards import (
    LOW_CARBON_PROPELLANTS,
    PRESSURISED,
    describe_pairs,
    listed_reasons,
    property_reasons,
)
from prescarbon.model.opportunities.rules import NEEDS_TARGET, Guard, SwitchRule, match_codes, pattern_table, rule_table
from prescarbon.model.sums import KILOGRAMS

PAIR_COLUMNS = (
    *("rule_id", "from_code", "to_code", "ratio", "dose_from", "dose_to", "licence"),
    *("from_doses_per_device", "to_doses_per_device", "saved_low", "saved", "saved_high", "refused"),
)
FORMULARY_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "bnf_code": pl.String,
    "product_name": pl.String,
    "on_from": pl.Date,
    "on_to": pl.Date,
    "licensed_from_age": pl.Int64,
    "licence_note": pl.String,
    "pack_price_gbp": pl.Decimal(18, 2),
    "price_date": pl.Date,
    "price_source_url": pl.String,
    "source_url": pl.String,
    "review_by": pl.Date,
}
EXCLUDED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "bnf_code": pl.String,
    "off_from": pl.Date,
    "off_to": pl.Date,
    "reason": pl.String,
}


def resolve_pairs(
    rules: Sequence[SwitchRule],
    guards: Sequence[Guard],
    codes: pl.LazyFrame,
    products: pl.LazyFrame,
    factors: pl.LazyFrame,
    formulary: pl.LazyFrame,
    excluded: pl.LazyFrame,
    *,
    month: date,
    read_on: date,
    doses: DoseBook | None = None,
    draws: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Every product found that a rule speaks of, with its target and saving, or why it is refused.

    codes      bnf_code: presentations found in the period
    products   table PRODUCTS, factors table FACTORS (one factor set, keys are presentations): those of `month`
    formulary  FORMULARY_SCHEMA, excluded EXCLUDED_SCHEMA: those of `read_on`, the day the list is read; a formulary row
               that is overdue for review is no target, and a product of another propellant by then is no source or target
    doses      what is known of doses and propellants; None judges no pair by them: for arithmetic alone
    returns    rule_id, from_code, to_code? (the first target of the rule that nothing forbids), ratio, dose_from?, dose_to?,
               licence?, from_doses_per_device?, to_doses_per_device? (`doses.with_regimen`), saved_low, saved, saved_high (kg a
               unit; null where unknown), refused?;
               low is the source's low less the target's high, the least that can be saved; with draws (bnf_code, draw,
               kg) low and high are the 5th and 95th percentile of the saving, source and target drawn together
    """
    facts = _facts(products, month)
    kilograms = factors.filter(
        pl.lit(month).is_between("valid_from", "valid_to") & (pl.col("key_kind").cast(pl.String) != "spend")
    ).select(pl.col("key").alias("bnf_code"), *KILOGRAMS)
    in_use = [r for r in rules if r.valid_from <= read_on <= r.valid_to]
    found = find_sources(in_use, codes, facts)
    out_of_stock = excluded.filter(pl.lit(read_on).is_between("off_from", "off_to")).select("bnf_code", "reason")
    off = pl.concat([out_of_stock, _changed_since(products, month, read_on)])
    off = off.unique("bnf_code", keep="first", maintain_order=True)
    offered = _with_targets(in_use, found, facts, formulary, off, read_on)
    judged = _first_allowed(_judged(offered, doses, facts, guards, off))
    to_kg = kilograms.rename({"bnf_code": "to_code", "kg_low": "to_low", "kg_co2e": "to_kg", "kg_high": "to_high"})
    priced = judged.join(kilograms.rename({"bnf_code": "from_code"}), on="from_code", how="left", validate="m:1").join(
        to_kg, on="to_code", how="left", validate="m:1"
    )
    saved = (
        priced.with_columns(_saving("rule_low", "kg_low", "to_high", "saved_low"))
        .with_columns(_saving("rule_central", "kg_co2e", "to_kg", "saved"))
        .with_columns(_saving("rule_high", "kg_high", "to_low", "saved_high"))
    )
    if draws is not None:
        interval = interval_a_unit(draw_savings(saved, draws))
        saved = saved.join(interval, on=["rule_id", "from_code"], how="left", validate="m:1").with_columns(
            saved_low=pl.coalesce("drawn_low", "saved_low"), saved_high=pl.coalesce("drawn_high", "saved_high")
        )
    return saved.select(*PAIR_COLUMNS).sort("rule_id", "from_code")


def _saving(by_rule: str, source: str, target: str, name: str) -> pl.Expr:
    kind = pl.col("kind").cast(pl.String)
    return (
        pl.when(pl.col(by_rule).is_not_null())
        .then(by_rule)
        .when(kind.is_in(["product switch", "refill", "device reuse"]))
        .then(pl.col(source) - pl.col("ratio") * pl.col(target))
        .when(kind == "over-use")
        .then(source)
        .alias(name)
    )


def _facts(products: pl.LazyFrame, month: date) -> pl.LazyFrame:
    """bnf_code, drug_class?, device_type, propellant (text) of the products of a month."""
    return products.filter(pl.lit(month).is_between("valid_from", "valid_to")).select(
        "bnf_code", *(pl.col(c).cast(pl.String) for c in ("drug_class", "device_type", "propellant"))
    )


def _changed_since(products: pl.LazyFrame, month: date, read_on: date) -> pl.LazyFrame:
    """bnf_code, reason: products whose propellant on the day the list is read is not that of the month."""
    then, now = (_facts(products, day).select("bnf_code", "propellant") for day in (month, read_on))
    return (
        then.join(now, on="bnf_code", suffix="_now")
        .filter(pl.col("propellant") != pl.col("propellant_now"))
        .select(
            "bnf_code",
            reason=pl.format("its propellant was {} in these data and is {} by now", "propellant", "propellant_now"),
        )
    )


def sources_of(rules: Sequence[SwitchRule], codes: pl.LazyFrame, products: pl.LazyFrame, month: date) -> pl.LazyFrame:
    """rule_id × bnf_code: the presentations each rule speaks of, as the products of that month stand."""
    return find_sources(rules, codes, _facts(products, month)).select("rule_id", bnf_code="from_code")


def find_sources(rules: Sequence[SwitchRule], codes: pl.LazyFrame, facts: pl.LazyFrame) -> pl.LazyFrame:
    """rule_id × from_code with the rule's columns: its codes, narrowed by its class, device and propellant."""
    table = rule_table(rules)
    by_code = match_codes(pattern_table({r.id: r.from_codes for r in rules}), codes)
    by_class = (
        table.filter(pl.col("rule_id").is_in([r.id for r in rules if not r.from_codes]))
        .select("rule_id")
        .join(codes.select("bnf_code"), how="cross")
    )
    limits = {"from_classes": "drug_class", "from_devices": "device_type", "from_propellants": "propellant"}
    keep = [
        (pl.col(limit).list.len() == 0) | pl.col(limit).list.contains(pl.col(fact)) for limit, fact in limits.items()
    ]
    return (
        pl.concat([by_code, by_class])
        .join(table, on="rule_id", how="inner")
        .join(facts, on="bnf_code", how="left", validate="m:1")
        .filter(pl.all_horizontal(keep))
        .rename({"bnf_code": "from_code"})
    )


def _with_targets(
    rules: Sequence[SwitchRule],
    found: pl.LazyFrame,
    facts: pl.LazyFrame,
    formulary: pl.LazyFrame,
    off: pl.LazyFrame,
    read_on: date,
) -> pl.LazyFrame:
    """`found` times to_code, place: every product the rule names that exists, is on the formulary, not overdue, not off.

    A product that the rule pairs with one target has that one alone; one row without to_code where there is none.
    """
    available = (
        formulary.filter(pl.lit(read_on).is_between("on_from", "on_to") & (pl.col("review_by") >= read_on))
        .select("bnf_code")
        .unique()
        .join(off, on="bnf_code", how="anti")
        .join(facts.select("bnf_code", exists=pl.lit(True)), on="bnf_code", how="left")
        .filter(pl.col("exists").fill_null(False) | ~is_respiratory())
        .select(to_code="bnf_code")
    )
    choices = [(r.id, code, place) for r in rules for place, code in enumerate(r.to_codes)]
    pairs = [(r.id, source, target) for r in rules for source, target in r.to_pairs.items()]
    listed = pl.LazyFrame(choices, schema={"rule_id": pl.String, "to_code": pl.String, "place": pl.Int64}, orient="row")
    paired = pl.LazyFrame(
        pairs, schema={"rule_id": pl.String, "from_code": pl.String, "to_code": pl.String}, orient="row"
    )
    own = found.select("rule_id", "from_code").join(paired.join(available, on="to_code"), on=["rule_id", "from_code"])
    others = (
        found.select("rule_id", "from_code")
        .join(own, on=["rule_id", "from_code"], how="anti")
        .join(listed.join(available, on="to_code"), on="rule_id")
    )
    offered = pl.concat([own.with_columns(place=pl.lit(0, pl.Int64)), others], how="diagonal")
    devices = facts.select(to_code="bnf_code", to_device="device_type")
    return (
        found.join(offered, on=["rule_id", "from_code"], how="left")
        .with_columns(from_device="device_type")
        .join(devices, on="to_code", how="left", validate="m:1")
    )


def _judged(
    offered: pl.LazyFrame, doses: DoseBook | None, facts: pl.LazyFrame, guards: Sequence[Guard], off: pl.LazyFrame
) -> pl.LazyFrame:
    """`offered` with its ratio, doses in words, and refused: why the pair is forbidden, in words; null where nothing does.

    Guards hold for whatever changes one product into another; counting over-use or a safety gap is no change. What is no
    inhaler (insulin, tablets) is judged by the list alone.
    """
    absent = {"dose_from": pl.String, "dose_to": pl.String, "licence": pl.String}
    unknown = {"from_doses_per_device": pl.Float64, "to_doses_per_device": pl.Float64}
    if doses is None:
        dosed = offered.with_columns(pl.lit(None, kind).alias(name) for name, kind in {**absent, **unknown}.items())
        reasons = dosed.select("from_code", "to_code", "ratio").unique().with_columns(told=pl.lit(None, pl.String))
    else:
        dosed = with_regimen(offered, doses.facts)
        asked = dosed.filter(pl.col("from_device").is_not_null()).select("from_code", "to_code", "ratio").unique()
        told = pl.concat_list(property_reasons(doses.tolerance)).list.drop_nulls()
        reasons = (
            describe_pairs(asked.drop_nulls("to_code"), doses, facts)
            .select("from_code", "to_code", "ratio", told=told)
            .with_columns(told=pl.when(pl.col("told").list.len() > 0).then(pl.col("told").list.join("; ")))
        )
    keys = ["from_code", "to_code", "ratio"]
    changes = pl.col("kind").cast(pl.String).is_in(NEEDS_TARGET)
    is_low_carbon = pl.col("device_type").is_in(PRESSURISED) & pl.col("propellant").is_in(LOW_CARBON_PROPELLANTS)
    refused = (
        pl.when(changes & is_low_carbon)
        .then(pl.format("already a low-carbon inhaler ({})", "propellant"))
        .when(changes & pl.col("listed").is_not_null())
        .then(pl.col("listed").list.first())
        .when(changes & pl.col("reason").is_not_null())
        .then(pl.format("taken off the list: {}", "reason"))
        .when(changes & pl.col("to_code").is_null())
        .then(pl.lit("no target of the rule is on the formulary on this date"))
        .when(changes & (pl.col("to_code") == pl.col("from_code")))
        .then(pl.lit("already the target"))
        .when(changes)
        .then("told")
    )
    targeted = dosed.filter(pl.col("to_code").is_not_null())
    return (
        dosed.join(listed_reasons(targeted, guards), on=keys, how="left", validate="m:1", nulls_equal=True)
        .join(reasons, on=keys, how="left", validate="m:1", nulls_equal=True)
        .join(off.rename({"bnf_code": "from_code"}), on="from_code", how="left", validate="m:1")
        .with_columns(refused=refused)
    )


def _first_allowed(judged: pl.LazyFrame) -> pl.LazyFrame:
    """Of each rule and source the first target that is not refused, else the first with its reason."""
    pair = ["rule_id", "from_code"]
    return (
        judged.sort(*pair, pl.col("refused").is_not_null(), "place", nulls_last=True)
        .group_by(pair, maintain_order=True)
        .first()
    )


def hand_over(
    rules: Sequence[SwitchRule],
    products: pl.LazyFrame,
    snomed: pl.LazyFrame | None = None,
    seen: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """What a clinical system needs: rule_id, side (from or to), bnf_code, product_name?, snomed_code?, search.

    products  table PRODUCTS of any months: searches look back. A rule's prefixes are given as the products they stand
              for, narrowed as the rule narrows them; what is no product of ours is given as the rule has it
    snomed    bnf_code, snomed_code as seen in the prescribing rows; null where not known
    seen      bnf_code, product_name as those rows print it: what a rule's pattern stands for where it is no product of ours
    """
    ours = products.sort("valid_from").group_by("bnf_code", maintain_order=True).last()
    newest = ours.select("bnf_code", "product_name")
    if seen is not None:
        newest = pl.concat([newest, seen.select("bnf_code", "product_name").join(ours, on="bnf_code", how="anti")])
    codes = newest.select("bnf_code")
    facts = ours.select("bnf_code", *(pl.col(c).cast(pl.String) for c in ("drug_class", "device_type", "propellant")))
    sides = {
        "from": {r.id: r.from_codes for r in rules},
        "to": {r.id: (*r.to_codes, *r.to_pairs.values()) for r in rules},
    }
    sources = find_sources(rules, codes, facts).select("rule_id", bnf_code="from_code", side=pl.lit("from"))
    targets = match_codes(pattern_table(sides["to"]), codes).select("rule_id", "bnf_code", side=pl.lit("to"))
    stated = [(r, code, side) for side, named in sides.items() for r, own in named.items() for code in own]
    opened = match_codes(pattern_table({code: [code] for _, code, _ in stated}, "bnf_pattern"), codes, "bnf_pattern")
    others = pl.LazyFrame(
        stated, schema={"rule_id": pl.String, "bnf_code": pl.String, "side": pl.String}, orient="row"
    ).join(opened.select(bnf_code="bnf_pattern").unique(), on="bnf_code", how="anti")
    searches = pl.LazyFrame([(r.id, search_words(r)) for r in rules], schema=["rule_id", "search"], orient="row")
    if snomed is None:
        snomed = pl.LazyFrame(schema={"bnf_code": pl.String, "snomed_code": pl.String})
    return (
        pl.concat([sources, targets, others])
        .unique()
        .join(newest.select("bnf_code", "product_name"), on="bnf_code", how="left")
        .join(snomed, on="bnf_code", how="left")
        .join(searches, on="rule_id")
        .select("rule_id", "side", "bnf_code", "product_name", "snomed_code", "search")
        .sort("rule_id", "side", "bnf_code", "snomed_code")
    )


def search_words(rule: SwitchRule) -> str:
    """Plain wording of a search in a clinical system: the rule's own, else built from its parts."""
    if rule.search:
        return rule.search
    leave_out = "; ".join(rule.excluded)
    return (
        f"People with an issue of {rule.from_words} in the last 12 months (use the code list)."
        + (f" Leave out: {leave_out}." if leave_out else "")
        + " Review each person individually; change nothing from the list alone."
    )
