"""How each rule stands today: signed, draft and why, off and why, or not to be had; and what changed since it was signed."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.model.opportunities.rules import NEEDS_TARGET, SwitchRule
from prescarbon.reference.content import SHOWN_DIGITS, hash_of_content
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.reference.local_folder import SIGNED, local_folder
from prescarbon.reference.signoff import day, standing_decisions


def rule_standings(config: Config) -> list[dict[str, Any]]:
    """rule_id, title, state (signed, draft, off, supply-blocked, no such rule), why?, body?, signed_on?, review_by?, content_hash.

    Raises:
        InputError: a file of the local folder is wrong.
    """
    reference, on = reference_of(config), config.as_of
    blocked = supply_words(reference, on)
    rows = [_standing(rule, reference, blocked.get(rule.id), on) for rule in reference.switches.rules]
    gone = standing_decisions([d for d in reference.decisions if d.rule_id not in reference.contents])
    for decided in gone.values():
        why = "a decision stands in signoff.csv on a rule that is no more"
        rows.append(_row(decided.rule_id, "", "no such rule", why, decided.body, decided.date, decided.review_by, ""))
    return rows


def _standing(rule: SwitchRule, reference: Reference, blocked: str | None, on: date) -> dict[str, Any]:
    signed = rule.signature
    state, why = ("draft", rule.why_draft(on)) if rule.why_draft(on) else ("signed", None)
    if blocked:
        state, why = "supply-blocked", "; ".join(filter(None, [blocked, why]))
    if not rule.is_on:
        state, why = "off", rule.off_because or "off as it is shipped"
    review_by = min(rule.review_by, signed.review_by) if signed else rule.review_by
    content_hash = hash_of_content(reference.contents[rule.id])[:SHOWN_DIGITS]
    facts = (signed.body, signed.signed_on) if signed else (None, None)
    return _row(rule.id, rule.title, state, why, *facts, review_by, content_hash)


def _row(*values: object) -> dict[str, Any]:
    names = ("rule_id", "title", "state", "why", "body", "signed_on", "review_by", "content_hash")
    return dict(zip(names, values, strict=True))


def supply_words(reference: Reference, on: date) -> dict[str, str]:
    """rule_id → why none of its targets can be had on a day; rules that have one, or need none, are not named."""
    listed = reference.switches.formulary.filter(pl.lit(on).is_between("on_from", "on_to"))
    on_list = set(listed.select("bnf_code").collect()["bnf_code"])
    off = reference.excluded.filter(pl.lit(on).is_between("off_from", "off_to")).collect()
    reasons = {r["bnf_code"]: f"{r['reason'] or 'taken off the list'} until {day(r['off_to'])}" for r in off.to_dicts()}
    found = {}
    for rule in reference.switches.rules:
        targets = tuple(dict.fromkeys((*rule.to_codes, *rule.to_pairs.values())))
        if rule.kind in NEEDS_TARGET and all(code in reasons or code not in on_list for code in targets):
            said = [f"{code}: {reasons.get(code, 'not on the formulary')}" for code in targets]
            found[rule.id] = f"no target can be had ({'; '.join(said)})"
    return found


def signed_file(folder: Path, rule_id: str, content_hash: str) -> Path:
    """Where the content of a signed rule is kept in the local folder."""
    return folder / SIGNED / f"{re.sub(r'[^A-Za-z0-9-]', '_', rule_id)}-{content_hash[:SHOWN_DIGITS]}.json"


def rule_changes(config: Config) -> list[dict[str, Any]]:
    """rule_id, title, decision, body, date, changes [{key, old, new}], why?: rules that are not what was decided on.

    why  the content of then is not kept, or what is kept is not that content

    Raises:
        InputError: a file of the local folder is wrong.
    """
    reference, folder = reference_of(config), local_folder(config.home, config.local)
    titles = {rule.id: rule.title for rule in reference.switches.rules}
    found = []
    for decided in standing_decisions(reference.decisions).values():
        content = reference.contents.get(decided.rule_id)
        if content is not None and decided.is_of(hash_of_content(content)):
            continue
        row: dict[str, Any] = {
            "rule_id": decided.rule_id,
            "title": titles.get(decided.rule_id, ""),
            "decision": decided.decision,
            "body": decided.body,
            "date": decided.date,
            "changes": [],
            "why": None,
        }
        then = _kept(signed_file(folder, decided.rule_id, decided.content_hash))
        if content is None:
            row["why"] = "there is no such rule any more"
        elif then is None:
            row["why"] = "what was signed is not kept in the local folder"
        elif not decided.is_of(hash_of_content(then)):
            row["why"] = "what is kept in the local folder is not what was signed"
        else:
            row["changes"] = list(_changes(then, content))
        found.append(row)
    return found


def _kept(file: Path) -> Mapping[str, object] | None:
    try:
        read = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _changes(then: Mapping[str, object], now: Mapping[str, object]) -> Iterator[dict[str, object]]:
    for key in sorted(then.keys() | now.keys()):
        if then.get(key) != now.get(key):
            yield {"key": key, "old": then.get(key), "new": now.get(key)}
