"""Reads reference/switches: a TOML file a rule, and guards.toml; model/ never touches a file."""

import re
from collections.abc import Iterator

from prescarbon.errors import Fault
from prescarbon.model.opportunities.rules import NEEDS_TARGET, Guard, SwitchRule
from prescarbon.reference.documents import Document
from prescarbon.reference.files import Files
from prescarbon.reference.rule_keys import GuardPart, RulePart

REMEDY = "See reference/switches/README.md."
RULE_ID = re.compile(r"\b[A-Z]{2}[0-9]{2}\b")  # as DV14; NG245 has three digits
AUTHORS_MARK = re.compile(r"\[[A-Z]\]")  # as [C]: read in the primary text
INHALED = ("0301", "0302", "0303")


def rule_of(document: Document[RulePart]) -> tuple[SwitchRule | None, list[Fault]]:
    """The rule of a file and its faults: of each key, and, where each is right by itself, over several keys."""
    part = document.content
    if part is None:
        return None, list(document.faults)
    saving = part.saving
    rule = SwitchRule(
        id=part.id,
        title=part.title,
        kind=part.kind,
        family=part.family,
        order=part.order,
        effort=part.effort,
        is_on=part.is_on,
        is_like_for_like=part.is_like_for_like,
        commitment=part.commitment,
        valid_from=part.valid_from,
        valid_to=part.valid_to,
        from_words=part.from_.words,
        from_codes=part.from_.codes,
        from_classes=part.from_.drug_class,
        from_devices=part.from_.device_type,
        from_propellants=part.from_.propellant,
        unit_name=part.from_.unit,
        to_words=part.to.words,
        to_codes=part.to.codes,
        to_pairs=part.to.pairs,
        ratio=part.dose.ratio,
        dose_words=part.dose.words,
        category_from=part.dose.category_from,
        category_to=part.dose.category_to,
        excluded=part.excluded,
        caveats=part.caveats,
        search=part.search,
        alternative_to=part.alternative_to,
        achievable_share=part.achievable.share if part.achievable else None,
        achievable_source=part.achievable.source if part.achievable else "",
        saving_per_unit=(saving.kg_low, saving.kg_co2e, saving.kg_high) if saving else None,
        saving_source=saving.source if saving else "",
        supply_days=part.duration.days if part.duration else None,
        pool_classes=part.peers.pool,
        is_per_list=part.peers.per_list,
        evidence=part.evidence.words,
        evidence_url=part.evidence.url,
        review_by=part.review_by,
        indication=part.indication,
        from_age=part.from_age,
        from_puffs=part.dose.from_puffs,
        from_times=part.dose.from_times,
        to_puffs=part.dose.to_puffs,
        to_times=part.dose.to_times,
        checks=part.checks,
        note=part.note,
        off_because=part.off_because,
    )
    reasons = _over_keys(rule)
    return rule, [Fault(document.name, 0, key, "", reason) for key, reason in reasons]


def _over_keys(rule: SwitchRule) -> Iterator[tuple[str, str]]:
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


def guard_of(part: GuardPart) -> Guard:
    """The model's guard."""
    return Guard(
        id=part.id,
        reason=part.reason,
        from_codes=part.from_codes,
        evidence_url=part.evidence_url,
        to_codes=part.to_codes,
        to_devices=part.to_devices,
        at_ratio=part.at_ratio,
    )


def gather_rules(files: Files) -> tuple[tuple[SwitchRule, ...], list[Fault]]:
    """Every rule, in order of `order` and id, and every fault of every file."""
    folder = files.root / "switches"
    rules: list[SwitchRule] = []
    faults: list[Fault] = []
    for file in sorted(folder.glob("*.toml")):
        if file.name != "guards.toml":
            rule, found = rule_of(files.document(file, RulePart))
            faults += found
            rules += [rule] if rule else []
    if not rules and not faults:
        faults.append(Fault("switches", 0, "", "", "holds no rule: is this the reference folder?"))
    return tuple(sorted(rules, key=lambda r: (r.order, r.id))), faults
