"""overrides.toml: what a place decides about a rule without making another one of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, model_validator

from prescarbon.errors import Fault, InputError, refuse
from prescarbon.model.opportunities.rules import SwitchRule
from prescarbon.reference.files import Files
from prescarbon.reference.keys import FilledList, FilledPageWords, Part, Pattern, Share

AGREED_LOCALLY = "agreed locally (overrides.toml)"


class OverridePart(Part):
    """One [rule] of overrides.toml; what is absent stays as the rule has it."""

    is_on: bool | None = None
    excluded: FilledList[FilledPageWords] | None = None
    to_codes: FilledList[Pattern] | None = None
    achievable_share: Share | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_else(cls, given: Any) -> Any:
        odd = sorted(given.keys() - cls.model_fields.keys()) if isinstance(given, Mapping) else []
        if odd:
            may = ", ".join(cls.model_fields)
            raise ValueError(
                f"may not override {', '.join(odd)}, only {may}: another dose, ratio or product is a new rule"
            )
        return given


OVERRIDES: TypeAdapter[dict[str, OverridePart]] = TypeAdapter(dict[str, OverridePart])


def override_faults(overrides: Mapping[str, OverridePart], rules: Sequence[SwitchRule], name: str) -> list[Fault]:
    """Overrides of no rule of ours, and targets that are none of the rule's own.

    name  of the file, for the faults
    """
    by_id = {rule.id: rule for rule in rules}
    found = [Fault(name, 0, rule, "", "is no rule of reference/switches") for rule in overrides if rule not in by_id]
    for rule_id, part in overrides.items():
        own = by_id[rule_id].to_codes if rule_id in by_id else part.to_codes or ()
        for code in dict.fromkeys(part.to_codes or ()):
            if code not in own:
                reason = "is none of the rule's own targets: another target is a new rule"
                found.append(Fault(name, 0, f"{rule_id}.to_codes", code, reason))
            if (part.to_codes or ()).count(code) > 1:
                found.append(Fault(name, 0, f"{rule_id}.to_codes", code, "stands twice"))
    return found


def read_overrides(files: Files, file: Path | None, rules: Sequence[SwitchRule]) -> Mapping[str, OverridePart]:
    """rule_id → what the local folder decides about it; nothing without a file.

    Raises:
        InputError: naming every wrong key.
    """
    if file is None:
        return {}
    document = files.document(file, OVERRIDES)
    refuse(document.faults, InputError)
    overrides = document.content or {}
    refuse(override_faults(overrides, rules, document.name), InputError)
    return overrides


def with_overrides(rules: Sequence[SwitchRule], overrides: Mapping[str, OverridePart]) -> tuple[SwitchRule, ...]:
    """The rules as the place has them."""
    return tuple(_overridden(rule, overrides[rule.id]) if rule.id in overrides else rule for rule in rules)


def _overridden(rule: SwitchRule, part: OverridePart) -> SwitchRule:
    more = tuple(words for words in part.excluded or () if words not in rule.excluded)
    return replace(
        rule,
        is_on=rule.is_on if part.is_on is None else part.is_on,
        off_because="switched off in overrides.toml" if part.is_on is False else rule.off_because,
        excluded=(*rule.excluded, *more),
        to_codes=part.to_codes or rule.to_codes,
        achievable_share=rule.achievable_share if part.achievable_share is None else part.achievable_share,
        achievable_source=rule.achievable_source if part.achievable_share is None else AGREED_LOCALLY,
    )
