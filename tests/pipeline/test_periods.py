"""Periods and people on constructed stores: where nothing happened there is no step, and what is not whole says so.

Surgery A has 4,000 people and 40 Ventolin inhalers a month, B has 24,000 and 240: 10 an inhaler per 1,000 people each month.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.pack.views import make_views
from prescarbon.pipeline.changes import change
from prescarbon.pipeline.comparison import compare
from prescarbon.pipeline.evidence import gather
from prescarbon.pipeline.explanation import explain
from prescarbon.pipeline.kpis import kpis_of
from prescarbon.pipeline.measures import measure_values
from prescarbon.pipeline.trends import trend
from tests.stores import VENTOLIN, Surgery, flat, store_of

FIRST, YEARS = date(2024, 1, 1), 24
CLOSED = "20250630"  # eighteen months in
A, B, C = "K81001", "K81002", "K81003"
LISTS = {FIRST: {A: 4_000, B: 24_000}}
MERGED_LISTS = {**LISTS, date(2025, 10, 1): {B: 28_000}}


def merger(home: Path, lists=LISTS, successors: str = f"{A},{B},", pcn: str = "U00001") -> Config:
    """A closes on 30 June 2025 and B has its people from July on; nothing else happens."""
    a = Surgery(A, flat(FIRST, 18, 40), closed=CLOSED)
    b = Surgery(B, flat(FIRST, 18, 240) | flat(date(2025, 7, 1), 6, 280), pcn=pcn)
    return store_of(home, [a, b], lists, successors)


def inhalers_a_1000(config: Config) -> list[float]:
    """Inhalers per 1,000 people in each month: relievers are all there are."""
    return [r["value"] for r in trend(config, "saba_per_1000", level="icb")]


@pytest.mark.parametrize("lists", [LISTS, MERGED_LISTS], ids=["lists of before", "a list of after"])
def test_a_merger_makes_no_step_per_1000_people(tmp_path, lists):
    """280 inhalers ÷ 28,000 people in every month, whether the newest list is of before the merger or of after."""
    config = merger(tmp_path, lists)
    assert inhalers_a_1000(config) == pytest.approx([10.0] * 24)
    assert [r["rolling_value"] for r in trend(config, "saba_per_1000", level="icb")][11:] == pytest.approx([120.0] * 13)


def test_without_a_successor_the_people_leave_and_the_totals_say_so(tmp_path):
    """280 inhalers ÷ 24,000 people from July on: nobody is known to have the 4,000."""
    config = merger(tmp_path, successors="")
    assert inhalers_a_1000(config)[17:19] == pytest.approx([10.0, 280 / 24])
    (said,) = [w for w in gather(config).warnings if "no successor is known" in w]
    assert said.startswith(
        "Closed in these months, and no successor is known: K81001 (closed 2025-06-30, 4,000 people)."
    )


def test_every_command_and_page_gives_the_same_per_1000(tmp_path):
    config = merger(tmp_path)
    run = measure_values(config, level="icb", months=12, only=["kg_inhalers_per_1000"]).row(0, named=True)
    (kpi,) = [r for r in kpis_of(config, level="icb").rows if r["kpi_id"] == "inhaler-carbon-per-1000"]
    newest = trend(config, "kg_inhalers_per_1000", level="icb")[-1]
    views = make_views(gather(config, months=24))
    page = views.findings.per_1000("group", "all practices in scope")
    assert run["value"] == pytest.approx(float(run["numerator"]) / 28)  # per 1,000 of 28,000 people
    assert [kpi["value"], newest["rolling_value"], page.central] == pytest.approx([run["value"]] * 3)
    assert float(run["denominator"]) == pytest.approx(28_000)


def test_a_merger_across_networks_is_no_volume(tmp_path):
    """A was in U00001, B is in U00002: the past of A stands with B, and nothing changed."""
    config = merger(tmp_path, pcn="U00002")
    (row,) = change(config, level="pcn")
    assert (row["organisation_code"], row["kg_change"], row["kg_volume"]) == ("U00002", 0, 0)
    (practice,) = change(config, level="practice")
    assert (practice["organisation_code"], practice["kg_change"], practice["compared"]) == (B, 0, "12 months")


def test_closing_a_practice_with_a_successor_moves_no_total(tmp_path):
    """As now the merged practice is one practice for all its past: the same as if there had only ever been one."""
    merged = replace(merger(tmp_path / "two"), membership="as now")
    one = Surgery(B, flat(FIRST, 24, 280))
    always = replace(store_of(tmp_path / "one", [one], {FIRST: {B: 28_000}}), membership="as now")
    for level in ("practice", "pcn", "icb"):
        for ids in (["saba_per_1000"], ["kg_inhalers"], ["kg_per_inhaler"]):
            assert measure_values(merged, level=level, months=24, only=ids).equals(
                measure_values(always, level=level, months=24, only=ids)
            )
    assert gather(merged).kilograms.equals(gather(always).kilograms)


def test_a_merger_with_a_list_that_is_unknown_is_unknown(tmp_path):
    """Nobody knows how many people A had: 280 inhalers ÷ 24,000 would be a step of nothing known."""
    config = merger(tmp_path, {FIRST: {B: 24_000}})
    assert inhalers_a_1000(config) == [pytest.approx(10.0)] * 18 + [None] * 6
    assert inhalers_a_1000(replace(config, membership="as now")) == [None] * 24


def test_as_now_tells_the_gaps_of_who_was_taken_over(tmp_path):
    """A lacked March 2025: as now, that month of B is not whole either."""
    march = date(2025, 3, 1)
    a = Surgery(A, {m: n for m, n in flat(FIRST, 18, 40).items() if m != march}, closed=CLOSED)
    b = Surgery(B, flat(FIRST, 18, 240) | flat(date(2025, 7, 1), 6, 280))
    config = store_of(tmp_path, [a, b], LISTS, f"{A},{B},")
    for one in (config, replace(config, membership="as now")):
        for level in ("pcn", "icb"):
            year = measure_values(one, level=level, months=12, only=["kg_inhalers"]).row(0, named=True)
            assert (year["months_held"], year["gate"]) == (11, "shown")
        assert any(w.startswith("No rows although open: K81001 in 2025-03.") for w in gather(one).warnings)


def test_a_day_in_the_file_of_successors_ends_a_practice_that_no_file_closes(tmp_path):
    a, b = Surgery(A, flat(FIRST, 18, 40)), Surgery(B, flat(FIRST, 18, 240) | flat(date(2025, 7, 1), 6, 280))
    config = store_of(tmp_path, [a, b], LISTS, f"{A},{B},2025-07-01")
    assert inhalers_a_1000(config) == pytest.approx([10.0] * 24)
    year = measure_values(config, level="icb", months=12, only=["kg_inhalers"]).row(0, named=True)
    assert (year["months_held"], year["gate"]) == (12, "ranked")


def test_two_practices_that_become_a_new_one_keep_their_people(tmp_path):
    a, b = Surgery(A, flat(FIRST, 18, 40), closed=CLOSED), Surgery(B, flat(FIRST, 18, 240), closed=CLOSED)
    c = Surgery(C, flat(date(2025, 7, 1), 6, 280), opened="20250701")
    for lists in (LISTS, {**LISTS, date(2025, 10, 1): {C: 28_000}}):
        config = store_of(tmp_path / str(len(lists)), [a, b, c], lists, f"{A},{C},\n{B},{C},")
        assert inhalers_a_1000(config) == pytest.approx([10.0] * 24)
        assert inhalers_a_1000(replace(config, membership="as now")) == pytest.approx([10.0] * 24)


def test_a_page_and_the_commands_say_the_same_of_a_network_around_a_merger(tmp_path):
    """A's six months stay with U00001 as then, on the page too; what changed puts them with B and says so."""
    config = merger(tmp_path, pcn="U00002")
    views = make_views(gather(config, months=24))
    run = measure_values(config, level="pcn", months=12, only=["kg_inhalers"])
    told = dict(run.select("organisation_code", pl.col("value")).iter_rows())
    for code in ("U00001", "U00002"):
        assert views.findings.kilograms("pcn", code, "inhalers").central == pytest.approx(told[code])
    change_of = views.findings.told("pcn", "U00002").change
    assert (change_of.kg_change, change_of.joined) == (0, (A,))


