"""Switch rules × what was prescribed → claims: which units each rule may change and what that saves, each unit once.

Method and a worked example: docs/explanation/opportunities.md. The order of the work: what was prescribed
(`sum_volumes`), which rule may speak of it (`resolve_pairs`), how far the peers are (`measure_excess`), what it costs
(`_priced`), who counts which unit (`_count_once`). Claims are made once and handed on: to lines, and to every level.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.opportunities.actions import UNITS
from prescarbon.model.opportunities.month_prices import month_prices
from prescarbon.model.opportunities.options import ENDS, NO_CARBON_CLAIM, SCENARIOS, OpportunityOptions
from prescarbon.model.opportunities.pairs import resolve_pairs
from prescarbon.model.opportunities.peers import RARE, measure_excess
from prescarbon.model.opportunities.reviews import overdue_words, with_overdue
from prescarbon.model.opportunities.rules import SwitchRule, rule_table, standing_table
from prescarbon.model.sums import KILOGRAMS, exact_sum, known_sum
from prescarbon.tables.opportunities import PRICE_BASES
from prescarbon.tables.schema import GBP, KG, MONTHS_IN_YEAR

INHALERS = ("pMDI", "BAI", "DPI", "SMI")
NO_GP = "not known as a GP practice"
LOCAL_SHARE = "a share agreed locally"


def claim_units(
    rules: Sequence[SwitchRule],
    volumes: pl.LazyFrame,
    products: pl.LazyFrame,
    factors: pl.LazyFrame,
    formulary: pl.LazyFrame,
    memberships: pl.LazyFrame,
    options: OpportunityOptions,
    nearest: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Practice × rule × product found: the arithmetic behind every line, for whoever wants to redo it.

    volumes      what `sum_volumes` returns, collected: it is read many times over
    products     table PRODUCTS
    factors      table FACTORS, one factor set, keys are presentations
    formulary    FORMULARY_SCHEMA of pairs
    memberships  practice_code, is_gp (known as a GP practice), months_held (of the period's calendar months, those with
                 rows), and where they are known peer_group (null or absent: one group of all), patients (list size),
                 asthma_people (on the register), peers_words (who the peers are, for the page)
    nearest      practice_code, peer_code, rank (`peers.measure_excess`)
    returns      practice_code, rule_id, from_code, to_code?, items, units, nic_gbp, saved_low, saved, saved_high (kg a
                 unit), share_* of the units each scenario changes, counted_* the part no earlier rule has counted,
                 kg_*, cost_change_*_gbp, price_gbp? and where it comes from, what a month costs (`month_prices`), from_product?, peers_words?, not_judged? (why the
                 practice is neither judged nor a peer), columns of `peers.EXCESS_SCHEMA`, and the rule's own columns
    raises       InputError when a local achievable share is not in 0–1
    """
    if odd := [f"{k} = {v}" for k, v in options.achievable_shares.items() if not 0 <= v <= 1]:
        raise InputError(f"achievable share {', '.join(odd)} is not in 0 to 1.", remedy="Write 0.3 for 30%.")
    used, read_on = options.choose(rules), options.read_on or options.period_end
    # small from here on: held in memory, so that the plan does not do each step as often as it is used
    pairs = (
        resolve_pairs(
            used,
            options.guards,
            volumes.select("bnf_code").unique(),
            products,
            factors,
            formulary,
            options.excluded,
            month=options.period_end,
            read_on=read_on,
            doses=options.doses,
            draws=options.draws,
        )
        .filter(pl.col("refused").is_null())
        .collect()
        .lazy()
    )
    on_a_factor = [rule.id for rule in used if rule.kind not in NO_CARBON_CLAIM]
    overdue = overdue_words(pairs, options.reviews, on_a_factor, read_on).collect().lazy()
    if not options.include_drafts:
        pairs = pairs.join(overdue, on="rule_id", how="anti")
    peers = judged(memberships).collect().lazy()
    claims = (
        (
            volumes.filter(pl.col("units") > 0)
            .join(pairs, left_on="bnf_code", right_on="from_code")
            .rename({"bnf_code": "from_code"})
            .join(
                _with_local_shares(rule_table(used).drop("ratio"), options.achievable_shares),
                on="rule_id",
            )
            .join(with_overdue(standing_table(used, read_on), overdue), on="rule_id")
        )
        .collect()
        .lazy()
    )
    excess = measure_excess(claims, volumes, inhaler_classes(products, options.period_end), peers, nearest)
    told = peers.select("practice_code", "not_judged", "peers_words")
    names = products.filter(pl.lit(options.period_end).is_between("valid_from", "valid_to")).select(
        from_code="bnf_code", from_product="product_name"
    )
    shared = _with_shares(
        claims.join(excess, on=["practice_code", "rule_id"], how="left", validate="m:1").join(
            told, on="practice_code", how="left", validate="m:1"
        )
    ).join(names, on="from_code", how="left", validate="m:1")
    priced = _priced(shared, volumes, formulary, options)
    return _count_once(priced)


