"""Answers as lines for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from prescarbon.pipeline.intake import Taken
from prescarbon.pipeline.opportunities import Found
from prescarbon.report.views.action import action_from
from prescarbon.report.views.numbers import cost_change, kg, month, number, pence
from prescarbon.report.views.safety import attended_of, block_of
from prescarbon.store.organisations import ImportedFile


def set_lines(rows: list[dict[str, Any]]) -> str:
    """The sets as lines."""
    return "\n".join(
        f"{r['factor_set']:24}{r['kind']:12}{r['factors']:>6} factors  {r['scope']}; {r['gwp_basis']}" for r in rows
    )


def factor_lines(rows: list[dict[str, Any]]) -> str:
    """Factors as lines, each with its source."""
    return "\n".join(
        f"{r['factor_set']} {r['factor_id']} ({r['key']}, {r['key_kind']}): {r['kg_co2e']:.4f} kg ({r['kg_low']:.4f} to "
        f"{r['kg_high']:.4f}), {r['scope']}, {r['gwp_basis']}, {r['valid_from']} to {r['valid_to']}\n    {r['source']}"
        + (f"\n    {r['note']}" if r["note"] else "")
        + (f"\n    {bridge_line(r['bridge'])}" if r["bridge"] else "")
        for r in rows
    )


def bridge_line(step: Mapping[str, Any]) -> str:
    """From the printed value to ours."""
    return f"printed {step['kg_printed']:.2f} kg, ours {step['kg_co2e']:.2f} kg: {step['why']}"


def compare_lines(found: Mapping[str, Any]) -> str:
    """A comparison as lines: totals, then the products that differ most."""
    head = (
        f"{found['one']}: {found['kg_one']:,.1f} kg CO2e; {found['other']}: {found['kg_other']:,.1f} kg CO2e, over "
        f"{found['items_compared']:,} inhaler items in both ({found['items_not_in_both']:,} are not)."
    )
    rows = [
        f"  {p['name']} [{p['series_code']}]: {p['kg_one']:,.1f} and {p['kg_other']:,.1f} kg"
        for p in found["products"][:20]
    ]
    return "\n".join([head, *rows])


def lines_of(found: Found) -> str:
    """The ranked lines of each organisation as text, each with its safety facts and its standing; "Nothing stands out" where that is so."""
    names = dict(found.evidence.practices.select("practice_code", "practice_name").iter_rows())
    written: list[str] = []
    ranked = found.lines.filter(pl.col("gate") == "ranked").sort("organisation_code", "rank")
    for (code,), rows in ranked.group_by("organisation_code", maintain_order=True):
        written.append(f"{names.get(str(code), code)} ({code})")
        written += [_line(row, found.evidence.reference.wording["actions"]) for row in rows.to_dicts()]
    not_judged = dict(found.lines.drop_nulls("not_judged").select("organisation_code", "not_judged").iter_rows())
    for code in found.quiet:
        why = not_judged.get(code)
        said = f"nothing is ranked ({why})" if why else "nothing stands out in this period"
        written.append(f"{names.get(code, code)} ({code}): {said}.")
    return "\n".join(written)


def _line(row: dict[str, Any], words: Mapping[str, Any]) -> str:
    action = action_from(row)
    block = block_of(action, words)
    cost = cost_change(action.cost_change_gbp)
    of_all = f"{number(action.kg_all.central)} kg if all of it changed; " if action.kg_all else ""
    facts = (f"{fact.label}: {fact.text}" + (f" {fact.address}" if fact.address else "") for fact in block.facts)
    told = [
        f"{block.products} → {block.to}",
        *([f"{words['dose']}: {block.dose}"] if block.dose else []),
        f"{number(action.items)} items, {number(action.units)} {action.unit_name}; {kg(action.kg)} kg CO2e less "
        f"{action.basis}; {of_all}cost: {cost}, prices of {_date(action.price_date)}; commitment {action.commitment}",
        attended_of(action, words),
        *facts,
        action.caveats,
    ]
    return "\n     ".join([f"  {action.rank}. {action.title} [{block.status}]", *told])


def _date(value: date | None) -> str:
    return month(value) if value else "these months"


def code_lines(rows: Sequence[dict[str, Any]]) -> str:
    """The search of a rule, once, and its codes as lines."""
    head = [str(row["search"]) for row in rows[:1]]
    return "\n".join([*head, lines(rows, ("side", "bnf_code", "product_name", "snomed_code"))])


def value_lines(values: pl.DataFrame) -> str:
    """The values as lines of text."""
    return "\n".join(
        f"{r['organisation_code']:10}{r['measure_id']:36}{_shown(r['value']):>16}  ({_shown(r['numerator'])} ÷ "
        f"{_shown(r['denominator'])})  {r['period_start']:%Y-%m} to {r['period_end']:%Y-%m}  {r['gate']}"
        + ("" if r["months_held"] == r["months"] else f" ({r['months_held']} of {r['months']} months)")
        for r in values.to_dicts()
    )


def _shown(value: Any) -> str:
    return "not known" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")


def reconciliation_lines(rows: Sequence[dict[str, Any]]) -> str:
    """Ours beside the published, as lines."""
    return "\n".join(
        f"{r['organisation_code']:8}{r['measure_id']:28}{r['period_end']:%Y-%m}  ours {_shown(r['numerator'])} ÷ "
        f"{_shown(r['denominator'])}, published {_shown(r['published_numerator'])} ÷ {_shown(r['published_denominator'])}"
        + (f"\n    {r['because']}" if r["because"] else "  the same")
        for r in rows
    )


def published_line(taken: Mapping[str, Any]) -> str:
    """What was kept of a file of published values."""
    restated = f"; {taken['restated']:,} differ from an earlier vintage" if taken["restated"] else ""
    return f"{taken['rows']:,} published values, vintage {', '.join(taken['vintages'])}{restated}"


def trend_lines(rows: Sequence[dict[str, Any]]) -> str:
    """A series as lines, the value and its limits in one unit, which stands above them."""
    columns = (
        "organisation_code", "month", "charted", "centre", "lower", "upper", "charted_last_year", "signal", "meaning",
        "break_words", "vintage", "rolling_value", "rolling_months",
    )  # fmt: skip
    names = {
        "charted": "value",
        "centre": "expected",
        "charted_last_year": "last year",
        "rolling_value": "rolling year",
        "rolling_months": "of",
    }
    head = f"value, expected, limits and last year: {rows[0]['charted_unit']}"
    return "\n".join([head, lines(rows, columns, names)])


def months_table(held: Sequence[dict[str, Any]]) -> str:
    """The months as lines of text."""
    if not held:
        return "No month is loaded yet. Run `prescarbon import FILES` or `prescarbon fetch --months 2025-04:`."
    head = f"{'month':8}{'rows in':>12}{'used':>12}{'rejected':>10}{'£ NIC in':>18}{'used':>18}{'rejected':>14}  source"
    lines = [
        f"{m['month']:8}{m['rows_in']:>12,}{m['rows_used']:>12,}{m['rows_rejected']:>10,}"
        f"{_sum(m['nic_gbp_in']):>18}{_sum(m['nic_gbp_used']):>18}{_sum(m['nic_gbp_rejected']):>14}"
        f"  {_whence(m)} {m['file_name']} {m['hash'][:12]}"
        for m in held
    ]
    mind = [f"{m['month']}: {warning}" for m in held for warning in m["warnings"]]
    return "\n".join([head, *lines, *mind])


def _sum(nic_gbp: Decimal | None) -> str:
    return "not known" if nic_gbp is None else f"{nic_gbp:,.2f}"


def _whence(month: dict[str, Any]) -> str:
    asked = month["practices_asked"]
    return str(month["source"]) if asked is None else f"{month['source']} of {len(asked):,} practices"


def taken_line(taken: Taken) -> str:
    """What became of one file, in one line, and below it what to mind."""
    m = taken.month
    if taken.organisations is not None:
        return organisations_line(taken.organisations)
    if m is None:
        return f"{taken.file_name}: {taken.status}: {taken.words}"
    words = f"{m.month} {taken.status} from {taken.file_name}: {m.rows_in:,} rows in = {m.rows_used:,} used + {m.rows_rejected:,} rejected"
    nic = f"NIC {pence(m.nic_gbp_in)} in = {pence(m.nic_gbp_used)} used + {pence(m.nic_gbp_rejected)} rejected"
    if m.nic_gbp_in is None:
        nic = "NIC not known"
    return "\n  mind: ".join([f"{words}; {nic}", *m.warnings])


def taken_json(taken: Taken) -> dict[str, Any]:
    """What became of one file, for a script."""
    base = {"file_name": taken.file_name, "status": taken.status, "words": taken.words}
    facts = taken.month or taken.organisations
    return base | ({k: v for k, v in asdict(facts).items() if k != "status"} if facts else {})


def organisations_line(taken: ImportedFile) -> str:
    """What became of one organisations file, and why rows of it were rejected."""
    line = (
        f"{taken.file_name}: {taken.status} as {taken.kind} of {taken.as_of:.7} ({taken.as_of_from}): {taken.rows_in:,} rows in = "
        f"{taken.rows_used:,} used + {taken.rows_rejected:,} rejected + {taken.rows_not_needed:,} not needed"
    )
    line = "\n  rejected: ".join([line, *(f"{rows:,} because {reason}" for reason, rows in taken.reasons.items())])
    cleaned = f"\n  mind: {taken.texts_cleaned:,} texts held control characters; they were cleaned."
    return line + cleaned if taken.texts_cleaned else line


REJECTS_SHOWN = 1_000  # lines on the terminal; --json and --to give all


def reject_lines(rows: pl.DataFrame) -> str:
    """Rejected rows as lines: where, why, £ and the row's text where it is kept."""
    if rows.is_empty():
        return "No row is rejected."
    shown = [_reject(row) for row in rows.head(REJECTS_SHOWN).to_dicts()]
    more = rows.height - len(shown)
    return "\n".join([*shown, f"and {more:,} more: use --to FILE"] if more else shown)