def test_as_now_an_explanation_reads_the_rows_of_who_was_taken_over(tmp_path):
    told = explain(replace(merger(tmp_path), membership="as now"), B, product=VENTOLIN[0])
    assert sum(line["devices"] for line in told.lines) == sum(row["items"] for row in told.rows) == 280 * 12


def test_a_closed_practice_says_its_months_and_is_judged_on_none(tmp_path):
    pages = {p.practice_code: p for p in make_views(gather(merger(tmp_path), months=24)).pages}
    assert (pages[A].period.count, pages[B].period.count) == ("6 of 12 months", "12 months")
    assert pages[A].change is None
    assert all(s.own is None for s in pages[A].strips)
    values = measure_values(merger(tmp_path / "again"), level="practice", months=12, only=["saba_per_1000"])
    assert values.select("organisation_code", "months_held", "gate").rows() == [(A, 6, "shown"), (B, 12, "ranked")]


def test_a_practice_that_opened_is_not_compared_with_a_whole_year(tmp_path):
    opened = Surgery(C, flat(date(2025, 10, 1), 3, 400), opened="20251001")
    config = store_of(
        tmp_path, [Surgery(B, flat(FIRST, 24, 240)), opened], {FIRST: {B: 24_000}, date(2025, 10, 1): {C: 4_000}}
    )
    assert [r["organisation_code"] for r in change(config, level="practice")] == [B]
    listed = {r["organisation_code"]: r for r in compare(config, "kg_per_inhaler", peers="all")}
    assert (listed[C]["gate"], listed[C]["gate_reason"], listed[C]["verdict"]) == ("listed", "3 of 12 months", None)
    # 3 months on its own mean list of those months
    (own,) = (
        measure_values(config, level="practice", months=12, only=["saba_per_1000"])
        .filter(organisation_code=C)
        .rows(named=True)
    )
    assert (own["months_held"], own["value"], float(own["denominator"])) == (3, 1200 / 4, 4_000)
    # the network is whole: a practice that was not open is not missing
    (network,) = measure_values(config, level="pcn", months=12, only=["saba_per_1000"]).rows(named=True)
    assert (network["months_held"], network["gate"]) == (12, "ranked")