def inhaler_classes(products: pl.LazyFrame, month: date) -> pl.LazyFrame:
    """bnf_code, drug_class in force in a month; a nebuliser's millilitres are no inhalers."""
    in_force = pl.lit(month).is_between("valid_from", "valid_to")
    is_inhaler = pl.col("device_type").cast(pl.String).is_in(INHALERS)
    return products.filter(in_force & is_inhaler).select("bnf_code", pl.col("drug_class").cast(pl.String))


def judged(memberships: pl.LazyFrame) -> pl.LazyFrame:
    """practice_code, peer_group, patients?, asthma_people?, peers_words?, not_judged?: nulls for columns that are absent."""
    optional = {"peer_group": pl.String, "patients": pl.Int64, "asthma_people": pl.Float64, "peers_words": pl.String}
    absent = optional.keys() - set(memberships.collect_schema().names())
    not_judged = (
        pl.when(~pl.col("is_gp").fill_null(value=False))
        .then(pl.lit(NO_GP))
        .when(pl.col("months_held").fill_null(0) < MONTHS_IN_YEAR)
        .then(pl.format("{} of {} months", pl.col("months_held").fill_null(0), pl.lit(MONTHS_IN_YEAR)))
    )
    return (
        memberships.with_columns(pl.lit(None, optional[name]).alias(name) for name in sorted(absent))
        .with_columns(pl.col("peer_group").fill_null("all"), not_judged=not_judged)
        .select("practice_code", *optional, "not_judged")
    )


def sum_volumes(footprint: pl.LazyFrame, options: OpportunityOptions) -> pl.LazyFrame:
    """practice_code × bnf_code over the period: items, units, nic_gbp?, kg_low?, kg_co2e?, kg_high?.

    Units are inhalers; of what is no inhaler, the units of its quantity.
    """
    months = pl.col("month").is_between(options.period_start, options.period_end)
    return (
        footprint.filter(months)
        .group_by("practice_code", "bnf_code")
        .agg(pl.col("items").sum(), *(known_sum(c) for c in ("nic_gbp", *KILOGRAMS)), units=exact_sum(UNITS))
    )


def _with_local_shares(table: pl.LazyFrame, shares: Mapping[str, float]) -> pl.LazyFrame:
    local = pl.LazyFrame(list(shares.items()), schema={"rule_id": pl.String, "local_share": pl.Float64}, orient="row")
    return (
        table.join(local, on="rule_id", how="left")
        .with_columns(
            achievable_share=pl.coalesce("local_share", "achievable_share"),
            achievable_source=pl.when(pl.col("local_share").is_not_null())
            .then(pl.lit(LOCAL_SHARE))
            .otherwise("achievable_source"),
        )
        .drop("local_share")
    )


def _with_shares(claims: pl.LazyFrame) -> pl.LazyFrame:
    """Share of the units that each scenario changes, and kg for what is saved whole (medicines of low value)."""
    kind = pl.col("kind").cast(pl.String)
    is_over_use = kind == "over-use"
    excess = pl.col("excess_share")
    is_compared = excess.is_not_null() | (pl.col("why_no_claim") == RARE).fill_null(value=False)
    makes_a_claim = ~kind.is_in(NO_CARBON_CLAIM)
    # how much reliever is needless is not in the data: at most what stands above the peers is claimed
    most = pl.when(is_over_use).then(excess).otherwise(1.0)
    # a medicine of low value saves its own footprint
    whole = {"saved_low": "kg_low", "saved": "kg_co2e", "saved_high": "kg_high"}
    return claims.with_columns(
        pl.when(kind == "low value").then(pl.col(kg).cast(pl.Float64) / pl.col("units")).otherwise(saved).alias(saved)
        for saved, kg in whole.items()
    ).with_columns(
        share_theoretical=pl.when(makes_a_claim).then(most),
        # min_horizontal skips nulls: an unknown share must stay unknown. Never more than the peers reach, at any level:
        # where anything can be compared and this line cannot, nothing is said of it: the union stays below the peers'
        share_attended=pl.when(
            makes_a_claim
            & most.is_not_null()
            & pl.col("achievable_share").is_not_null()
            & (excess.is_not_null() | ~is_compared.any())
        ).then(pl.min_horizontal(most, "achievable_share", excess)),
        share_to_peer=pl.when(makes_a_claim).then(excess),
    )