def _reject(row: dict[str, Any]) -> str:
    line = f"{row['source_file']} line {row['line']}: {row['reason']}"
    if "row_text" in row:
        gbp = "£ unreadable" if row["nic_gbp"] is None else f"£{row['nic_gbp']:,.2f}"
        line = f"{line}; {gbp}; {row['row_text']}"
    return "".join(c if c.isprintable() else "�" for c in line)  # a row must not steer the terminal


MAY_BE_NONE = {
    "meaning",
    "break_words",
    "because",
    "vintage",
    "gate_reason",
    "months_held",
}  # where there is none nothing is said


def lines(rows: Sequence[dict[str, Any]], columns: Sequence[str], names: Mapping[str, str] | None = None) -> str:
    """Rows as lines of the named columns, under other names where there are; what is not known says so."""
    called = names or {}

    def shown(name: str, value: Any) -> str:
        if value is None:
            return "none" if name == "signal" else "not known"
        if isinstance(value, float):
            return f"{value:,.4f}".rstrip("0").rstrip(".")
        return f"{value:%Y-%m}" if isinstance(value, date) else str(value)

    def told(row: dict[str, Any]) -> Iterator[str]:
        for name in columns:
            if name in row and not (row[name] is None and name in MAY_BE_NONE):
                yield f"{called.get(name, name)} {shown(name, row[name])}"

    return "\n".join(", ".join(told(row)) for row in rows)


