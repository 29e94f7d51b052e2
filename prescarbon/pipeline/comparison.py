"""Practices beside their peers: funnels and neutral verdicts, for commands and pages."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.measures.comparison import (
    funnel_of_means,
    funnel_of_proportions,
    judge_gate,
    nearest_peers,
    peer_traits,
    spread_by,
)
from prescarbon.model.period import count_of
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.peers import practices_held
from prescarbon.pipeline.series import chosen_measures
from prescarbon.store.organisations import read_practice_traits
from prescarbon.tables.schema import GATES

Funnel = Callable[[pl.LazyFrame, Sequence[str]], pl.LazyFrame]


def spread_of_practices(evidence: Evidence) -> pl.LazyFrame:
    """kg an inhaler of each practice over the period with its spread: what a funnel of means takes, gated by `_gated`.

    returns  organisation_code, count, mean, variance, gate, gate_reason?, pcn?
    """
    rows = evidence.footprint.lazy().filter(pl.col("month").is_in(evidence.period.held) & IS_INHALER)
    values = spread_by(rows, ["practice_code"]).with_columns(judge_gate(pl.col("count")))
    return _gated(evidence, values.rename({"practice_code": "organisation_code"}))


def _gated(evidence: Evidence, values: pl.LazyFrame) -> pl.LazyFrame:
    """Values with the practices listed, and why, that stand beside nobody: not twelve whole months, or no GP practice.

    values   organisation_code (a practice), gate; months_held where the measure itself says how many
    returns  values plus gate_reason? and pcn?
    """
    about = evidence.practices.join(practices_held(evidence), on="practice_code").lazy()
    known = about.select("is_gp", organisation_code="practice_code", pcn="pcn_code", held="months_held")
    months = pl.min_horizontal("held", *(c for c in values.collect_schema().names() if c == "months_held"))
    reason = (
        pl.when(pl.col("held") < pl.col("months"))
        .then(count_of("held", "months"))
        .when(~pl.col("is_gp"))
        .then(pl.lit("not known to be a GP practice"))
    )
    return (
        values.join(known, on="organisation_code", how="left", validate="m:1")
        .with_columns(held=months, months=pl.lit(evidence.period.length, pl.Int64))
        .with_columns(gate_reason=reason)
        .with_columns(
            gate=pl.when(pl.col("gate_reason").is_null()).then("gate").otherwise(pl.lit("listed").cast(GATES))
        )
        .drop("months", "months_held", "held", "is_gp", strict=False)
    )


def beside_all(values: pl.LazyFrame, funnel: Funnel) -> pl.LazyFrame:
    """Each judged among all the others."""
    return funnel(values.with_columns(group=pl.lit("all")), ["group"])


def compare(config: Config, measure: str, *, peers: str, last_month: date | None = None) -> list[dict[str, Any]]:
    """Each practice of the scope beside its peers over twelve months: value, limits, and a neutral verdict.

    A practice without twelve whole months, or that is no GP practice, is listed with the reason: it is no peer and not
    judged; nor is anyone in a group of fewer than ten.
    peers  all (every practice in scope), pcn, or nearest (the ten most like it; the method is a column)

    Raises:
        InputError: no such measure or peers, or the measure is neither a share nor kg per inhaler.
    """
    evidence = gather(config, last_month=last_month)
    (one,) = chosen_measures(evidence, [measure])
    period = evidence.period
    if measure == "kg_per_inhaler":
        funnel: Funnel = funnel_of_means
        values = spread_of_practices(evidence)
    elif one.denominator is not None and one.unit.startswith("share"):
        shares = evidence.measure([one], ["practice"], [(period.first, period.last)]).lazy()
        values, funnel = _gated(evidence, shares.filter(pl.col("denominator").is_not_null())), funnel_of_proportions
    else:
        raise InputError(
            f"{measure} is no share and no mean, so no funnel fits it.", remedy="Use kg_per_inhaler or a share."
        )
    if peers == "all":
        found = beside_all(values, funnel)
    elif peers == "pcn":
        found = funnel(values.with_columns(group=pl.col("pcn").fill_null("no PCN")), ["group"])
    elif peers == "nearest":
        found = _beside_nearest(evidence, values, funnel)
    else:
        raise InputError(f"{peers!r} are no peers.", remedy="Use all, pcn or nearest.")
    names = evidence.practices.lazy().select("practice_name", organisation_code="practice_code")
    return found.join(names, on="organisation_code", how="left").sort("organisation_code").collect().to_dicts()


def _beside_nearest(evidence: Evidence, values: pl.LazyFrame, funnel: Funnel) -> pl.LazyFrame:
    """Each practice judged in the group of itself and its nearest practices."""
    traits = peer_traits(read_practice_traits(evidence.config.home), evidence.list_sizes.lazy())
    fit = values.filter(pl.col("gate") != "listed")
    pairs, method = nearest_peers(traits.join(fit, left_on="practice_code", right_on="organisation_code", how="semi"))
    own = values.select(group="organisation_code", organisation_code="organisation_code")
    groups = pl.concat([own, pairs.select(group="practice_code", organisation_code="peer_code")])
    judged = funnel(groups.join(values, on="organisation_code"), ["group"])
    return judged.filter(pl.col("group") == pl.col("organisation_code")).with_columns(peers=pl.lit(method))
