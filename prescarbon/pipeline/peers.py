"""Who is judged and beside whom: GP practices with twelve whole months, and the nearest of them where registers are known."""

from dataclasses import dataclass

import polars as pl

from prescarbon.model.measures.comparison import PEERS, nearest_peers, peer_traits
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.memberships import SCOPE
from prescarbon.store.organisations import read_practice_traits
from prescarbon.tables.organisations import GROUP
from prescarbon.tables.schema import MONTHS_IN_YEAR

SOUGHT_AT_ONCE = 500  # bounds memory: 500 × 6,500 pairs


@dataclass(frozen=True)
class Peers:
    """The practices of a run as opportunities compare them.

    Attributes:
        members: practice_code, pcn_code, sub_icb_code, icb_code, group (all), is_gp, months_held, patients? (newest
            month), asthma_people? (list × share on the register), peers_words? of those that are judged.
        nearest: practice_code, peer_code, rank of practices whose list and registers are known; None where nobody's are.
    """

    members: pl.LazyFrame
    nearest: pl.LazyFrame | None


def find_peers(evidence: Evidence) -> Peers:
    """The peers of every practice in the evidence.

    Nearest are found among those with twelve whole months, by the traits of `comparison.nearest_peers`; without a
    register a list says nothing of need, and all GP practices are the peers.
    """
    traits = peer_traits(read_practice_traits(evidence.config.home), evidence.list_sizes.lazy())
    members = (
        evidence.practices.lazy()
        .select("practice_code", "pcn_code", "sub_icb_code", "icb_code")
        .join(practices_held(evidence).lazy(), on="practice_code", how="left", validate="1:1")
        .join(traits, on="practice_code", how="left")
        .with_columns(
            asthma_people=pl.col("asthma_share") * pl.col("patients"),
            **{GROUP: pl.lit(SCOPE)},
        )
        .collect()
    )
    judged = members.filter(pl.col("is_gp") & (pl.col("months_held") >= MONTHS_IN_YEAR))
    nearest, method = _nearest(judged)
    has_nearest = pl.col("practice_code").is_in(nearest["practice_code"].implode())
    is_judged = pl.col("practice_code").is_in(judged["practice_code"].implode())
    everyone = f"All {judged.height} GP practices in scope with {MONTHS_IN_YEAR} whole months."
    words = pl.when(has_nearest).then(pl.lit(method)).when(is_judged).then(pl.lit(everyone))
    told = members.with_columns(peers_words=words).drop("asthma_share", "copd_share", "imd_score")
    return Peers(told.lazy(), None if nearest.is_empty() else nearest.lazy())


def practices_held(evidence: Evidence) -> pl.DataFrame:
    """practice_code, is_gp, months_held: who may stand beside others, one row a practice of the run.

    A GP practice is one whose setting says so; where no organisation file tells any setting, one with a registered list.
    months_held are the months of the period in which it has rows.
    """
    in_period = pl.col("month").is_in(evidence.period.held)
    held = evidence.with_rows.filter(in_period).group_by("practice_code").len("held")
    listed = evidence.list_sizes.lazy().drop_nulls("patients").select("practice_code", is_listed=True).unique()
    setting = pl.col("setting").cast(pl.String)
    is_told = (evidence.practices["setting"].cast(pl.String) != "not known").any()
    return (
        evidence.practices.lazy()
        .select("practice_code", "setting")
        .join(held, on="practice_code", how="left", validate="1:1")
        .join(listed, on="practice_code", how="left", validate="1:1")
        .select(
            "practice_code",
            is_gp=(setting == "GP practice") if is_told else pl.col("is_listed").fill_null(value=False),
            months_held=pl.col("held").fill_null(0).cast(pl.Int64),
        )
        .collect()
    )


def _nearest(judged: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """practice_code, peer_code, rank, and how they were found: of practices with a list and a register."""
    known = judged.filter(
        (pl.col("patients") > 0) & pl.any_horizontal(pl.col("asthma_share", "copd_share").is_not_null())
    ).select("practice_code", "patients", "asthma_share", "copd_share", "imd_score")
    none = pl.DataFrame(schema={"practice_code": pl.String, "peer_code": pl.String, "rank": pl.Int64})
    if known.height <= PEERS:
        return none, ""
    found, method = [none], ""
    codes = known["practice_code"].to_list()
    for start in range(0, len(codes), SOUGHT_AT_ONCE):
        pairs, method = nearest_peers(known.lazy(), codes[start : start + SOUGHT_AT_ONCE])
        found.append(pairs.select(none.columns).collect())
    return pl.concat(found), method
