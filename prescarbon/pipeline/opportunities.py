"""Switch rules over the loaded months: the ranked opportunities of practices, PCNs, sub-ICB locations and the ICB."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.opportunities.actions import evaluate_actions
from prescarbon.model.opportunities.claims import claim_units, sum_volumes
from prescarbon.model.opportunities.draws import tabulate_draws
from prescarbon.model.opportunities.lines import find_opportunities, find_quiet, roll_up, total_savings
from prescarbon.model.opportunities.options import OpportunityOptions
from prescarbon.model.opportunities.worlds import Intervals, measure_intervals
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.memberships import check_level
from prescarbon.pipeline.peers import Peers, find_peers
from prescarbon.reference.local import read_actions_log
from prescarbon.reference.local_folder import local_files
from prescarbon.reference.reviews import reviews_of_products
from prescarbon.tables.organisations import GROUP, LEVELS


@dataclass(frozen=True)
class Found:
    """Opportunities of one level, the union of their savings, and who has none that stands out."""

    evidence: Evidence
    lines: pl.DataFrame
    totals: pl.DataFrame
    quiet: tuple[str, ...]

    def only(self, organisation: str) -> "Found":
        """What was found for one organisation.

        Raises:
            InputError: it has no line and is none of those that have none.
        """
        is_it = pl.col("organisation_code") == organisation
        lines, totals = self.lines.filter(is_it), self.totals.filter(is_it)
        if lines.is_empty() and organisation not in self.quiet:
            raise InputError(f"{organisation} is not in the loaded months.", remedy="Check --level and the code.")
        return replace(self, lines=lines, totals=totals, quiet=tuple(c for c in self.quiet if c == organisation))


def find(
    config: Config,
    *,
    level: str = "practice",
    organisation: str | None = None,
    last_month: date | None = None,
    rank_by: str = "kg",
    include_off: bool = False,
    include_drafts: bool = True,
) -> Found:
    """Table OPPORTUNITIES of every organisation of the level in scope (or one), over at most the last twelve months.

    Rules, formulary and supply are those of the configured day (as_of); factors and products those of the last month.

    Raises:
        InputError: the level or organisation is none, or a local file (formulary, excluded products, campaigns) is wrong.
        DefinitionError: a rule is wrong.
    """
    check_level(level)
    evidence = gather(config, last_month=last_month)
    found = at_level(prepare(evidence, rank_by, include_off=include_off, include_drafts=include_drafts), level)
    return found if organisation is None else found.only(organisation)


@dataclass(frozen=True)
class Prepared:
    """The practice lines and the arithmetic behind them: what every level is summed from."""

    evidence: Evidence
    options: OpportunityOptions
    peers: Peers
    volumes: pl.LazyFrame
    lines: pl.LazyFrame
    claims: pl.LazyFrame
    intervals: Intervals | None

    def with_drafts(self) -> "Prepared":
        """The same with the rules that no clinical role has signed off."""
        return _claimed(self.evidence, replace(self.options, include_drafts=True), self.peers, self.volumes)


def prepare(
    evidence: Evidence, rank_by: str = "kg", *, include_off: bool = False, include_drafts: bool = True
) -> Prepared:
    """Find the opportunities of every practice in the evidence, once for all levels."""
    options = _options(evidence, rank_by, include_off=include_off, include_drafts=include_drafts)
    volumes = sum_volumes(evidence.footprint.lazy(), options).collect().lazy()
    return _claimed(evidence, options, find_peers(evidence), volumes)


def _claimed(evidence: Evidence, options: OpportunityOptions, peers: Peers, volumes: pl.LazyFrame) -> Prepared:
    switches, products = evidence.reference.switches, evidence.reference.products
    claims = claim_units(
        switches.rules, volumes, products, evidence.factors, switches.formulary, peers.members, options, peers.nearest
    )
    claims = claims.collect().lazy()
    own = volumes.select("practice_code", organisation_code="practice_code").unique()
    intervals = measure_intervals(claims, own, options)
    lines = find_opportunities(claims, volumes, switches.rules, evidence.footprint.lazy(), products, options, intervals)
    return Prepared(evidence, options, peers, volumes, lines.collect().lazy(), claims, intervals)


def at_level(prepared: Prepared, level: str) -> Found:
    """The prepared opportunities summed and ranked at a level of LEVELS, or for the whole scope (GROUP)."""
    lines, column = prepared.lines, GROUP if level == GROUP else LEVELS[level]
    members, intervals = prepared.peers.members, prepared.intervals
    if level != "practice":
        groups = members.select("practice_code", organisation_code=column).drop_nulls()
        intervals = measure_intervals(prepared.claims, groups, prepared.options)
        lines = roll_up(lines, members, column, prepared.options, prepared.claims, intervals)
    collected = lines.collect().with_columns(level=pl.lit(level))
    organisations = members.select(organisation_code=column).drop_nulls().unique()
    quiet = find_quiet(collected.lazy(), organisations).collect()["organisation_code"].to_list()
    totals = total_savings(collected.lazy(), intervals).collect()
    return Found(prepared.evidence, collected, totals, tuple(quiet))


def _options(evidence: Evidence, rank_by: str, *, include_off: bool, include_drafts: bool) -> OpportunityOptions:
    config, reference, period = evidence.config, evidence.reference, evidence.period
    draws = tabulate_draws(
        evidence.factors, evidence.error_parts.lazy(), month=period.last, seed=config.seed, draws=config.draws
    )
    return OpportunityOptions(
        period_start=period.first,
        period_end=period.last,
        read_on=config.as_of,
        include_off=include_off,
        include_drafts=include_drafts,
        achievable_shares=dict(config.achievable_shares),
        rank_by=rank_by,  # type: ignore[arg-type]  # click has checked it
        excluded=reference.excluded,
        reviews=reviews_of_products(reference, period.last, config.factor_set),
        campaigns=reference.campaigns,
        guards=reference.switches.guards,
        doses=reference.doses,
        draws=draws,
        seed=config.seed,
    )


def evaluate(config: Config, log: Path | None = None, *, last_month: date | None = None) -> list[dict[str, Any]]:
    """Before and after of every action in a log (CSV: practice, rule, start date, owner role), with comparators.

    log  None takes actions.csv of the local folder

    Raises:
        InputError: the log is wrong or there is none, or nothing is loaded.
    """
    log = log or local_files(config).actions
    if log is None:
        raise InputError("there is no log of actions.", remedy="Name one, or run `prescarbon local init`.")
    evidence = gather(config, last_month=last_month)
    switches = evidence.reference.switches
    peers = evidence.practices.lazy().select("practice_code", peer_group=pl.lit("all"))
    found = evaluate_actions(
        read_actions_log(log, evidence.reference.rule_ids), switches.rules, evidence.footprint.lazy(), evidence.reference.products, peers,
        last_month=evidence.months[-1],
    )  # fmt: skip
    return found.collect().to_dicts()


def as_json(found: Found) -> dict[str, Any]:
    """{"opportunities": [...], "totals": [...], "nothing_stands_out": [...]}."""
    return {
        "opportunities": found.lines.to_dicts(),
        "totals": found.totals.to_dicts(),
        "nothing_stands_out": list(found.quiet),
    }
