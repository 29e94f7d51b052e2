"""Views → sheets of a workbook: the tables of a page, the same view and so the same numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from prescarbon.reference.wording import Wording
from prescarbon.report.faces.workbook import Sheet
from prescarbon.report.views.action import Action, Question
from prescarbon.report.views.footing import Footing
from prescarbon.report.views.ics import GroupRow, IcsPage
from prescarbon.report.views.numbers import Interval, months
from prescarbon.report.views.parts import Change, Series
from prescarbon.report.views.pcn import PcnPage
from prescarbon.report.views.practice import Hotspot, PracticePage
from prescarbon.report.views.safety import block_of, status_of

KG = [("kg CO2e", "kg"), ("low", "kg"), ("high", "kg")]
NUMBER = [("value", "number"), ("low", "number"), ("high", "number")]


def interval_cells(interval: Interval | None) -> tuple[float | None, float | None, float | None]:
    """Central, low, high; empty where not known."""
    return (interval.central, interval.low, interval.high) if interval else (None, None, None)


def practice_sheets(page: PracticePage, words: Wording) -> list[Sheet]:
    """The practice page's tables."""
    return [
        Sheet(
            "Summary",
            [("Figure", "text"), *NUMBER, ("unit", "text")],
            [
                ("Inhalers", *interval_cells(page.inhaler_kg), "kg CO2e"),
                ("Per inhaler", *interval_cells(page.kg_per_inhaler), "kg CO2e an inhaler"),
                ("Inhalers per 1,000 registered people", *interval_cells(page.kg_per_1000), "kg CO2e"),
                ("Other medicines, by spend", *interval_cells(page.other_kg), "kg CO2e"),
                ("Registered people", page.list_size, None, None, "people"),
                ("Inhalers with a factor", page.inhalers, None, None, "inhalers"),
                ("Items", page.items, None, None, "items"),
                ("Net ingredient cost", page.nic_gbp, None, None, "£"),
                ("Rows without £ in the data", page.rows_without_nic, None, None, "rows"),
                ("Other medicines without a price", page.other_items_unknown, None, None, "items"),
                *_footing_rows(page.footing),
            ],
            [f"{page.practice_name} ({page.practice_code}), {months(page.period)}", words["page"]["by_spend"]],
        ),
        Sheet(
            "Beside others",
            [("Figure", "text"), *KG, ("PCN median", "kg"), ("median of all", "kg"), ("England", "kg"), ("in words", "text")],
            [
                (s.title, *interval_cells(s.interval), s.pcn_median, s.all_median, s.england, s.verdict or "not judged")
                for s in page.strips
            ],
            [words["beside"]["england"]],
        ),
        _action_sheet(page.actions, words),
        _question_sheet(page.questions, words),
        _change_sheet(page.change, words),
        _series_sheet([Series("", "kg CO2e", "an inhaler", page.signals)]),
        _hotspot_sheet("Inhalers", page.inhaler_hotspots),
        _hotspot_sheet("Other medicines", page.other_hotspots, [words["practice"]["other_medicines"]]),
        Sheet(
            "By month",
            [("Month", "month"), ("inhalers kg CO2e", "kg"), ("low", "kg"), ("high", "kg"), ("devices", "count"), ("other medicines kg CO2e", "kg"), ("items", "count")],
            [(p.month, *interval_cells(p.inhaler_kg), p.devices, p.other_kg, p.items) for p in page.trend],
        ),
        Sheet(
            "Evidence",
            [("Evidence", "text"), ("items", "count"), ("share of items", "share"), ("NIC", "gbp"), *KG],
            [
                (words["evidence"][t.method], t.items, t.share_of_items, t.nic_gbp, *interval_cells(t.kg))
                for t in page.tiers
            ],
        ),
        _hotspot_sheet("Without a factor", page.without_factor),
        Sheet(
            "Quantities flagged",
            [("Inhaler", "text"), ("Month", "month"), ("BNF code", "code"), ("reads as", "word"), ("claimed", "count"), ("counted", "number"), ("items", "count")],
            [(c.name, c.month, c.bnf_code, c.reads_as, c.claimed, c.counted, c.items) for c in page.corrections],
        ),
    ]  # fmt: skip


def pcn_sheets(page: PcnPage, words: Wording) -> list[Sheet]:
    """The PCN page's tables."""
    return [
        Sheet(
            "Practices",
            [("Practice", "text"), ("code", "text"), ("list", "count"), ("inhalers", "count"), *KG, ("kg per 1,000 people", "kg"), ("kg per inhaler", "number"), ("per inhaler, beside all", "text")],
            [
                (
                    p.practice_name, p.practice_code, p.list_size, p.inhalers, *interval_cells(p.inhaler_kg),
                    p.kg_per_1000 and p.kg_per_1000.central, p.kg_per_inhaler and p.kg_per_inhaler.central,
                    next((s.verdict for s in p.strips if s.verdict), "too few to say" if p.period.is_whole else p.period.count),
                )
                for p in page.practices
            ],
            [f"{page.pcn_name} ({page.pcn_code})", words["page"]["no_ranking"]],
        ),
        _action_sheet(page.actions, words),
        _question_sheet(page.questions, words),
        _change_sheet(page.change, words),
        _series_sheet([Series("", "kg CO2e", "an inhaler", page.signals)]),
        _footing_sheet(page.footing, words),
        Sheet(
            "What moved",
            [("Practice", "text"), ("in the newest month", "text")],
            [(d.practice_name, d.words) for d in page.digest],
            [words["page"]["one_month"]],
        ),
    ]  # fmt: skip


