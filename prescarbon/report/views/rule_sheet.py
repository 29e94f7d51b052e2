"""One sheet a rule for a prescribing committee: what it would sign, and the boxes it fills in."""

from collections.abc import Mapping
from dataclasses import dataclass

# key of signoff.csv → its label on a sheet: what is written is found by it again
ANSWERS: Mapping[str, str] = {
    "decision": "Decision",
    "author_role": "Author's role",
    "approver_role": "Approver's role",
    "body": "Body that decided",
    "minute": "Minute",
    "date": "Date of the decision",
    "review_by": "To be reviewed by",
    "note": "Comment",
}
RULE_LABEL, HASH_LABEL = "Rule", "Content hash"
COVER = "Read me"
DECISION_WORDS = "approved, rejected or off"
HINTS: Mapping[str, str] = {
    "decision": DECISION_WORDS,
    "author_role": "a role, not a person",
    "approver_role": "another role than the author's",
    "body": "such as the area prescribing committee",
    "minute": "number of the minute",
    "date": "day, month, year",
    "review_by": "at most 24 months later",
    "note": "if there is one",
}


@dataclass(frozen=True)
class Fact:
    """One thing that a signer reads; a line each where there are several."""

    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A product that the rule would offer."""

    name: str
    code: str
    standing: str
    licence: str
    price: str


@dataclass(frozen=True)
class RuleSheet:
    """A rule as a committee reads it.

    standing      draft and why, or signed by whom; or off and why
    about         facts before the tables, rests_on facts after them
    doses         what, before, after
    content_hash  64 hex digits
    """

    rule_id: str
    title: str
    standing: str
    content_hash: str
    about: tuple[Fact, ...]
    doses: tuple[tuple[str, str, str], ...]
    targets: tuple[Target, ...]
    who: tuple[Fact, ...]
    rests_on: tuple[Fact, ...]


@dataclass(frozen=True)
class RulePack:
    """The sheets of one pack, and what is said once for all of them."""

    sheets: tuple[RuleSheet, ...]
    local_words: str
    is_synthetic: bool
