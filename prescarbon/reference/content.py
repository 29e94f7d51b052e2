"""What a signer sees of a rule, as plain values and as one hash: edited by one character, it is another rule."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date

import polars as pl

from prescarbon.model.opportunities.rules import SwitchRule

NOT_SEEN = ("note", "order", "signature", "signature_lost")  # for the author, and what is laid over
SHOWN_DIGITS = 16
# field of a rule → its key in the rule's file, where they differ
KEYS = {
    "from_words": "from.words", "from_codes": "from.codes", "from_classes": "from.drug_class",
    "from_devices": "from.device_type", "from_propellants": "from.propellant", "unit_name": "from.unit",
    "to_words": "to.words", "to_codes": "to.codes", "to_pairs": "to.pairs",
    "ratio": "dose.ratio", "dose_words": "dose.words", "category_from": "dose.category_from",
    "category_to": "dose.category_to", "from_puffs": "dose.from_puffs", "from_times": "dose.from_times",
    "to_puffs": "dose.to_puffs", "to_times": "dose.to_times",
    "achievable_share": "achievable.share", "achievable_source": "achievable.source",
    "saving_per_unit": "saving", "saving_source": "saving.source", "supply_days": "duration.days",
    "pool_classes": "peers.pool", "is_per_list": "peers.per_list", "evidence": "evidence.words",
    "evidence_url": "evidence.url",
}  # fmt: skip

NO_FACTS: Mapping[str, object] = {}


def content_of(rule: SwitchRule, extra: Mapping[str, object] = NO_FACTS) -> dict[str, object]:
    """Key → plain value of all that a signer sees.

    rule   after the local overrides
    extra  what else stands on the sheet: the dose and licence facts of its products
    """
    stated = {KEYS.get(f.name, f.name): _plain(getattr(rule, f.name)) for f in fields(rule) if f.name not in NOT_SEEN}
    seen = {**stated, **{key: _plain(value) for key, value in extra.items()}}
    # what is not stated is left out: a key that a later version adds takes no signature away
    return {key: seen[key] for key in sorted(seen) if seen[key] not in (None, "", [], {})}


def canonical(content: Mapping[str, object]) -> str:
    """The content as the one JSON text that is hashed and kept."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def hash_of_content(content: Mapping[str, object]) -> str:
    """sha256 of the canonical text, 64 hex digits; SHOWN_DIGITS of them are printed."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def content_hash(rule: SwitchRule, extra: Mapping[str, object] = NO_FACTS) -> str:
    """The hash of what a signer sees of a rule: see `content_of`."""
    return hash_of_content(content_of(rule, extra))


def licence_facts(rule: SwitchRule, formulary: pl.DataFrame) -> dict[str, object]:
    """{"licence": target code → [age, note] as the formulary states them}: a licence that changes is signed again."""
    targets = {*rule.to_codes, *rule.to_pairs.values()}
    rows = formulary.filter(pl.col("bnf_code").is_in(list(targets))).sort("bnf_code", "on_from")
    stated = rows.select("bnf_code", "licensed_from_age", "licence_note").unique(maintain_order=True).iter_rows()
    facts: dict[str, list[object]] = {}
    for code, age, note in stated:
        if age is not None or note is not None:
            facts.setdefault(code, []).append([age, note])
    return {"licence": facts}


def dose_facts(rule: SwitchRule, facts: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """{"doses": code → [what a dose holds, doses a device, licence]} of its products: a dose that changes is signed again.

    facts  bnf_code → a row of `model.opportunities.doses.dose_facts`
    """
    named = {*rule.from_codes, *rule.to_codes, *rule.to_pairs, *rule.to_pairs.values()} & facts.keys()
    seen = ("label", "doses_per_device", "licence")
    return {"doses": {code: [facts[code][column] for column in seen] for code in sorted(named)}}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in sorted(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
