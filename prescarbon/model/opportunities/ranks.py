"""Lines → gates, the reason a line fails one, ranks and how firmly each rank stands."""

import polars as pl

from prescarbon.model.opportunities.options import NO_CARBON_CLAIM, OpportunityOptions
from prescarbon.model.opportunities.peers import AT_OR_BELOW, RARE, TOO_FEW
from prescarbon.model.opportunities.stability import measure_stability
from prescarbon.tables.opportunities import OPPORTUNITIES
from prescarbon.tables.schema import GATES

NO_CLAIM_WORDS = "makes no carbon claim"
KG_A_TONNE = 1000
KEYS = {
    "kg": ["first", "minus_kg"],
    "gbp_per_kg": ["first", "gbp_per_kg", "minus_kg"],
    "effort": ["first", "effort_key", "minus_kg"],
}


def rank_opportunities(
    lines: pl.LazyFrame,
    options: OpportunityOptions,
    claims: pl.LazyFrame,
    groups: pl.LazyFrame,
) -> pl.LazyFrame:
    """Lines plus gate, its reason, rank: table OPPORTUNITIES, every organisation's ranked lines first.

    Ranked by the to-peer saving where the organisation has peers, else all its lines by the theoretical one; the gates
    look at the same saving. A rule that is an alternative to a ranked one is listed, not ranked beside it. With draws
    in the options, rank_stability too, from the claims and the practices' organisations (practice_code,
    organisation_code).
    """
    organisation = "organisation_code"
    # a source that is rare among peers is compared too: the answer is that nothing can be claimed
    is_compared = pl.col("kg_to_peer").is_not_null() | (pl.col("why_no_claim") == RARE).fill_null(value=False)
    has_peers = is_compared.any().over(organisation)
    basis = pl.when(has_peers).then(pl.lit("to_peer")).otherwise(pl.lit("theoretical"))
    by_kg = {
        name: pl.when(has_peers)
        .then(pl.col(f"{stem[0]}to_peer{stem[1]}").cast(pl.Float64))
        .otherwise(pl.col(f"{stem[0]}theoretical{stem[1]}").cast(pl.Float64))
        for name, stem in {"low": ("kg_", "_low"), "kg": ("kg_", ""), "gbp": ("cost_change_", "_gbp")}.items()
    }
    judged = (
        lines.with_columns(**by_kg, has_peers=has_peers, rank_basis=basis)
        .with_columns(gate_reason=_gate_reason(options))
        .with_columns(passes=pl.col("gate_reason").is_null())
    )
    first_choice = judged.filter("passes").select(organisation, alternative_to="rule_id", first_choice="title")
    keys = KEYS[options.rank_by]
    ranked = (
        judged.join(first_choice, on=[organisation, "alternative_to"], how="left", validate="m:1")
        .with_columns(
            gate_reason=pl.when(pl.col("passes") & pl.col("first_choice").is_not_null())
            .then(pl.format("an alternative to “{}”, which is ranked", "first_choice"))
            .otherwise("gate_reason"),
            is_sign_stable=pl.when(pl.col("kg").is_not_null()).then(pl.col("kg_theoretical_low") > 0),
            # good control is the largest saving and comes before any switch, however the reader ranks
            first=(pl.col("kind").cast(pl.String) != "over-use").cast(pl.Int8),
            effort_key=pl.col("effort").to_physical(),
            minus_kg=-pl.col("kg"),
            gbp_per_kg=pl.col("gbp") / pl.col("kg"),
            gbp_per_tonne=pl.when(pl.col("kg") > 0).then((pl.col("gbp") / pl.col("kg") * KG_A_TONNE).round(2)),
        )
        .with_columns(
            gate=pl.when(pl.col("gate_reason").is_null())
            .then(pl.lit("ranked"))
            .when(pl.col("gate_reason") == NO_CLAIM_WORDS)
            .then(pl.lit("shown"))
            .otherwise(pl.lit("listed"))
            .cast(GATES)
        )
        .sort(organisation, "gate", *keys, "rule_id", nulls_last=True)
        .with_columns(rank=pl.when(pl.col("gate") == "ranked").then(pl.int_range(1, pl.len() + 1).over(organisation)))
    )
    if options.draws is None:
        ranked = ranked.with_columns(rank_stability=pl.lit(None, pl.Float64))
    else:
        chosen = ranked.filter(pl.col("gate") == "ranked").select(
            organisation, "rule_id", "rank", "rank_basis", "gbp", "effort", "first"
        )
        stability = measure_stability(chosen, claims, groups, options.draws, options.seed, keys)
        ranked = ranked.join(stability, on=[organisation, "rule_id"], how="left", validate="m:1")
        ranked = ranked.sort(organisation, "gate", *keys, "rule_id", nulls_last=True)
    return ranked.select(pl.col(c.name).cast(c.dtype) for c in OPPORTUNITIES.columns)


def _gate_reason(options: OpportunityOptions) -> pl.Expr:
    """Why a line is not ranked, the first that holds; null where it passes every gate."""
    kg, kind = pl.col("kg"), pl.col("kind").cast(pl.String)
    could_save = (pl.col("kg_theoretical") > 0) | (kind == "over-use")
    return (
        pl.when(pl.col("not_judged").is_not_null())
        .then("not_judged")
        .when(kind.is_in(NO_CARBON_CLAIM) & (pl.col("items") < options.items_to_rank))
        .then(pl.format("fewer than {} items", pl.lit(options.items_to_rank)))
        .when(pl.col("supplies_avoided") < options.items_to_rank)
        .then(pl.lit("supplies are already about that long"))
        .when(kind.is_in(NO_CARBON_CLAIM))
        .then(pl.lit(NO_CLAIM_WORDS))
        .when(pl.col("units_without_kg") >= pl.col("units"))
        .then(pl.lit("saving not known: no factor"))
        .when(kg.is_null())
        .then(pl.coalesce("why_no_claim", pl.lit(TOO_FEW)))
        .when(pl.col("has_peers") & (kg == 0) & could_save)
        .then(pl.coalesce("why_no_claim", pl.lit(AT_OR_BELOW)))
        .when(pl.col("items") < options.items_to_rank)
        .then(pl.format("fewer than {} items", pl.lit(options.items_to_rank)))
        .when(pl.col("has_peers") & (pl.col("low") <= 0) & ((pl.col("kg_theoretical_low") > 0) | (kind == "over-use")))
        .then(pl.lit("cannot be told from the peers' lower quartile"))
        .when(pl.col("low") <= 0)
        .then(pl.lit("may save nothing over the range of the factors"))
        .when(kg < options.kg_to_rank)
        .then(pl.format("less than {} kg", pl.lit(int(options.kg_to_rank))))
    )
