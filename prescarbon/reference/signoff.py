"""Decisions on rules: the rows of signoff.csv, what may stand in them, and what they make of a rule."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated

import polars as pl

from prescarbon import config
from prescarbon.errors import Fault, InputError, refuse
from prescarbon.model.opportunities.rules import Signature, SwitchRule
from prescarbon.model.text import CONTROL
from prescarbon.reference.cells import Date, Kind, Row, fitting, one_of
from prescarbon.reference.content import hash_of_content
from prescarbon.reference.files import Files
from prescarbon.reference.sheets import Sheet, rows_of

APPROVED, REJECTED, OFF = "approved", "rejected", "off"
DECISIONS = (APPROVED, REJECTED, OFF)
MONTHS_OF_A_SIGNATURE = 24  # our own policy: no source sets a length
LONGEST_ROLE, LONGEST_TEXT, LONGEST_NOTE = 80, 120, 500  # characters
HASH = re.compile(r"[0-9a-f]{16,64}")
A_PERSON = re.compile(r"\b(?:dr|mr|mrs|ms|miss|prof|professor|sir|dame)\b\.?\s|@", re.IGNORECASE)
CONTROLS = re.compile(CONTROL)


def _plain_text(longest: int, *, is_role: bool = False) -> Kind:
    """A text that nothing runs and nothing is marked up with."""

    def read(text: str) -> str:
        if CONTROLS.search(text):
            raise ValueError("holds a control character")
        if text.startswith(("=", "+", "-", "@")):
            raise ValueError("begins like a formula")
        if "<" in text or ">" in text:
            raise ValueError("holds < or >: write plain words")
        if len(text) > longest:
            raise ValueError(f"has {len(text)} characters, at most {longest} are kept")
        if not any(sign.isalnum() for sign in text):
            raise ValueError("says nothing")
        if is_role and A_PERSON.search(text):
            raise ValueError("looks like a person: write a role, such as lead respiratory pharmacist")
        return text

    return Kind(pl.String, read, "=1+1")


Role = Annotated[str, _plain_text(LONGEST_ROLE, is_role=True)]
Words = Annotated[str, _plain_text(LONGEST_TEXT)]
Note = Annotated[str, _plain_text(LONGEST_NOTE)]
RuleId = Annotated[str, _plain_text(40)]
ContentHash = Annotated[str, fitting(HASH, "is no content hash: 16 to 64 of the digits 0-9 and a-f")]


class SignoffRow(Row):
    """signoff.csv: what a body decided on a rule as it then was. Roles, never persons."""

    MAY_BE_EMPTY = True
    KEY = ("rule_id", "date")
    rule_id: RuleId
    content_hash: ContentHash
    decision: Annotated[str, one_of(DECISIONS)]
    author_role: Role
    approver_role: Role
    body: Words
    minute: Words
    date: Date
    review_by: Date
    note: Note | None = None


@dataclass(frozen=True)
class Decision:
    """One row of signoff.csv."""

    rule_id: str
    content_hash: str
    decision: str
    author_role: str
    approver_role: str
    body: str
    minute: str
    review_by: date
    date: date
    note: str | None = None

    def is_of(self, content_hash: str) -> bool:
        """True where the rule is as it was then; a sheet may carry the digits that are printed alone."""
        return content_hash.startswith(self.content_hash)


def today() -> date:
    """The day after which nothing can have been decided."""
    return config.today()


def read_decisions(files: Files, file: Path | None) -> tuple[Decision, ...]:
    """The rows of signoff.csv: all that was decided, in order; also on rules that are no more.

    Raises:
        InputError: naming every wrong cell.
    """
    if file is None:
        return ()
    sheet = files.sheet(file, SignoffRow)
    rows_of(sheet, InputError)
    refuse(signoff_faults(sheet, today()), InputError)
    return decisions_of(sheet)


def decisions_of(sheet: Sheet) -> tuple[Decision, ...]:
    """The rows of a sheet of SignoffRow, in order."""
    return tuple(Decision(**row) for row in sheet.rows.select(list(SignoffRow.model_fields)).to_dicts())


def signoff_faults(sheet: Sheet, today: date) -> list[Fault]:
    """What is wrong between the cells of a row: one role twice, a day to come, a review out of reach."""
    found: list[Fault] = []
    for line, decided in zip(sheet.lines, decisions_of(sheet), strict=True):
        found += [Fault(sheet.name, line, *at) for at in _of_row(decided, today)]
    return found


def _of_row(decided: Decision, today: date) -> Iterator[tuple[str, str, str]]:
    if _folded(decided.author_role) == _folded(decided.approver_role):
        yield "approver_role", decided.approver_role, "is the author's role too: two roles sign"
    if decided.date > today:
        yield "date", str(decided.date), f"is to come: today is {day(today)}"
    if decided.review_by <= decided.date:
        yield "review_by", str(decided.review_by), "does not come after the date of the decision"
    elif decided.review_by > last_review(decided.date):
        reason = f"is more than {MONTHS_OF_A_SIGNATURE} months after the decision, the most that our own policy allows"
        yield "review_by", str(decided.review_by), reason


def last_review(decided: date) -> date:
    """The last day that a signature may name for its review."""
    year = decided.year + MONTHS_OF_A_SIGNATURE // 12
    return date(year, decided.month, 28) if (decided.month, decided.day) == (2, 29) else decided.replace(year=year)


def standing_decisions(decisions: Sequence[Decision]) -> dict[str, Decision]:
    """rule_id → the newest decision on it; older ones are history."""
    return {decided.rule_id: decided for decided in sorted(decisions, key=lambda d: d.date)}


def lay_over(
    rules: Sequence[SwitchRule], contents: Mapping[str, Mapping[str, object]], decisions: Sequence[Decision]
) -> tuple[SwitchRule, ...]:
    """The rules with the newest decision on each: a signature where the content still is what was signed.

    contents  rule_id → content.content_of, after the overrides
    """
    newest = standing_decisions(decisions)
    return tuple(_decided(r, hash_of_content(contents[r.id]), newest[r.id]) if r.id in newest else r for r in rules)


def _decided(rule: SwitchRule, content_hash: str, decided: Decision) -> SwitchRule:
    if decided.decision != APPROVED:  # also of an older content: only another decision brings the rule back
        words = "rejected" if decided.decision == REJECTED else "switched off"
        lost = f"{words} by {decided.body} on {day(decided.date)}"
        return replace(rule, is_on=False, off_because=lost, signature_lost=lost)
    if not decided.is_of(content_hash):
        return replace(rule, signature_lost=f"changed since it was signed on {day(decided.date)}")
    roles = (decided.author_role, decided.approver_role)
    return replace(rule, signature=Signature(decided.body, decided.date, decided.review_by, *roles, decided.minute))


def day(value: date) -> str:
    """A day as pages write it: 5 October 2026."""
    return f"{value.day} {value:%B %Y}"


def _folded(role: str) -> str:
    return " ".join(role.casefold().split())
