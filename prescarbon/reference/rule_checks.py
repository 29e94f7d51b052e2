"""What one rule must say, over its keys: target, dose, whom it leaves out, why it is off; in words fit for a reader."""

import re
from collections.abc import Iterator

from prescarbon.model.opportunities.rules import NEEDS_TARGET, SwitchRule

RULE_ID = re.compile(r"\b[A-Z]{2}[0-9]{2}\b")  # as DV14; NG245 has three digits
AUTHORS_MARK = re.compile(r"\[[A-Z]\]")  # as [C]: read in the primary text
INHALED = ("0301", "0302", "0303")


def over_keys(rule: SwitchRule) -> Iterator[tuple[str, str]]:
    """Key and reason of every fault that shows only over several keys of one rule, or in the words a page prints."""
    if rule.kind in NEEDS_TARGET and not (rule.to_codes or rule.to_pairs):
        yield "to", f"a {rule.kind} must name its target product"
    if rule.kind in NEEDS_TARGET and not (rule.ratio and rule.dose_words):
        yield "dose", f"a {rule.kind} must state its dose equivalence: ratio above 0, and words"
    if rule.kind in NEEDS_TARGET and not rule.excluded:
        yield "excluded", f"a {rule.kind} must say who it is not for"
    if rule.is_like_for_like and rule.category_from != rule.category_to:
        reason = f"like-for-like across dose categories ({rule.category_from} to {rule.category_to})"
        yield "is_like_for_like", reason
    if rule.kind == "duration" and not rule.supply_days:
        yield "duration", "a duration must state its days"
    if rule.valid_to < rule.valid_from:
        yield "valid_to", "valid_to comes before valid_from"
    if not rule.is_on and not rule.off_because.strip():
        yield "off_because", "a rule that is off must say why, for a reader"
    yield from _of_regimen(rule)
    yield from _for_a_reader(rule)


def _of_regimen(rule: SwitchRule) -> Iterator[tuple[str, str]]:
    """The dose before and after: without it nobody can tell that two puffs become one."""
    is_inhaled = any(code.startswith(INHALED) for code in rule.from_codes)
    if rule.kind == "product switch" and is_inhaled and not (rule.from_puffs and rule.to_puffs):
        yield "dose", "a switch of an inhaler must state its regimen: from_puffs and to_puffs"
    if (rule.from_puffs is None) != (rule.to_puffs is None):
        yield "dose", "from_puffs and to_puffs stand together"
    if (rule.from_times is None) != (rule.to_times is None):
        yield "dose", "from_times and to_times stand together: both a day, or both as needed"


def _for_a_reader(rule: SwitchRule) -> Iterator[tuple[str, str]]:
    """Words a page prints name rules by title and carry no mark of the author's; the note is the place for those."""
    texts = {
        "title": (rule.title,),
        "excluded": rule.excluded,
        "checks": rule.checks,
        "caveats": (rule.caveats,),
        "off_because": (rule.off_because,),
        "search": (rule.search,),
        "from.words": (rule.from_words,),
        "to.words": (rule.to_words,),
        "dose.words": (rule.dose_words,),
        "evidence.words": (rule.evidence,),
    }
    for key, said in texts.items():
        for text in said:
            if found := RULE_ID.search(text):
                yield key, f"names a rule by its id ({found.group()}): name it by its title, or put it in the note"
            if found := AUTHORS_MARK.search(text):
                yield key, f"has an author's mark ({found.group()}): say in words how it is known"