def ics_sheets(page: IcsPage, words: Wording) -> list[Sheet]:
    """The ICS page's tables."""
    return [
        Sheet(
            "Summary",
            [("Figure", "text"), *NUMBER, ("unit", "text")],
            [
                ("Inhalers", *interval_cells(page.inhaler_kg), "kg CO2e"),
                ("Inhalers per 1,000 registered people", *interval_cells(page.kg_per_1000), "kg CO2e"),
                ("Other medicines, by spend", *interval_cells(page.other_kg), "kg CO2e"),
                ("Other medicines without a price", page.other_items_unknown, None, None, "items"),
            ],
            [words["page"]["by_spend"]],
        ),
        Sheet(
            "KPIs",
            [("KPI", "text"), *NUMBER, ("months whole", "count"), ("unit", "word"), ("target", "text"), ("trajectory now", "number"), ("share of baseline", "share"), ("share low", "share"), ("share high", "share"), ("newest signal", "word"), ("meaning", "word"), ("trajectory", "word"), ("because", "text"), ("status", "word")],
            [
                (k["title"], k["value"], k["low"], k["high"], k["months_held"], k["unit"], k["target_words"], k["expected"], k["share_of_baseline"], k["share_low"], k["share_high"], k["signal"], k["meaning"], k["track"], k["because"], k["status"])
                for k in page.kpis
            ],
            [words["ics"]["kpis"]],
        ),
        _series_sheet(page.series),
        _change_sheet(page.change, words),
        _action_sheet(page.actions, words),
        _question_sheet(page.questions, words),
        _group_sheet("Places", page.places, words["ics"]["places"]),
        _group_sheet("PCNs", page.pcns, words["page"]["no_ranking"]),
        Sheet(
            "Coverage",
            [("Evidence", "text"), ("items", "count"), ("NIC", "gbp"), ("kg CO2e", "kg")],
            [
                (words["evidence"][c["method"]], c["items"], c["nic_gbp"], None if c["method"] == "unknown" else c["kg_co2e"])
                for c in page.coverage
            ],
        ),
        _footing_sheet(page.footing, words),
        Sheet(
            "Rows and pounds",
            [("Month", "text"), ("rows in", "count"), ("used", "count"), ("rejected", "count"), ("£ in", "gbp"), ("£ used", "gbp"), ("£ rejected", "gbp")],
            [tuple(m.values()) for m in page.months],
            [words["ics"]["reconciled"]],
        ),
        Sheet(
            "Published",
            [("Measure", "text"), ("organisation", "text"), ("month", "month"), ("our numerator", "number"), ("published numerator", "number"), ("our denominator", "number"), ("published denominator", "number"), ("why they may differ", "text")],
            [
                (r["measure_id"], r["organisation_code"], r["period_end"], r["numerator"], r["published_numerator"], r["denominator"], r["published_denominator"], r["because"])
                for r in page.published
            ],
        ),
    ]  # fmt: skip


def _footing_rows(footing: Footing | None) -> list[Sequence[Any]]:
    """What the inhalers' kilograms rest on: figure, value, low, high, unit; none where there is no inhaler."""
    if footing is None:
        return []
    share = "share (0–1)"
    return [
        ("Inhaler items with a factor", footing.covered_items, None, None, share),
        ("Inhalers' kg by evidence for the product", footing.share(footing.kg_product), None, None, share),
        ("Inhalers' kg by class of product", footing.share(footing.kg_class), None, None, share),
        ("Inhalers' kg by an assumed mix of brands", footing.share(footing.kg_brand_mix), None, None, share),
        ("Inhalers, were all generic salbutamol small cans", footing.all_small, None, None, "kg CO2e"),
        ("Inhalers, were all generic salbutamol large cans", footing.all_large, None, None, "kg CO2e"),
    ]


def _footing_sheet(footing: Footing | None, words: Wording) -> Sheet:
    columns = [("Figure", "text"), *NUMBER, ("unit", "text")]
    notes = [footing.coverage_words(words["page"]), footing.brand_words(words["page"])] if footing else []
    return Sheet("Inhaler evidence", columns, _footing_rows(footing), [note for note in notes if note])


def _hotspot_sheet(name: str, spots: Sequence[Hotspot], notes: Sequence[str] = ()) -> Sheet:
    columns = [
        ("Presentation", "text"), ("BNF code", "code"), *KG, ("share", "share"), ("NIC", "gbp"), ("items", "count"),
        ("devices", "number"), ("how known", "word"),
    ]  # fmt: skip
    rows = [
        (s.name, s.bnf_code, *interval_cells(s.kg), s.share_of_kg, s.nic_gbp, s.items, s.devices, s.methods)
        for s in spots
    ]
    return Sheet(name, columns, rows, notes)


