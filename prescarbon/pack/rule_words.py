"""A rule → its sheet for a prescribing committee: names, doses, licences, prices, who it is not for and what is local."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from prescarbon.model.opportunities.doses import with_regimen
from prescarbon.model.opportunities.pairs import hand_over
from prescarbon.model.opportunities.rules import NEEDS_TARGET, SwitchRule
from prescarbon.reference.content import hash_of_content
from prescarbon.reference.definitions import Reference
from prescarbon.reference.signoff import day
from prescarbon.report.views.numbers import cost_change, number, pounds
from prescarbon.report.views.rule_sheet import Fact, RuleSheet, Target

NO_MONTHS = "No month is loaded: the sheets say nothing of local items, carbon or cost."
NAMES_SHOWN = 12
KINDS_OF_USE = (("is_mart", "MART"), ("is_air", "AIR"))
CHECKED = (("smpc_read", "licence text read"), ("supply_checked", "supply checked"))


@dataclass(frozen=True)
class LocalFigures:
    """rule_id → its line of the whole scope, and how many practices have something of it."""

    lines: Mapping[str, Mapping[str, Any]]
    practices: Mapping[str, int]
    words: str
    is_synthetic: bool


def product_names(reference: Reference, rules: Sequence[SwitchRule]) -> dict[str, dict[str, str]]:
    """Rule id and side ("DV04 to") → code → name: of our products, else of the formulary, else the code."""
    listed = reference.switches.formulary.select("bnf_code", "product_name").collect()
    on_list = {code: name for code, name in listed.iter_rows() if name}
    found: dict[str, dict[str, str]] = {}
    rows = hand_over(rules, reference.products).select("rule_id", "side", "bnf_code", "product_name").collect()
    for rule_id, side, code, name in rows.iter_rows():
        found.setdefault(f"{rule_id} {side}", {})[code] = name or on_list.get(code) or code
    return found


def sheet_of(
    rule: SwitchRule,
    reference: Reference,
    names: Mapping[str, Mapping[str, str]],
    figures: LocalFigures | None,
    blocked: str | None,
    on: date,
) -> RuleSheet:
    """All that a signer reads of a rule.

    names    what `product_names` returns
    figures  None where no month is loaded
    blocked  why none of its targets can be had
    on       the day formulary, supply and signatures are read
    """
    to_names = names.get(f"{rule.id} to", {})
    about = [
        Fact("About", (rule.from_words,)),
        Fact("Offered instead", (rule.to_words,) if rule.to_words else ()),
        Fact("Products found", _named(names.get(f"{rule.id} from", {}))),
        Fact("Products asked for", _named(to_names) if rule.kind not in NEEDS_TARGET else ()),
        Fact("Equivalence", (rule.dose_words,) if rule.dose_words else ()),
        Fact("Like for like", _like_for_like(rule)),
        Fact("Shipped off because", (rule.off_because,) if rule.off_because else ()),
        Fact("Supply", (blocked,) if blocked else ()),
        Fact("Local", _local(rule, figures)),
    ]
    who = [
        Fact("For", (_for_whom(rule),)),
        Fact("Not for", rule.excluded or ("the rule names nobody",)),
        Fact("Check first", rule.checks or ("the rule names nothing",)),
        Fact("Mind", (rule.caveats,)),
    ]
    rests_on = [
        Fact("Evidence", (rule.evidence, rule.evidence_url)),
        Fact("Achievable", _achievable(rule)),
        Fact("Saving a unit", _saving(rule)),
        Fact("In force", (f"from {day(rule.valid_from)}" + _until(rule.valid_to),)),
        Fact("Rule to be reviewed by", (day(rule.review_by),)),
    ]
    return RuleSheet(
        rule_id=rule.id,
        title=rule.title,
        standing=_standing(rule, on),
        content_hash=hash_of_content(reference.contents[rule.id]),
        about=_filled(about),
        doses=_doses(rule, to_names, reference),
        targets=tuple(_target(code, name, reference, on) for code, name in _in_order(rule, to_names)),
        who=_filled(who),
        rests_on=_filled(rests_on),
    )


def _filled(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts if fact.lines)


def _standing(rule: SwitchRule, on: date) -> str:
    if not rule.is_on:
        return f"off: {rule.off_because or 'as it is shipped'}"
    why = rule.why_draft(on)
    if why or rule.signature is None:
        return f"draft: {why}"
    return f"signed by {rule.signature.body} on {day(rule.signature.signed_on)}, review {day(rule.signature.review_by)}"


def _named(names: Mapping[str, str]) -> tuple[str, ...]:
    shown = sorted(f"{name} [{code}]" if name != code else code for code, name in names.items())
    more = len(shown) - NAMES_SHOWN
    return ("; ".join(shown[:NAMES_SHOWN]) + (f"; and {more} more" if more > 0 else ""),) if shown else ()


def _in_order(rule: SwitchRule, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Targets in the rule's order of preference; a code that stands for several products gives way to them."""
    if rule.kind not in NEEDS_TARGET:
        return []
    ordered = dict.fromkeys((*rule.to_codes, *rule.to_pairs.values()))
    return [(code, names.get(code, code)) for code in ordered] + [
        (code, name) for code, name in names.items() if code not in ordered
    ]


