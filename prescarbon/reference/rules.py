"""Reads reference/switches: a TOML file a rule, and guards.toml; model/ never touches a file."""

from prescarbon.errors import Fault
from prescarbon.model.opportunities.rules import Guard, SwitchRule
from prescarbon.reference.documents import Document
from prescarbon.reference.files import Files
from prescarbon.reference.rule_checks import over_keys
from prescarbon.reference.rule_keys import GuardPart, RulePart

REMEDY = "See reference/switches/README.md."


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
    reasons = over_keys(rule)
    return rule, [Fault(document.name, 0, key, "", reason) for key, reason in reasons]


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