def _priced(
    claims: pl.LazyFrame, volumes: pl.LazyFrame, formulary: pl.LazyFrame, options: OpportunityOptions
) -> pl.LazyFrame:
    """Claims plus price_gbp of a target unit, price_basis, price_date and cost_change_*_gbp.

    The practice's own NIC a unit where it prescribes the target, else that of all practices loaded, else the dated
    pack price of the formulary file, else not known. What is not replaced needs no price.
    """
    bought = volumes.filter(pl.col("nic_gbp").is_not_null() & (pl.col("units") > 0))
    nic = pl.col("nic_gbp").sum().cast(pl.Float64)
    own = bought.group_by("practice_code", to_code="bnf_code").agg(own_price=nic / exact_sum("units"))
    area = bought.group_by(to_code="bnf_code").agg(area_price=nic / exact_sum("units"))
    read_on = options.read_on or options.period_end
    pack = formulary.filter(pl.lit(read_on).is_between("on_from", "on_to")).select(
        to_code="bnf_code",
        pack_price=pl.col("pack_price_gbp").cast(pl.Float64),
        pack_date="price_date",
        target_name="product_name",
    )
    is_replaced = pl.col("kind").cast(pl.String).is_in(["product switch", "refill", "device reuse"])
    is_stopped = pl.col("kind").cast(pl.String).is_in(["over-use", "low value"])
    basis = (
        pl.when(is_stopped)
        .then(pl.lit("none needed"))
        .when(is_replaced & pl.col("own_price").is_not_null())
        .then(pl.lit("own NIC"))
        .when(is_replaced & pl.col("area_price").is_not_null())
        .then(pl.lit("area NIC"))
        .when(is_replaced & pl.col("pack_price").is_not_null())
        .then(pl.lit("pack price"))
        .otherwise(pl.lit("not known"))
        .cast(PRICE_BASES)
    )
    whole_change = pl.when(is_stopped).then(0.0).otherwise(
        pl.col("ratio") * pl.col("units") * pl.col("price_gbp")
    ) - pl.col("nic_gbp").cast(pl.Float64)
    priced = (
        claims.join(own, on=["practice_code", "to_code"], how="left", validate="m:1")
        .join(area, on="to_code", how="left", validate="m:1")
        .join(pack.unique("to_code"), on="to_code", how="left", validate="m:1")
        .with_columns(
            price_basis=basis,
            price_gbp=pl.when(is_replaced).then(pl.coalesce("own_price", "area_price", "pack_price")),
        )
        .with_columns(
            price_date=pl.when(pl.col("price_basis") == "pack price")
            .then("pack_date")
            .when(pl.col("price_basis").is_in(["own NIC", "area NIC", "none needed"]))
            .then(pl.lit(options.period_end))
        )
        .with_columns(
            (whole_change * pl.col(f"share_{s}")).round(2).cast(GBP).alias(f"cost_change_{s}_gbp") for s in SCENARIOS
        )
        .drop("own_price", "area_price", "pack_price", "pack_date")
    )
    return month_prices(
        priced, area.rename({"to_code": "from_code", "area_price": "area_source_price"}), options.period_end
    )


def _count_once(claims: pl.LazyFrame) -> pl.LazyFrame:
    """Claims plus counted_* shares and kg_* columns: every unit belongs to one rule only.

    The stated order: the rule that saves most a unit counts first, so over-use comes before any switch; ties go by
    the rule's own order. Rules of one family are alternatives for the same people: together they change no more than
    the largest of their shares. So the union is the most that the rules together can save, and dropping a rule never
    raises it. Only savings whose sign is stable count.
    """
    product = ["practice_code", "from_code"]
    counts = (pl.col("saved_low") > 0).fill_null(False)
    steps = claims.sort(
        *product, "saved", "rule_order", "rule_id", descending=[False, False, True, False, False], nulls_last=True
    ).with_columns(pl.when(counts).then(pl.col(f"share_{s}").fill_null(0.0)).otherwise(0.0).alias(s) for s in SCENARIOS)
    family = [*product, "family"]
    steps = steps.with_columns(_up_to(s, pl.col(s).max().over(family), family) for s in SCENARIOS)
    steps = steps.with_columns(_up_to(s, pl.lit(1.0), product) for s in SCENARIOS)
    counted = steps.rename({s: f"counted_{s}" for s in SCENARIOS})
    return counted.with_columns(
        *(_kg(saved, f"share_{s}").alias(f"kg_{s}{end}") for s in SCENARIOS for end, saved in ENDS.items()),
        *(
            pl.when(pl.col(f"share_{s}").is_not_null()).then(_kg(saved, f"counted_{s}")).alias(f"kg_{s}_counted{end}")
            for s in SCENARIOS
            for end, saved in ENDS.items()
        ),
        supplies_avoided=pl.when(pl.col("supply_days").is_not_null()).then(
            (pl.col("items") - pl.col("units") / pl.col("supply_days")).clip(0.0)
        ),
    )


def _up_to(share: str, limit: pl.Expr, within: list[str]) -> pl.Expr:
    """What is left of each share, in order, when together they may not pass the limit."""
    upto = pl.col(share).cum_sum().over(within)
    return pl.min_horizontal(upto, limit) - pl.min_horizontal(upto - pl.col(share), limit)


def _kg(saved: str, share: str) -> pl.Expr:
    return (pl.col(saved) * pl.col("units") * pl.col(share)).round(6).cast(KG)
