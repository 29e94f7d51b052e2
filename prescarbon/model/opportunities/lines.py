"""Claims → ranked lines: what to do next, for whom, and what it is worth; for a practice, and summed to any organisation.

Method and a worked example: docs/explanation/opportunities.md. The order of the work: what was prescribed and which
unit counts for which rule (claims), then lines (here), gates and ranks (ranks).
"""

from collections.abc import Sequence

import polars as pl

from prescarbon.model.opportunities.actions import track_campaigns
from prescarbon.model.opportunities.options import ENDS, NO_CARBON_CLAIM, SCENARIOS, OpportunityOptions
from prescarbon.model.opportunities.ranks import rank_opportunities
from prescarbon.model.opportunities.rules import SwitchRule, match_codes, pattern_table
from prescarbon.model.opportunities.worlds import Intervals, with_ends
from prescarbon.model.sums import exact_sum, known_sum
from prescarbon.tables.opportunities import BETWEEN

SAVINGS = [f"kg_{s}{counted}{end}" for s in SCENARIOS for counted in ("", "_counted") for end in ENDS]
CENTRAL = [f"kg_{s}{counted}" for s in SCENARIOS for counted in ("", "_counted")]
NOT_SUBTRACTED = "What is prescribed in place of an inhaler not needed, such as a preventer, has carbon of its own and is not subtracted."
COSTS = [f"cost_change_{s}_gbp" for s in SCENARIOS]
OF_THE_RULE = [
    *("title", "kind", "family", "from_words", "unit_name", "achievable_share", "achievable_source", "dose_words"),
    *("not_for", "checks", "evidence", "evidence_url", "effort", "commitment", "caveats", "alternative_to"),
    *("is_draft", "why_draft", "signed_by", "signed_on", "review_by", "month_price_words"),
]
MONTH_PRICES = ["month_price_from_gbp", "month_price_to_gbp"]
SEVERAL = ["from_products", "dose_from", "dose_to", "licence"]  # of each product; a line joins them


def _sums() -> list[pl.Expr]:
    """How lines add up: from products to a practice's line, and from practices to an organisation's."""
    # a cost that is known for some rows only is not the cost of the line; where no kilogram is claimed none is asked
    costs = [
        pl.when((pl.col(c).is_null() & (pl.col(kg).is_not_null() | pl.lit(value=kg == "kg_theoretical"))).any().not_())
        .then(known_sum(c))
        .alias(c)
        for c, kg in zip(COSTS, (f"kg_{s}" for s in SCENARIOS), strict=True)
    ]
    # and a mean is over the units: of all of them, or of none
    prices = [
        pl.when(pl.col(c).null_count() == 0)
        .then((exact_sum(pl.col(c) * pl.col("units"), 4) / exact_sum("units")).round(4))
        .alias(c)
        for c in MONTH_PRICES
    ]
    return [
        pl.col("items").sum(),
        *(exact_sum(c).alias(c) for c in ("units", "units_without_kg", "supplies_avoided")),
        *(known_sum(c) for c in SAVINGS),
        *costs,
        *prices,
        pl.col("price_basis").max(),
        pl.col("price_date", "month_price_date").min(),
        *(pl.col(c).first() for c in OF_THE_RULE),
    ]


def _joined(texts: pl.Expr) -> pl.Expr:
    """The different texts of a column as one; null where there is none."""
    known = texts.drop_nulls().unique().sort()
    return pl.when(known.len() > 0).then(known.str.join(BETWEEN))


def find_opportunities(
    claims: pl.LazyFrame,
    volumes: pl.LazyFrame,
    rules: Sequence[SwitchRule],
    footprint: pl.LazyFrame,
    products: pl.LazyFrame,
    options: OpportunityOptions,
    intervals: Intervals | None,
) -> pl.LazyFrame:
    """Every rule that speaks of something a practice prescribed, with kg, £, gate and rank.

    claims     what `claim_units` returns, and volumes what `sum_volumes` does: make both once, collected, and hand them
               on to every level
    footprint  table FOOTPRINT, at least the months of the period (and those before a campaign)
    products   table PRODUCTS
    intervals  of each practice's own lines (`worlds.measure_intervals`); None: the sums of the products' own ends
    returns    table OPPORTUNITIES at level practice, every practice's ranked lines first
    method     docs/explanation/opportunities.md
    """
    lines = sum_lines(claims, options)
    before = track_campaigns(options.campaigns, rules, footprint, products, options.period_start, options.period_end)
    for extra in (before.drop("started", "units_left"), _of_targets(rules, volumes)):
        lines = lines.join(extra, on=["organisation_code", "rule_id"], how="left", validate="m:1")
    lines = _with_intervals(lines, intervals)
    practices = volumes.select("practice_code", organisation_code="practice_code").unique()
    return rank_opportunities(lines, options, claims, practices)


def _with_intervals(lines: pl.LazyFrame, intervals: Intervals | None) -> pl.LazyFrame:
    return lines if intervals is None else with_ends(lines, intervals.lines, ["organisation_code", "rule_id"], CENTRAL)


def _of_targets(rules: Sequence[SwitchRule], volumes: pl.LazyFrame) -> pl.LazyFrame:
    """organisation_code × rule_id → target_units: what is prescribed already of any product the rule names as target."""
    named = pattern_table({r.id: (*r.to_codes, *r.to_pairs.values()) for r in rules})
    return (
        match_codes(named, volumes.select("bnf_code").unique())
        .join(volumes.select("bnf_code", "units", organisation_code="practice_code"), on="bnf_code")
        .group_by("organisation_code", "rule_id")
        .agg(target_units=exact_sum("units"))
    )