def tried_lines(found: Mapping[str, Any]) -> str:
    """Whether a product may become another, and why not."""
    pair = f"{found['from_name'] or found['from_code']} → {found['to_name'] or found['to_code']}"
    told = [f"  {reason}" for reason in found["reasons"]]
    verdict = "refused" if found["refused"] else "nothing stands against it; it still needs a rule that is signed"
    licence = [f"  licence of the target: {found['licence']}"] if found["licence"] else []
    licence += [f"  {condition}" for condition in found["conditions"]]
    return "\n".join([f"{pair}, {found['ratio']:g} for 1, on {found['as_of']}: {verdict}", *told, *licence])


def matrix_lines(found: Mapping[str, Any]) -> str:
    """How many pairs are refused, and for which reasons."""
    told = [
        f"{name:>17}  {found[name]:>9,}"
        for name in ("presentations", "pairs", "refused", "let through", "like for like")
    ]
    return "\n".join([*told, "refused by", *(f"{kind:>17}  {count:>9,}" for kind, count in found["by reason"].items())])


def signed_lines(told: Mapping[str, Any]) -> str:
    """What was taken of returned sheets."""
    rows = [f"{d['rule_id']}: {d['decision']} by {d['body']} on {_day(d['date'])}" for d in told["signed"]]
    return "\n".join([*rows, f"{len(rows)} decided, {told['blank']} left blank"])


def standing_lines(rows: Sequence[dict[str, Any]]) -> str:
    """How each rule stands, and how many stand so."""
    counts = {state: sum(r["state"] == state for r in rows) for state in dict.fromkeys(r["state"] for r in rows)}
    return "\n".join([*map(_standing, rows), ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))])


def _standing(row: dict[str, Any]) -> str:
    signed = f" by {row['body']} on {_day(row['signed_on'])}" if row["signed_on"] else ""
    why = f": {row['why']}" if row["why"] else ""
    return f"{row['rule_id']:6}{row['state']}{signed}{why}; review due {_day(row['review_by'])}  {row['title']}"


def change_of_rule_lines(rows: Sequence[dict[str, Any]]) -> str:
    """Which keys of which rules are not what was decided on."""
    if not rows:
        return "Every rule that was decided on is as it was then."
    told: list[str] = []
    for row in rows:
        told.append(f"{row['rule_id']} {row['title']}: {row['decision']} by {row['body']} on {_day(row['date'])}")
        told += [f"  {c['key']}: {_value(c['old'])} → {_value(c['new'])}" for c in row["changes"]]
        told += [f"  {row['why']}"] if row["why"] else []
    return "\n".join(told)


def _value(value: object) -> str:
    if value is None:
        return "nothing"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"