def test_a_practice_that_did_not_report_leaves_a_gap_and_no_low_month(tmp_path):
    gap = date(2025, 6, 1)
    lacking = {m: n for m, n in flat(FIRST, 24, 40).items() if m != gap}
    config = store_of(tmp_path, [Surgery(A, lacking), Surgery(B, flat(FIRST, 24, 240))], LISTS)
    for level in ("practice", "pcn", "icb"):
        (month,) = [
            r for r in trend(config, "kg_inhalers", level=level) if r["month"] == gap and r["organisation_code"] != B
        ]
        assert (month["value"], month["signal"]) == (None, None)
        year = measure_values(config, level=level, months=12, only=["kg_inhalers"]).row(0, named=True)
        assert (year["months_held"], year["gate"]) == (11, "shown")
    newest = trend(config, "kg_inhalers", level="icb")[-1]
    assert (newest["rolling_value"], newest["rolling_months"]) == (None, "11 of 12 months")
    (icb,) = change(config, level="icb")
    assert (icb["kg_change"], icb["compared"]) == (0, "11 of 12 months")
    pages = {p.practice_code: p for p in make_views(gather(config, months=24)).pages}
    assert pages[A].period.count == "11 of 12 months"
    assert pages[A].change.same_months == "over the same 11 of 12 months of both"
    assert (pages[A].change.kg_change, pages[B].change.same_months) == (0, "")
    assert any(w.startswith("No rows although open: K81001 in 2025-06.") for w in gather(config).warnings)