def sum_lines(claims: pl.LazyFrame, options: OpportunityOptions) -> pl.LazyFrame:
    """Claims (`opportunities.claim_units`) → one line a practice and rule, without gate and rank."""
    makes_a_claim = ~pl.col("kind").cast(pl.String).is_in(NO_CARBON_CLAIM)
    codes = [pl.col(c).drop_nulls().unique().sort().str.join(" ").alias(f"{c}s") for c in ("from_code", "to_code")]
    names = pl.col("target_name").drop_nulls().unique().sort().str.join(" or ")
    # two doses after under one rule: each says which dose it follows
    doses_differ = pl.col("dose_to").n_unique().over("rule_id") > 1
    return (
        claims.with_columns(
            units_without_kg=pl.when(makes_a_claim & pl.col("saved").is_null()).then("units").otherwise(0.0),
            dose_to=pl.when(doses_differ)
            .then(pl.coalesce(pl.format("{} in place of {}", "dose_to", "dose_from"), "dose_to"))
            .otherwise("dose_to"),
            from_products="from_product",
        )
        .group_by(organisation_code="practice_code", rule_id="rule_id")
        .agg(
            *codes,
            *(_joined(pl.col(c)) for c in SEVERAL),
            *_sums(),
            pl.col("rule_to_words", "not_judged", "why_no_claim", "peers_words").first(),
            to_words=names,
        )
        .with_columns(
            caveats=pl.when(pl.col("kind").cast(pl.String) == "over-use")
            .then(pl.format("{} {}", pl.col("caveats"), pl.lit(NOT_SUBTRACTED)))
            .otherwise("caveats"),
            to_words=pl.when(pl.col("to_words") != "").then("to_words").otherwise("rule_to_words"),
            level=pl.lit("practice"),
            period_start=pl.lit(options.period_start),
            period_end=pl.lit(options.period_end),
        )
    )


def roll_up(
    opportunities: pl.LazyFrame,
    memberships: pl.LazyFrame,
    level: str,
    options: OpportunityOptions,
    claims: pl.LazyFrame,
    intervals: Intervals | None,
) -> pl.LazyFrame:
    """Practice lines summed to the organisations of `level`, with gates and ranks of their own.

    opportunities  table OPPORTUNITIES at level practice
    memberships    practice_code and the column `level` (such as pcn_code); practices without one are left out
    claims         what `claim_units` returns: needed for rank_stability only
    intervals      of each organisation's own lines (`worlds.measure_intervals`); None: the sums of the practices' ends
    returns        table OPPORTUNITIES at that level: items, units, kg and £ are the sums of the practices'. It is judged
                   where one of its practices is
    """
    not_judged, why = pl.col("not_judged"), pl.col("why_no_claim")
    summed = (
        opportunities.filter(pl.col("level") == "practice")
        .join(
            memberships.select(organisation="practice_code", above=level),
            left_on="organisation_code",
            right_on="organisation",
        )
        .filter(pl.col("above").is_not_null())
        .sort("organisation_code", "rule_id")
        .group_by("above", "rule_id")
        .agg(
            *(
                pl.col(c).drop_nulls().str.split(" ").explode().unique().sort().str.join(" ").alias(c)
                for c in ("from_codes", "to_codes")
            ),
            *(_joined(pl.col(c).str.split(BETWEEN).explode()) for c in SEVERAL),
            *_sums(),
            *(exact_sum(c).alias(c) for c in ("units_before", "target_units")),
            pl.col("period_start", "period_end", "to_words").first(),
            not_judged=pl.when(not_judged.null_count() == 0).then(not_judged.min()),
            why_no_claim=pl.when((pl.col("kg_to_peer").sum() > 0).not_()).then(why.min()),
            peers_words=pl.col("peers_words").drop_nulls().unique().sort().str.join("; "),
        )
        .with_columns(peers_words=pl.when(pl.col("peers_words") != "").then("peers_words"))
        .rename({"above": "organisation_code"})
        .with_columns(level=pl.lit(level))
    )
    groups = memberships.select("practice_code", organisation_code=level).drop_nulls()
    return rank_opportunities(_with_intervals(summed, intervals), options, claims, groups)


def total_savings(opportunities: pl.LazyFrame, intervals: Intervals | None) -> pl.LazyFrame:
    """level × organisation → the union of all lines: Σ of the counted columns, so no inhaler counts twice.

    intervals  of these organisations' lines; None: the sums of the lines' ends
    """
    counted = [f"kg_{s}_counted{end}" for s in SCENARIOS for end in ENDS]
    union = (
        opportunities.group_by("level", "organisation_code")
        .agg(*(known_sum(c) for c in counted), lines=pl.len(), ranked=(pl.col("gate") == "ranked").sum())
        .sort("level", "organisation_code")
    )
    stems = [c for c in CENTRAL if c.endswith("_counted")]
    return union if intervals is None else with_ends(union, intervals.totals, ["organisation_code"], stems)


def find_quiet(opportunities: pl.LazyFrame, organisations: pl.LazyFrame) -> pl.LazyFrame:
    """organisation_code of every organisation with no ranked line: nothing stands out in this period.

    organisations  organisation_code: all that are reported on, also those without any line
    """
    ranked = opportunities.filter(pl.col("gate") == "ranked").select("organisation_code").unique()
    return (
        organisations.select("organisation_code")
        .unique()
        .join(ranked, on="organisation_code", how="anti")
        .sort("organisation_code")
    )
