"""A line's safety facts in words, the same on every face: dose, whom it is not for, licence, checks, price, evidence, standing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from string import ascii_uppercase
from typing import Any
from urllib.parse import urlsplit

from prescarbon.report.views.action import Action, Question
from prescarbon.report.views.numbers import UNKNOWN, cost_change, day, number, percent, pounds
from prescarbon.report.views.numbers import month as month_words
from prescarbon.tables.opportunities import BETWEEN, CHANGES_PRODUCT

Words = Mapping[str, Any]  # the sentences of [actions] in reference/wording
NAMED = 4  # so many products are named on paper, more are counted
WORTH_A_LETTER = 12  # characters: what is shorter stands in every line


@dataclass(frozen=True)
class Fact:
    """A labelled fragment of a line; on_paper is the same with letters for what several lines share."""

    label: str
    text: str
    on_paper: str
    address: str | None = None

    @property
    def host(self) -> str:
        """Whose page the address is of; the address itself where it is none of the web."""
        return urlsplit(self.address).netloc if self.is_link and self.address else (self.address or "")

    @property
    def is_link(self) -> bool:
        """Whether a page may link to the address."""
        return (self.address or "").startswith(("http://", "https://"))


@dataclass(frozen=True)
class Block:
    """All a page says of one line beside its numbers.

    products  from what, by name; products_on_paper the same where there are many
    """

    products: str
    products_on_paper: str
    to: str
    dose: str
    status: str
    facts: tuple[Fact, ...]


def blocks_of(actions: Sequence[Action], words: Words) -> tuple[tuple[Block, ...], tuple[str, ...]]:
    """The block of each line, and what the letters on paper stand for ("A: spacer users; …")."""
    not_for = _letters([a.not_for for a in actions])
    checks = _letters([a.checks for a in actions], after=len(not_for))
    blocks = tuple(_block(a, words, not_for, checks) for a in actions)
    return blocks, tuple(f"{letter}: {BETWEEN.join(texts)}." for letter, texts in (not_for | checks).items())


def block_of(action: Action, words: Words) -> Block:
    """The block of a line that stands alone."""
    return _block(action, words, {}, {})


def dose_of(action: Action) -> str:
    """The dose before and after; where the products' doses do not give it, the rule's words; empty where nothing is changed."""
    told = []
    if action.dose_from or action.dose_to:
        told.append(f"{action.dose_from or UNKNOWN} → {action.dose_to or UNKNOWN}")
    if action.dose_words and not (action.dose_from and action.dose_to):
        told.append(action.dose_words.rstrip("."))
    return ". ".join(told) or (UNKNOWN if action.kind in CHANGES_PRODUCT else "")


def status_of(action: Action | Question, words: Words) -> str:
    """Draft and why, or who signed it, when, and until when it holds."""
    if action.is_draft:
        return str(words["draft"].format(why=action.why_draft or UNKNOWN))
    return str(
        words["signed"].format(
            body=action.signed_by or UNKNOWN, date=_day(action.signed_on), review=_day(action.review_by)
        )
    )


def question_of(question: Question, words: Words) -> str:
    """How much of what is asked about is here, and of what would take its place."""
    told = words["size"].format(
        items=number(question.items), units=number(question.units), unit_name=question.unit_name
    )
    if question.asked_for is not None:
        told += " " + words["asked_for"].format(units=number(question.asked_for), what=question.to_words or UNKNOWN)
    if question.items and question.units > question.items:
        told += " " + words["an_item"].format(
            units=f"{question.units / question.items:.2f}", unit_name=question.unit_name
        )
    return str(told)


def price_of(action: Action, words: Words) -> str:
    """£ of the treatment before and after with the date, and £ a tonne."""
    told = []
    if action.kind in CHANGES_PRODUCT:
        before, after = action.month_price_from_gbp, action.month_price_to_gbp
        if before is None and after is None:
            told.append(UNKNOWN)
        else:
            date_ = month_words(action.month_price_date) if action.month_price_date else UNKNOWN
            told.append(
                words["month_price"].format(
                    before=_pounds(before), after=_pounds(after), what=action.month_price_words, date=date_
                )
            )
    a_tonne = action.gbp_per_tonne
    change = UNKNOWN if a_tonne is None else cost_change(Decimal(str(round(a_tonne, 2))))
    told.append(words["a_tonne"].format(change=change))
    return BETWEEN.join(told)


def attended_of(action: Action, words: Words) -> str:
    """The most that could be saved if everyone who attends a review changes, with the share and who found it."""
    if action.kg_attended is None or action.achievable_share is None:
        return str(words["share_unknown"])
    source = (action.achievable_source or UNKNOWN).rstrip(".")
    share = percent(action.achievable_share)
    sentence = words["attended_over_use" if action.kind == "over-use" else "attended"]
    return str(sentence.format(kg=number(action.kg_attended.central), share=share, source=source))


def _block(
    action: Action, words: Words, not_for: Mapping[str, Sequence[str]], checks: Mapping[str, Sequence[str]]
) -> Block:
    names = action.from_products
    whole = f"{action.from_words} ({', '.join(names)})" if names else action.from_words
    short = whole if len(names) <= NAMED else words["products"].format(words=action.from_words, count=len(names))
    price = price_of(action, words)
    licence = action.licence or (UNKNOWN if action.kind in CHANGES_PRODUCT else None)
    facts = [
        _listed(words["not_for"], action.not_for, not_for, words),
        _listed(words["check"], action.checks, checks, words),
        *([Fact(words["licence"], licence, licence)] if licence else []),
        Fact(words["price"], price, price),
        Fact(words["evidence"], action.evidence, action.evidence, action.evidence_url),
    ]
    return Block(
        products=whole,
        products_on_paper=short,
        to=action.to_words or UNKNOWN,
        dose=dose_of(action),
        status=status_of(action, words),
        facts=tuple(facts),
    )


def _listed(label: str, texts: Sequence[str], letters: Mapping[str, Sequence[str]], words: Words) -> Fact:
    whole = BETWEEN.join(texts) or str(words["not_stated"])
    given = {text for own in letters.values() for text in own if set(own) <= set(texts)}
    used = [letter for letter, own in letters.items() if set(own) <= set(texts)]
    on_paper = BETWEEN.join([*([", ".join(used)] if used else []), *(t for t in texts if t not in given)])
    return Fact(label, whole, on_paper or whole)


def _letters(lists: Sequence[Sequence[str]], after: int = 0) -> dict[str, tuple[str, ...]]:
    """Letter → texts that the same two or more lists hold: printed once, nothing is lost."""
    holders: dict[str, tuple[int, ...]] = {}
    for at, texts in enumerate(lists):
        for text in texts:
            holders[text] = (*holders.get(text, ()), at) if at not in holders.get(text, ()) else holders[text]
    groups: dict[tuple[int, ...], tuple[str, ...]] = {}
    for text, own in holders.items():
        if len(own) > 1:
            groups[own] = (*groups.get(own, ()), text)
    worth = [texts for texts in groups.values() if len(BETWEEN.join(texts)) >= WORTH_A_LETTER]
    return {_letter(after + at): texts for at, texts in enumerate(worth)}


def _letter(at: int) -> str:
    """A to Z, then A2 to Z2, and so on."""
    turn, place = divmod(at, len(ascii_uppercase))
    return f"{ascii_uppercase[place]}{turn + 1 if turn else ''}"


def _pounds(value: float | None) -> str:
    return UNKNOWN if value is None else pounds(Decimal(str(round(value, 2))))


def _day(value: date | None) -> str:
    return UNKNOWN if value is None else day(value)