def test_a_month_that_is_not_held_is_a_gap_for_everyone(tmp_path):
    gap = date(2025, 6, 1)
    held = {m: n for m, n in flat(FIRST, 24, 240).items() if m != gap}
    config = store_of(tmp_path, [Surgery(B, held)], LISTS)
    evidence = gather(config, months=24)
    assert (evidence.period.first, evidence.period.last, evidence.period.count) == (
        date(2025, 1, 1),
        date(2025, 12, 1),
        "11 of 12 months",
    )
    assert any(w.startswith("2025-06: not held") for w in evidence.warnings)
    (row,) = change(config, level="icb")
    assert (row["kg_change"], row["compared"]) == (0, "11 of 12 months")
    assert measure_values(config, level="icb", months=12, only=["kg_inhalers"]).row(0, named=True)["gate"] == "shown"


def test_thirteen_months_are_one_year_and_one_month(tmp_path):
    config = store_of(tmp_path, [Surgery(B, flat(FIRST, 13, 240))], LISTS)
    (row,) = change(config, level="icb")  # January 2025 beside January 2024, and nothing else
    assert (row["kg_change"], row["compared"]) == (0, "1 of 12 months")
    with pytest.raises(
        InputError, match=r"2024-01 to 2024-12 has 12 months and 2025-01 to 2025-01 has 1: their sums do not"
    ):
        change(config, level="icb", before="2024-01:2024-12", after="2025-01")


def test_one_month_is_a_twelfth_of_a_year(tmp_path):
    evidence = gather(store_of(tmp_path, [Surgery(B, flat(FIRST, 1, 240))], LISTS))
    assert evidence.period.count == "1 of 12 months"
    (page,) = make_views(evidence).pages
    assert (page.period.count, page.change) == ("1 of 12 months", None)


def test_a_practice_without_a_list_is_unknown_per_1000_and_counted(tmp_path):
    config = store_of(
        tmp_path, [Surgery(A, flat(FIRST, 24, 40)), Surgery(B, flat(FIRST, 24, 240))], {FIRST: {B: 24_000}}
    )
    values = measure_values(config, level="practice", months=12, only=["saba_per_1000"])
    assert values.select("organisation_code", "value", "months_held").rows() == [(A, None, 0), (B, 120.0, 12)]
    (icb,) = measure_values(config, level="icb", months=12, only=["saba_per_1000"]).rows(named=True)
    assert (icb["value"], icb["coverage"]) == (120.0, pytest.approx(240 / 280))


def test_a_list_that_begins_in_the_year_is_no_whole_year(tmp_path):
    """Six months of inhalers on the list of six months are no rate of a year."""
    config = store_of(tmp_path, [Surgery(B, flat(FIRST, 24, 240))], {date(2025, 7, 1): {B: 24_000}})
    (icb,) = measure_values(config, level="icb", months=12, only=["saba_per_1000"]).rows(named=True)
    assert (icb["months_held"], icb["gate"], float(icb["denominator"])) == (6, "shown", 24_000)


FOSTAIR = ("0302000C0BQAABX", "Fostair 100/6 inhaler", 29.32)  # 0302000ABBCAAAB from January 2026
FOSTAIR_NEW = ("0302000ABBCAAAB", "Fostair 100/6 inhaler", 29.32)


def test_a_january_code_change_makes_no_step(tmp_path):
    """The same inhalers under a new code are the same product: no mix, no factor, no step in a share."""
    months = flat(date(2024, 2, 1), 24, 240)
    renamed = {m: FOSTAIR_NEW if m >= date(2026, 1, 1) else FOSTAIR for m in months}
    config = store_of(tmp_path, [Surgery(B, months, product=renamed)], {date(2024, 2, 1): {B: 24_000}})
    (row,) = change(config, level="icb")
    assert (row["after"], row["kg_change"], row["kg_mix"], row["kg_factor"]) == ("2025-02 to 2026-01", 0, 0, 0)
    (one,) = change(config, level="icb", by_product=True)
    assert one["series_code"] == FOSTAIR_NEW[0]
    assert len({r["value"] for r in trend(config, "kg_per_inhaler", level="icb")}) == 1


