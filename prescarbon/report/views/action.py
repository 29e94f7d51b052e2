"""One line of what could be done next, with what it takes to act on it safely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from prescarbon.report.views.numbers import Interval
from prescarbon.tables.opportunities import BETWEEN


@dataclass(frozen=True)
class Code:
    """A code for the search in a clinical system; side is from or to."""

    side: str
    bnf_code: str
    product_name: str | None
    snomed_codes: tuple[str, ...]


@dataclass(frozen=True)
class HandOver:
    """What a clinical system needs of a line: the wording of a search, the codes found here, and the whole list's file."""

    search: str
    codes: tuple[Code, ...]
    file: str


@dataclass(frozen=True)
class Action:
    """One ranked line of what could be done next, for one organisation."""

    rank: int
    rule_id: str
    title: str
    kind: str
    from_words: str
    from_products: tuple[str, ...]
    to_words: str | None
    dose_from: str | None
    dose_to: str | None
    dose_words: str | None
    licence: str | None
    not_for: tuple[str, ...]
    checks: tuple[str, ...]
    month_price_from_gbp: float | None
    month_price_to_gbp: float | None
    month_price_words: str | None
    month_price_date: date | None
    gbp_per_tonne: float | None
    evidence: str
    evidence_url: str
    is_draft: bool
    why_draft: str | None
    signed_by: str | None
    signed_on: date | None
    review_by: date | None
    items: int
    units: float
    unit_name: str
    basis: str
    kg: Interval
    kg_all: Interval | None
    kg_attended: Interval | None
    achievable_share: float | None
    achievable_source: str | None
    cost_change_gbp: Decimal | None
    price_date: date | None
    rank_stability: float | None
    caveats: str
    commitment: str
    from_codes: str
    to_codes: str | None
    holders: tuple[str, ...] = ()
    hand_over: HandOver | None = None


AS_THEY_ARE = (
    *("rank", "rule_id", "title", "from_words", "to_words", "dose_from", "dose_to", "dose_words", "licence"),
    *("month_price_from_gbp", "month_price_to_gbp", "month_price_words", "month_price_date", "gbp_per_tonne"),
    *("evidence", "evidence_url", "is_draft", "why_draft", "signed_by", "signed_on", "review_by", "items", "units"),
    *("unit_name", "achievable_share", "achievable_source", "price_date", "rank_stability", "caveats", "commitment"),
    *("from_codes", "to_codes"),
)


def action_from(row: Mapping[str, Any], holders: Sequence[str] = (), hand_over: HandOver | None = None) -> Action:
    """A row of table OPPORTUNITIES with a rank as what a page shows."""
    basis = row["rank_basis"]
    return Action(
        **{name: row[name] for name in AS_THEY_ARE},
        kind=str(row["kind"]),
        from_products=parts_of(row["from_products"]),
        not_for=parts_of(row["not_for"]),
        checks=parts_of(row["checks"]),
        basis="to reach the peers' lower quartile" if basis == "to_peer" else "if all of it changed",
        kg=interval_of(row, f"kg_{basis}") or Interval(0, 0, 0),
        kg_all=interval_of(row, "kg_theoretical"),
        kg_attended=interval_of(row, "kg_attended"),
        cost_change_gbp=row[f"cost_change_{basis}_gbp"],
        holders=tuple(holders),
        hand_over=hand_over,
    )


def parts_of(joined: str | None) -> tuple[str, ...]:
    """The parts of a column that holds several."""
    return tuple(joined.split(BETWEEN)) if joined else ()


@dataclass(frozen=True)
class Question:
    """A line that makes no carbon claim: what to ask, and how much of it is here.

    asked_for  units of what the rule asks for instead that are prescribed here already
    """

    rule_id: str
    title: str
    items: int
    units: float
    unit_name: str
    to_words: str | None
    asked_for: float | None
    not_for: tuple[str, ...]
    checks: tuple[str, ...]
    caveats: str
    evidence: str
    evidence_url: str
    is_draft: bool
    why_draft: str | None
    signed_by: str | None
    signed_on: date | None
    review_by: date | None


def question_from(row: Mapping[str, Any]) -> Question:
    """A row of table OPPORTUNITIES that is shown without a rank as what a page shows."""
    same = ("rule_id", "title", "items", "units", "unit_name", "to_words", "caveats", "evidence", "evidence_url")
    standing = ("is_draft", "why_draft", "signed_by", "signed_on", "review_by")
    told: dict[str, Any] = {name: row[name] for name in (*same, *standing)}
    return Question(
        **told,
        asked_for=row["target_units"],
        not_for=parts_of(row["not_for"]),
        checks=parts_of(row["checks"]),
    )


@dataclass(frozen=True)
class Together:
    """All lines of an organisation, each unit counted once: what the lines above may not be added up to."""

    lines: int
    kg_to_peer: Interval | None


def together_from(row: Mapping[str, Any]) -> Together:
    """A row of `total_savings` as what a page shows."""
    return Together(row["lines"], interval_of(row, "kg_to_peer_counted"))


def interval_of(row: Mapping[str, Any], name: str) -> Interval | None:
    """Low, central and high of a column with both ends; an end that is not known is the central value."""
    low, central, high = row[f"{name}_low"], row[name], row[f"{name}_high"]
    if central is None:
        return None
    return Interval(
        float(low if low is not None else central), float(central), float(high if high is not None else central)
    )
