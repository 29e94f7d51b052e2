"""What a rule says of its dose, held against reference/doses.csv: ratio, strength, category and daily maximum."""

from collections.abc import Iterator, Mapping
from typing import Any

from prescarbon.model.opportunities.rules import SwitchRule

SAME_RATIO = 0.01  # a ratio is written to two places
Facts = Mapping[str, Mapping[str, Any]]
Bands = Mapping[str, tuple[float, float]]


def dose_contradictions(rule: SwitchRule, facts: Facts, bands: Bands) -> list[tuple[str, str]]:
    """Key and reason of what a rule says of its dose that its products' doses do not: one reason a key.

    facts  bnf_code → a row of `dose_facts`
    bands  dose category → least and most micrograms of standard beclometasone a day
    """
    found: dict[str, str] = {}
    for key, reason in _contradictions(rule, facts, bands):
        found.setdefault(key, reason)  # one product shows what is wrong with all
    return list(found.items())


def _contradictions(rule: SwitchRule, facts: Facts, bands: Bands) -> Iterator[tuple[str, str]]:
    sources = [facts[c] for c in rule.from_codes if c in facts]
    named = [facts[c] for c in (*rule.to_codes, *rule.to_pairs.values()) if c in facts]
    pairs = [(s, facts[rule.to_pairs[s["bnf_code"]]]) for s in sources if rule.to_pairs.get(s["bnf_code"]) in facts]
    pairs += [(s, t) for s in sources if s["bnf_code"] not in rule.to_pairs for t in named]
    for source, target in pairs:
        yield from _of_pair(rule, source, target)
    for target in named:
        puffs = rule.to_puffs and rule.to_puffs * (rule.to_times or 1)
        if puffs and rule.to_times and target["max_puffs_a_day"] and puffs > target["max_puffs_a_day"]:
            yield (
                "dose.to_puffs",
                f"{puffs:g} puffs a day of {target['bnf_code']}, of which at most {target['max_words']}",
            )
    for side, rows, category in (("from", sources, rule.category_from), ("to", named, rule.category_to)):
        for row in rows:
            yield from _of_category(rule, side, row, category, bands)


def _of_pair(rule: SwitchRule, source: Mapping[str, Any], target: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    between = f"{source['bnf_code']} to {target['bnf_code']}"
    if rule.is_like_for_like:
        if source["contents"] != target["contents"] or source["steroid"] != target["steroid"]:
            yield "is_like_for_like", f"{between} is another medicine"
        elif (rule.from_puffs, rule.from_times) != (rule.to_puffs, rule.to_times):
            yield "is_like_for_like", f"{between} changes the strength: the puffs before and after differ"
    lasts = [
        row["doses_per_device"] / (puffs * (times or 1)) if row["doses_per_device"] and puffs else None
        for row, puffs, times in (
            (source, rule.from_puffs, rule.from_times),
            (target, rule.to_puffs, rule.to_times),
        )
    ]
    if rule.ratio and lasts[0] and lasts[1] and abs(rule.ratio * lasts[1] / lasts[0] - 1) > SAME_RATIO:
        yield (
            "dose.ratio",
            f"is {rule.ratio:g}, but doses a device and regimen give {lasts[0] / lasts[1]:.2f} ({between})",
        )


def _of_category(
    rule: SwitchRule, side: str, row: Mapping[str, Any], category: str, bands: Bands
) -> Iterator[tuple[str, str]]:
    puffs, times = (rule.from_puffs, rule.from_times) if side == "from" else (rule.to_puffs, rule.to_times)
    if category not in bands or not (puffs and times and row["bdp_low"]):
        return
    low, high = row["bdp_low"] * puffs * times, row["bdp_high"] * puffs * times
    if high < bands[category][0] or low > bands[category][1]:
        reason = f"is {category}, but {row['bnf_code']} stands for {low:g} to {high:g} micrograms a day"
        yield f"dose.category_{side}", reason
