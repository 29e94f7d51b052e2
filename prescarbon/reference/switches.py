"""Reads and checks reference/switches, the formulary and the local files about switches; model/ never touches a file."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.errors import DefinitionError, InputError, PrescarbonError
from prescarbon.model.opportunities.pairs import FORMULARY_SCHEMA
from prescarbon.model.opportunities.rules import FAR, NEEDS_TARGET, Guard, SwitchRule
from prescarbon.reference.files import read_typed
from prescarbon.tables.opportunities import EFFORTS, RULE_KINDS
from prescarbon.tables.products import DEVICES, DRUG_CLASSES, PROPELLANTS

DOSE_CATEGORIES = ("low", "moderate", "high", "one dose only", "not applicable")
COMMITMENTS = ("a", "b", "c")
# a page speaks of people and of items; nobody is moved without a review
BANNED = re.compile(r"\bpatients?\b|\b(bulk|blanket|mass|wholesale)[\s-]+(switch|change|conver)", re.IGNORECASE)
CODE = re.compile(r"[0-9A-Z]{2,15}|[0-9A-Z]{4,13}%[0-9A-Z]{2}")
RULE_KEYS: Mapping[str, frozenset[str]] = {
    "": frozenset(
        [
            *("id", "title", "kind", "family", "order", "effort", "is_on", "is_like_for_like", "commitment"),
            *("valid_from", "valid_to", "excluded", "caveats", "search", "draft", "alternative_to"),
            *("from", "to", "dose", "achievable", "saving", "duration", "peers", "evidence", "sign_off"),
        ]
    ),
    "from": frozenset(["words", "codes", "drug_class", "device_type", "propellant", "unit"]),
    "to": frozenset(["words", "codes", "pairs"]),
    "dose": frozenset(["ratio", "words", "category_from", "category_to"]),
    "achievable": frozenset(["share", "source"]),
    "saving": frozenset(["kg_low", "kg_co2e", "kg_high", "source"]),
    "duration": frozenset(["days"]),
    "peers": frozenset(["pool", "per_list"]),
    "evidence": frozenset(["words", "url"]),
    "sign_off": frozenset(["role", "date"]),
}


def parse_rule(raw: Mapping[str, Any], where: str) -> SwitchRule:
    """The rule in a TOML document; see reference/switches/README.md for every key.

    raw    what tomllib gives
    where  the file's name, for the message
    raises DefinitionError naming every fault at once
    """
    faults = list(_unknown_keys(raw))
    if faults:
        raise DefinitionError("; ".join(faults) + ".", where=where, remedy="See reference/switches/README.md.")
    part = {name: raw.get(name, {}) for name in RULE_KEYS if name}
    try:
        rule = SwitchRule(
            id=raw["id"],
            title=raw["title"],
            kind=raw["kind"],
            family=raw["family"],
            order=raw["order"],
            effort=raw["effort"],
            is_on=raw["is_on"],
            is_like_for_like=raw.get("is_like_for_like", False),
            commitment=tuple(raw["commitment"]),
            valid_from=raw["valid_from"],
            valid_to=raw.get("valid_to", FAR),
            from_words=part["from"]["words"],
            from_codes=tuple(part["from"].get("codes", ())),
            from_classes=tuple(part["from"].get("drug_class", ())),
            from_devices=tuple(part["from"].get("device_type", ())),
            from_propellants=tuple(part["from"].get("propellant", ())),
            unit_name=part["from"].get("unit", "inhalers"),
            to_words=part["to"].get("words", ""),
            to_codes=tuple(part["to"].get("codes", ())),
            to_pairs=dict(part["to"].get("pairs", {})),
            ratio=part["dose"].get("ratio"),
            dose_words=part["dose"].get("words", ""),
            category_from=part["dose"].get("category_from", "not applicable"),
            category_to=part["dose"].get("category_to", "not applicable"),
            excluded=tuple(raw["excluded"]),
            caveats=raw["caveats"],
            search=raw.get("search", ""),
            alternative_to=raw.get("alternative_to"),
            achievable_share=part["achievable"].get("share"),
            achievable_source=part["achievable"].get("source", ""),
            saving_per_unit=(
                (part["saving"]["kg_low"], part["saving"]["kg_co2e"], part["saving"]["kg_high"])
                if part["saving"]
                else None
            ),
            saving_source=part["saving"].get("source", ""),
            supply_days=part["duration"].get("days"),
            pool_classes=tuple(part["peers"].get("pool", ())),
            is_per_list=part["peers"].get("per_list", False),
            evidence=part["evidence"]["words"],
            evidence_url=part["evidence"]["url"],
            sign_off_role=part["sign_off"].get("role", ""),
            sign_off_date=part["sign_off"].get("date"),
        )
    except KeyError as error:
        raise DefinitionError(
            f"key {error} is missing.", where=where, remedy="See reference/switches/README.md."
        ) from error
    faults = list(_faults(rule, is_marked_draft=raw.get("draft", False)))
    if faults:
        raise DefinitionError("; ".join(faults) + ".", where=where, remedy="See reference/switches/README.md.")
    return rule


def _unknown_keys(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, allowed in RULE_KEYS.items():
        table = raw if not name else raw.get(name, {})
        if odd := sorted(table.keys() - allowed):
            yield f"unknown key {', '.join(odd)}" + (f" in [{name}]" if name else "")


def _faults(rule: SwitchRule, *, is_marked_draft: bool) -> Iterator[str]:
    closed = {
        "kind": ((rule.kind,), RULE_KINDS.categories.to_list()),
        "effort": ((rule.effort,), EFFORTS.categories.to_list()),
        "commitment": (rule.commitment, COMMITMENTS),
        "drug_class": (rule.from_classes, DRUG_CLASSES.categories.to_list()),
        "pool": (rule.pool_classes, DRUG_CLASSES.categories.to_list()),
        "device_type": (rule.from_devices, DEVICES.categories.to_list()),
        "propellant": (rule.from_propellants, PROPELLANTS.categories.to_list()),
        "category_from": ((rule.category_from,), DOSE_CATEGORIES),
        "category_to": ((rule.category_to,), DOSE_CATEGORIES),
    }
    for key, (values, allowed) in closed.items():
        if odd := [str(v) for v in values if v not in allowed]:
            yield f"{key} {', '.join(odd)} is not one of {', '.join(allowed)}"
    for key in ("id", "title", "family", "from_words", "caveats", "evidence", "evidence_url"):
        if not str(getattr(rule, key)).strip():
            yield f"{key} is empty"
    if not rule.commitment:
        yield "commitment is empty"
    if not (rule.from_codes or rule.from_classes):
        yield "from names neither codes nor a drug_class"
    for code in (*rule.from_codes, *rule.to_codes, *rule.to_pairs, *rule.to_pairs.values()):
        if not CODE.fullmatch(code):
            yield f"{code!r} is no BNF code, prefix or pattern like 0407010F0%AC"
    if rule.kind in NEEDS_TARGET and not (rule.to_codes or rule.to_pairs):
        yield f"a {rule.kind} must name its target product"
    if rule.kind in NEEDS_TARGET and not (rule.ratio and rule.ratio > 0 and rule.dose_words):
        yield f"a {rule.kind} must state its dose equivalence: ratio above 0, and words"
    if rule.kind in NEEDS_TARGET and not rule.excluded:
        yield f"a {rule.kind} must say who it is not for"
    if rule.is_like_for_like and rule.category_from != rule.category_to:
        yield f"like-for-like across dose categories ({rule.category_from} to {rule.category_to})"
    if rule.kind == "duration" and not (rule.supply_days and rule.supply_days > 0):
        yield "a duration must state its days"
    if rule.achievable_share is not None and not (0 <= rule.achievable_share <= 1 and rule.achievable_source):
        yield "achievable share must lie in 0 to 1 and cite its source"
    if rule.saving_per_unit and not (list(rule.saving_per_unit) == sorted(rule.saving_per_unit) and rule.saving_source):
        yield "saving must be low ≤ central ≤ high and cite its source"
    if rule.valid_to < rule.valid_from:
        yield "valid_to comes before valid_from"
    if not rule.evidence_url.startswith("http"):
        yield "evidence url is no web address"
    if is_marked_draft == bool(rule.sign_off_date and rule.sign_off_role):
        yield "say either draft = true or [sign_off] with role and date"
    for words in (
        rule.title,
        rule.from_words,
        rule.to_words,
        rule.dose_words,
        *rule.excluded,
        rule.caveats,
        rule.search,
    ):
        if found := BANNED.search(words):
            yield f"the words {found.group()!r} may not appear on a page"


def parse_guard(raw: Mapping[str, Any], where: str) -> Guard:
    """One [[guard]] of guards.toml; DefinitionError when a key is odd, missing or empty."""
    known = {f.name for f in fields(Guard)}
    if odd := sorted(raw.keys() - known):
        raise DefinitionError(f"unknown key {', '.join(odd)} in a guard.", where=where)
    if lacking := [k for k in ("id", "reason", "from_codes", "evidence_url") if not raw.get(k)]:
        raise DefinitionError(f"guard {raw.get('id', '')} lacks {', '.join(lacking)}.", where=where)
    codes = (*raw["from_codes"], *raw.get("to_codes", ()))
    if bad := [c for c in codes if not CODE.fullmatch(c)]:
        raise DefinitionError(f"guard {raw['id']}: {bad[0]!r} is no BNF code or prefix.", where=where)
    return Guard(
        id=raw["id"],
        reason=raw["reason"],
        from_codes=tuple(raw["from_codes"]),
        evidence_url=raw["evidence_url"],
        to_codes=tuple(raw.get("to_codes", ())),
        to_devices=tuple(raw.get("to_devices", ())),
        at_ratio=raw.get("at_ratio"),
    )


def check_rules(
    rules: Sequence[SwitchRule],
    *,
    dose_categories: Mapping[str, str],
    licences: Mapping[str, tuple[int | None, str | None]],
) -> None:
    """What can only be seen over several files: ids are unique; strengths and licences are respected.

    dose_categories  bnf_code → low, moderate or high at the usual dose
    licences         bnf_code → licensed from this age (None: no limit that matters here), and a word that the rule's
                     wording must hold (such as COPD)
    raises           DefinitionError naming every fault at once
    """
    faults = [f"{r.id}: two rules have this id" for r in rules if sum(r.id == other.id for other in rules) > 1]
    ids = {r.id for r in rules}
    for r in rules:
        if r.alternative_to is not None and r.alternative_to not in ids - {r.id}:
            faults.append(f"{r.id}: alternative_to {r.alternative_to} is no other rule")
        targets = [*r.to_codes, *r.to_pairs.values()]
        if r.is_like_for_like:
            categories = {code: dose_categories[code] for code in (*r.from_codes, *targets) if code in dose_categories}
            if len(set(categories.values())) > 1:
                named = ", ".join(f"{code} {category}" for code, category in sorted(categories.items()))
                faults.append(f"{r.id}: like-for-like across dose categories ({named})")
            elif categories and r.category_from not in (*categories.values(), "not applicable"):
                faults.append(
                    f"{r.id}: category_from is {r.category_from}, the codes are {', '.join(categories.values())}"
                )
        words = " ".join((r.title, r.from_words, r.caveats, *r.excluded))
        for code in targets:
            age, note = licences.get(code, (None, None))
            if age is not None and not _leaves_out_under(age, words):
                faults.append(f"{r.id}: {code} is licensed from {age}, but who is left out does not say 'under {age}'")
            if note and note not in words:
                faults.append(f"{r.id}: {code} is licensed for {note} only, which the rule does not say")
    if faults:
        raise DefinitionError("\n".join(sorted(set(faults))), where="reference/switches")


def _leaves_out_under(age: int, words: str) -> bool:
    return any(int(found) >= age for found in re.findall(r"under (\d+)", words))


@dataclass(frozen=True)
class Switches:
    """Everything the opportunity engine reads from reference/: rules, guards and the formulary."""

    rules: tuple[SwitchRule, ...]
    guards: tuple[Guard, ...]
    formulary: pl.LazyFrame


def read_switches(reference: Path, formulary: Path | None = None) -> Switches:
    """Rules, guards and formulary, checked against each other.

    reference  the folder with switches/ and formulary/
    formulary  a local formulary file instead of formulary/default.csv
    raises     DefinitionError naming every fault of every file at once
    """
    folder = reference / "switches"
    faults: list[str] = []
    rules: list[SwitchRule] = []
    for file in sorted(folder.glob("*.toml")):
        if file.name == "guards.toml":
            continue
        try:
            rules.append(parse_rule(_read_toml(file), file.name))
        except DefinitionError as error:
            faults.append(str(error))
    if faults:
        raise DefinitionError("\n".join(faults))
    if not rules:
        raise DefinitionError("holds no rule.", where=str(folder.name), remedy="Is this the reference folder?")
    guards = tuple(parse_guard(raw, "guards.toml") for raw in _read_toml(folder / "guards.toml").get("guard", ()))
    frame = read_formulary(formulary or reference / "formulary" / "default.csv")
    doses = read_typed(
        folder / "dose-categories.csv", dict.fromkeys(("bnf_code", "product", "dose_category", "rule_row"), pl.String)
    )
    check_rules(
        rules,
        dose_categories=dict(doses.select("bnf_code", "dose_category").collect().iter_rows()),
        licences={
            code: (age, note)
            for code, age, note in frame.select("bnf_code", "licensed_from_age", "licence_note").collect().iter_rows()
        },
    )
    return Switches(tuple(sorted(rules, key=lambda r: (r.order, r.id))), guards, frame)


def list_faults(reference: Path, formulary: Path | None = None) -> list[str]:
    """Every fault of the rules, guards and formulary, one sentence each; empty where all is well."""
    try:
        read_switches(reference, formulary)
    except PrescarbonError as error:
        return str(error).splitlines()
    return []


def read_formulary(file: Path) -> pl.LazyFrame:
    """A formulary CSV as FORMULARY_SCHEMA; InputError names the column or the value that is wrong."""
    frame = read_typed(file, FORMULARY_SCHEMA)
    doubled = frame.filter(pl.struct("bnf_code", "on_from").is_duplicated()).collect()
    if doubled.height:
        raise InputError(f"{doubled['bnf_code'][0]} stands twice from one date.", where=file.name)
    return frame


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"cannot be read as TOML ({error}).", where=file.name) from error