def _target(code: str, name: str, reference: Reference, on: date) -> Target:
    rows = reference.switches.formulary.filter(pl.col("bnf_code") == code).sort("on_from").collect().to_dicts()
    row = next((r for r in rows if r["on_from"] <= on <= r["on_to"]), None)
    off = reference.excluded.filter((pl.col("bnf_code") == code) & pl.lit(on).is_between("off_from", "off_to"))
    reasons = [f"off until {day(r['off_to'])}: {r['reason'] or 'no reason given'}" for r in off.collect().to_dicts()]
    standing = "; ".join([f"on, review {day(row['review_by'])}" if row else "not on the formulary", *reasons])
    read = reference.doses.facts.filter(pl.col("bnf_code") == code).select("licence").collect()["licence"].to_list()
    return Target(name, code, standing, "; ".join([*read, _licence(row)]), _price(code, row, reference))


def _licence(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "not stated"
    age = row["licensed_from_age"]
    words = [f"from age {age}" if age is not None else "", f"{row['licence_note']} only" if row["licence_note"] else ""]
    words.append(str(row.get("indication") or ""))
    words += [f"{name} {'yes' if row[key] else 'no'}" for key, name in KINDS_OF_USE if row.get(key) is not None]
    words += [f"{name} {day(row[key])}" for key, name in CHECKED if row.get(key)]
    return "; ".join(filter(None, words)) or "no limit stated on the formulary"


def _price(code: str, row: Mapping[str, Any] | None, reference: Reference) -> str:
    if row is not None and row["pack_price_gbp"] is not None:
        return _dated(row["pack_price_gbp"], row["price_date"])
    ours = reference.sheet("products/inhalers.csv").rows.filter(pl.col("bnf_code") == code)
    dated = ours.drop_nulls(["pack_price_gbp", "pack_price_date"]).sort("pack_price_date")
    newest = dated.select("pack_price_gbp", "pack_price_date").tail(1)
    return _dated(*newest.row(0)) if newest.height else "not known"


def _dated(price: Decimal, on: date | None) -> str:
    return f"{pounds(price)} a pack, {f'{on:%B %Y}' if on else 'no date'}"


def _doses(rule: SwitchRule, to_names: Mapping[str, str], reference: Reference) -> tuple[tuple[str, str, str], ...]:
    rows = [
        ("Product", rule.from_words, rule.to_words or "; ".join(to_names.values()) or "none"),
    ]
    held = micrograms(rule, reference)
    stated = (taken(rule.from_puffs, rule.from_times), taken(rule.to_puffs, rule.to_times))
    rows.append(("Taken", *(held or stated)))  # puffs and micrograms where the products' doses give them
    if rule.ratio is not None:
        rows.append((f"Number of {rule.unit_name}", "1", f"{rule.ratio:g}"))
    if "not applicable" not in (rule.category_from, rule.category_to):
        rows.append(("Dose category", rule.category_from, rule.category_to))
    return tuple(rows)


def micrograms(rule: SwitchRule, reference: Reference) -> tuple[str, str] | None:
    """The dose before and after as the pages say it, of every pair of products; None where nothing inhaled changes."""
    pairs = [*rule.to_pairs.items()] or [(a, b) for a in rule.from_codes for b in rule.to_codes]
    regimen = {name: getattr(rule, name) for name in ("from_puffs", "from_times", "to_puffs", "to_times")}
    if not pairs or rule.from_puffs is None:
        return None
    newest = reference.products.sort("valid_from").unique("bnf_code", keep="last")
    devices = newest.select("bnf_code", device=pl.col("device_type").cast(pl.String))
    asked = pl.LazyFrame(pairs, schema=["from_code", "to_code"], orient="row").with_columns(
        ratio=pl.lit(None, pl.Float64), **{name: pl.lit(value, pl.Float64) for name, value in regimen.items()}
    )
    for side in ("from", "to"):
        asked = asked.join(
            devices.rename({"bnf_code": f"{side}_code", "device": f"{side}_device"}), on=f"{side}_code", how="left"
        )
    told = with_regimen(asked, reference.doses.facts).select("dose_from", "dose_to").collect()
    before, after = ("; ".join(told[c].drop_nulls().unique().sort()) or "not known" for c in told.columns)
    return before, after


def taken(puffs: float | None, times: float | None) -> str:
    """A regimen in words: 2 puffs, twice a day."""
    if puffs is None:
        return "not stated in the rule"
    if times is None:
        often = "as needed"
    else:
        often = {1.0: "once a day", 2.0: "twice a day"}.get(times, f"{times:g} times a day")
    return f"{puffs:g} {'puff' if puffs == 1 else 'puffs'}, {often}"


def _for_whom(rule: SwitchRule) -> str:
    age = f"from age {rule.from_age}" if rule.from_age is not None else "age not stated in the rule"
    return f"{' or '.join(rule.indication) or 'condition not stated in the rule'}; {age}"


def _achievable(rule: SwitchRule) -> tuple[str, ...]:
    if rule.achievable_share is None:
        return ()
    return (f"{rule.achievable_share:.0%} ({rule.achievable_source})",)


def _like_for_like(rule: SwitchRule) -> tuple[str, ...]:
    if rule.kind not in NEEDS_TARGET:
        return ()
    return ("stated by the rule: the dose category stays" if rule.is_like_for_like else "no: another dose or medicine",)


def _saving(rule: SwitchRule) -> tuple[str, ...]:
    if rule.saving_per_unit is None:
        return ()
    low, central, high = rule.saving_per_unit
    return (f"{central:g} kg CO2e ({low:g} to {high:g}); {rule.saving_source}",)


def _until(last: date) -> str:
    return "" if last.year == date.max.year else f" to {day(last)}"


def _local(rule: SwitchRule, figures: LocalFigures | None) -> tuple[str, ...]:
    if figures is None:
        return (NO_MONTHS,)
    line = figures.lines.get(rule.id)
    if line is None:
        return ("Nothing of it in the loaded months.",)
    basis = "to_peer" if line["kg_to_peer"] else "theoretical"
    how = "to reach the peers' lower quartile" if basis == "to_peer" else "if every unit changed"
    kg, cost = line[f"kg_{basis}"], line[f"cost_change_{basis}_gbp"]
    practices = figures.practices.get(rule.id, 0)
    size = f"{number(line['items'])} items, {number(line['units'])} {line['unit_name']}, in {practices} practices"
    if kg is None:
        return (size, "Carbon not known or not claimed.")
    span = f"{number(line[f'kg_{basis}_low'])} to {number(line[f'kg_{basis}_high'])}"
    money = f"{cost_change(cost)} over these months" if cost is not None else "cost not known"
    tonne = _a_tonne(cost, kg)
    return (size, f"{number(kg)} kg CO2e less ({span}) {how}; {money}{tonne}")


def _a_tonne(cost: Decimal | None, kg: Decimal) -> str:
    """£ a tonne CO2e; nothing where the cost is not known or does not change, or nothing is saved."""
    if not cost or kg <= 0:
        return ""
    return f"; {pounds((Decimal(cost) * 1000 / Decimal(kg)).quantize(Decimal('0.01')))} a tonne CO2e"