def _action_sheet(actions: Sequence[Action], words: Wording) -> Sheet:
    columns = [
        ("What", "text"), ("rank", "count"), ("status", "text"), ("from", "text"), ("to", "text"), ("dose", "long"),
        ("not for", "long"), ("check", "long"), ("licence", "text"), ("price of treatment now", "gbp"),
        ("price after", "gbp"), ("what these are of", "text"), ("at prices of", "month"), ("£ a tonne saved", "gbp"),
        ("evidence", "long"), ("its address", "text"), ("items", "count"), ("units", "count"),
        ("unit", "word"), *KG, ("basis", "word"), ("kg if all changed", "kg"), ("kg at most, if all who attend change", "kg"),
        ("share of those who attend", "share"), ("who found that share", "text"), ("change in cost", "gbp"),
        ("prices of", "month"), ("commitment", "word"), ("most in", "text"), ("from codes", "text"), ("to codes", "text"),
        ("search", "long"), ("caveats", "long"),
    ]  # fmt: skip
    return Sheet("What next", columns, [_action_row(a, words["actions"]) for a in actions], [words["actions"]["empty"]])


def _action_row(a: Action, words: Mapping[str, Any]) -> Sequence[Any]:
    block = block_of(a, words)
    text = {f.label: f.text for f in block.facts}
    return (
        a.title, a.rank, block.status, block.products, block.to, block.dose,
        text[words["not_for"]], text[words["check"]], text.get(words["licence"]), a.month_price_from_gbp,
        a.month_price_to_gbp, a.month_price_words, a.month_price_date, a.gbp_per_tonne,
        a.evidence, a.evidence_url, a.items, a.units,
        a.unit_name, *interval_cells(a.kg), a.basis, a.kg_all and a.kg_all.central, a.kg_attended and a.kg_attended.central,
        a.achievable_share, a.achievable_source, a.cost_change_gbp,
        a.price_date, a.commitment, ", ".join(a.holders), a.from_codes, a.to_codes,
        a.hand_over and a.hand_over.search, a.caveats,
    )  # fmt: skip


def _question_sheet(questions: Sequence[Question], words: Wording) -> Sheet:
    columns = [
        ("What to ask", "text"), ("status", "text"), ("items", "count"), ("units", "count"), ("unit", "word"),
        ("asked for instead", "text"), ("of these here", "count"), ("not for", "long"), ("check", "long"),
        ("evidence", "long"), ("its address", "text"), ("caveats", "long"),
    ]  # fmt: skip
    rows = [
        (
            q.title, status_of(q, words["actions"]), q.items, q.units, q.unit_name, q.to_words, q.asked_for,
            "; ".join(q.not_for), "; ".join(q.checks), q.evidence, q.evidence_url, q.caveats,
        )
        for q in questions
    ]  # fmt: skip
    return Sheet("Worth asking", columns, rows, [words["actions"]["questions"]])


def _change_sheet(change: Change | None, words: Wording) -> Sheet:
    names = ("kg_before", "kg_after", "kg_change", "kg_volume", "kg_mix", "kg_factor", "kg_left_out")
    columns = [("Inhalers, kg CO2e", "text"), ("kg", "kg")]
    if change is None:
        return Sheet("What changed", columns, [], [words["change"]["too_short"]])
    rows = [(name.removeprefix("kg_").replace("_", " "), getattr(change, name)) for name in names]
    notes = [f"{months(change.after)} beside {months(change.before)}", change.same_months, words["change"]["parts"]]
    return Sheet("What changed", columns, rows, [note for note in notes if note])


def _series_sheet(series: Sequence[Series]) -> Sheet:
    columns = [
        ("Measure", "text"), ("Month", "month"), ("value", "number"), ("centre", "number"), ("lower", "number"),
        ("upper", "number"), ("signal", "word"), ("meaning", "word"), ("known break", "long"),
    ]  # fmt: skip
    rows: list[Sequence[Any]] = [
        (f"{s.title}, {s.unit}", p.month, p.value, p.centre, p.lower, p.upper, p.signal, p.meaning, p.break_words)
        for s in series
        for p in s.points
    ]
    return Sheet("Limits", columns, rows)


def _group_sheet(name: str, rows: Sequence[GroupRow], note: str) -> Sheet:
    columns = [
        ("Name", "text"), ("code", "text"), ("practices", "count"), ("inhalers", "count"), *KG,
        ("kg per inhaler", "number"), ("kg per 1,000 people", "kg"),
    ]  # fmt: skip
    cells = [
        (r.name, r.code, r.practices, r.inhalers, *interval_cells(r.inhaler_kg), r.kg_per_inhaler, r.kg_per_1000)
        for r in rows
    ]
    return Sheet(name, columns, cells, [note])