def test_practices_that_are_alike_stand_alike(tmp_path):
    """Ties: twelve practices with the same figures are all about the same as others, in whatever order they stand."""
    alike = [Surgery(f"K810{n}", flat(FIRST, 24, 240)) for n in range(11, 23)]
    config = store_of(tmp_path, alike, {FIRST: {s.code: 24_000 for s in alike}})
    found = compare(config, "kg_per_inhaler", peers="all")
    assert {(r["value"], r["gate"], r["verdict"]) for r in found} == {
        (found[0]["value"], "ranked", "about the same as others")
    }
    other = store_of(tmp_path / "other", alike[::-1], {FIRST: {s.code: 24_000 for s in alike}})
    assert compare(other, "kg_per_inhaler", peers="nearest") == compare(config, "kg_per_inhaler", peers="nearest")


def test_a_leap_february_makes_no_step(tmp_path):
    """The same inhalers in a month of 29 days are the same kilograms, and as many a dispensing day."""
    config = store_of(tmp_path, [Surgery(B, flat(date(2023, 3, 1), 24, 240))], {date(2023, 3, 1): {B: 24_000}})
    (row,) = change(config, level="icb")  # February 2024 has 29 days, February 2025 has 28
    assert (row["before"], row["kg_change"], row["kg_factor"]) == ("2023-03 to 2024-02", 0, 0)
    per_day = {r["month"]: r["value_per_day"] for r in trend(config, "kg_inhalers", level="icb")}
    assert per_day[date(2024, 2, 1)] * 21 == pytest.approx(per_day[date(2025, 2, 1)] * 20)


def test_adding_a_month_changes_no_older_month(tmp_path):
    months = flat(FIRST, 24, 240)
    young = store_of(
        tmp_path / "young", [Surgery(B, {m: n for m, n in months.items() if m < date(2025, 12, 1)})], LISTS
    )
    grown = store_of(tmp_path / "grown", [Surgery(B, months)], LISTS)
    columns = ["month", "value", "rolling_value", "rolling_months"]
    before, after = (pl.DataFrame(trend(c, "saba_per_1000", level="icb")).select(columns) for c in (young, grown))
    assert after.head(23).equals(before)


def test_two_mergers_in_a_row_keep_every_person(tmp_path):
    """A's 4,000 go to B in July 2024, B's 28,000 to C's 10,000 in July 2025; no list is published after."""
    a = Surgery(A, flat(FIRST, 6, 40), closed="20240630")
    b = Surgery(B, flat(FIRST, 6, 240) | flat(date(2024, 7, 1), 12, 280), closed="20250630")
    c = Surgery(C, flat(FIRST, 18, 100) | flat(date(2025, 7, 1), 6, 380))
    config = store_of(tmp_path, [a, b, c], {FIRST: {A: 4_000, B: 24_000, C: 10_000}}, f"{A},{B},\n{B},{C},2025-07-01")
    assert inhalers_a_1000(config) == pytest.approx([10.0] * 24)
    assert inhalers_a_1000(replace(config, membership="as now")) == pytest.approx([10.0] * 24)
    (row,) = [
        r for r in trend(replace(config, membership="as now"), "saba_per_1000", level="practice") if r["month"] == FIRST
    ]
    assert (row["organisation_code"], float(row["denominator"])) == (C, 38_000)


def test_scope_order_does_not_matter(tmp_path):
    config = merger(tmp_path)
    one, other = (replace(config, scope=codes) for codes in ((A, B), (B, A)))
    assert gather(one).kilograms.equals(gather(other).kilograms)
    assert gather(one).charted_values.equals(gather(other).charted_values)
