"""trend, change, compare, kpis as a user types them, on a small SYNTHETIC sample with known shape."""

import json
import shutil
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.reference.files import find_reference


def run(home: Path, *words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*map(str, words), "--home", str(home), "--scope", "gp"], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def rows(home: Path, *words: object) -> list[dict]:
    return json.loads(run(home, *words, "--json"))


def test_a_trend_has_limits_from_the_year_before_and_a_rolling_level(home):
    found = rows(home, "trend", "saba", "--level", "icb")
    assert len(found) == 26
    # twelve months have no year before, the thirteenth no month before to carry on from
    assert [r["centre"] is None for r in found] == [True] * 13 + [False] * 13
    assert all(r["lower"] < r["centre"] < r["upper"] for r in found[13:])
    assert {(r["limits_from"], r["limits_to"]) for r in found[13:]} == {("2024-12-01", "2025-11-01")}
    assert [r["rolling_value"] is None for r in found] == [True] * 11 + [False] * 15
    last = found[-12:]
    assert found[-1]["rolling_value"] == pytest.approx(
        sum(r["numerator"] for r in last) / sum(r["denominator"] for r in last)
    )
    assert found[-1]["value_last_year"] == pytest.approx(found[-13]["value"])


def test_plain_limits_are_mean_and_moving_range_of_all_months(home):
    found = rows(home, "trend", "saba", "--level", "icb", "--plain")
    values = [r["value"] for r in found]
    reach = 2.66 * sum(abs(b - a) for a, b in pairwise(values)) / (len(values) - 1)
    assert {round(r["centre"], 6) for r in found} == {round(sum(values) / len(values), 6)}
    assert found[-1]["upper"] - found[-1]["centre"] == pytest.approx(reach)


@pytest.mark.parametrize(
    ("measure", "column"),
    [
        ("kg_inhalers", "value_per_day"),
        ("kg_inhalers_per_1000", "value_per_day"),
        ("saba_per_1000", "value_per_day"),
        ("saba", "value"),
        ("kg_per_inhaler", "value"),
    ],
)
def test_value_and_limits_stand_in_one_unit(home, measure, column):
    words = ("trend", measure, "--level", "icb")
    last = rows(home, *words)[-1]
    assert last["charted"] == last[column]
    assert ("a dispensing day" in last["charted_unit"]) == (column == "value_per_day")
    assert 0.5 * last["charted"] < last["lower"] < last["upper"] < 1.5 * last["charted"]
    text = run(home, *words)
    assert text.splitlines()[0] == f"value, expected, limits and last year: {last['charted_unit']}"
    shown = f"{last['charted']:,.4f}".rstrip("0").rstrip(".")
    assert f"value {shown}, expected" in text.splitlines()[-1]


def test_known_breaks_are_marked_on_their_month(home):
    found = rows(home, "trend", "saba", "--level", "icb")
    marked = {r["month"]: r["break_words"] for r in found if r["break_words"]}
    assert set(marked) == {"2024-01-01", "2025-01-01", "2026-01-01"}


def test_limits_start_anew_where_the_mix_assumed_for_a_generic_changes(home):
    """December 2023 to December 2024, and from January 2025: a step of the assumption is no signal."""
    found = rows(home, "trend", "kg_per_inhaler", "--level", "icb")
    before, after = found[:13], found[13:]
    assert after[0]["month"] == "2025-01-01"
    assert "a step of ours, not of prescribing" in after[0]["break_words"]
    mean_before, mean_after = (sum(r["value"] for r in part) / 13 for part in (before, after))
    assert mean_before > mean_after + 0.5  # 23.1 to 19.1 kg for each generic inhaler
    told = [r for r in after if r["centre"] is not None]
    assert len(told) == 12
    assert all(r["limits_from"] >= "2025-01-01" and r["signal"] is None for r in told)


def test_a_sum_is_judged_per_dispensing_day(home):
    found = rows(home, "trend", "kg_inhalers", "--level", "icb")
    december = next(r for r in found if r["month"] == "2025-12-01")
    assert december["dispensing_days"] == 21  # 23 weekdays less Christmas Day and Boxing Day
    assert december["value_per_day"] == pytest.approx(december["value"] / 21)


@pytest.mark.parametrize("level", ["practice", "pcn", "sub-icb", "icb"])
def test_a_change_is_volume_mix_and_factor_to_the_last_digit(home, level):
    for row in rows(home, "change", "--level", level):
        parts = [Decimal(str(row[k])) for k in ("kg_volume", "kg_mix", "kg_factor", "kg_left_out")]
        assert sum(parts) == pytest.approx(
            Decimal(str(row["kg_after"])) - Decimal(str(row["kg_before"])), abs=Decimal("1e-6")
        )


def test_products_add_up_to_the_organisation(home):
    (whole,) = rows(home, "change", "--level", "icb")
    parts = rows(home, "change", "--level", "icb", "--by-product")
    assert sum(p["kg_change"] for p in parts) == pytest.approx(whole["kg_change"])
    assert (whole["before"], whole["after"]) == ("2024-02 to 2025-01", "2025-02 to 2026-01")


def test_a_period_that_is_not_loaded_is_one_sentence(home):
    assert "a period has no loaded month" in run(home, "change", "--before", "2019-01:2019-12", code=3)


@pytest.mark.parametrize(
    ("before", "after", "which"),
    [
        ("2024-01:2024-12", "2024-12:2025-11", "2024-12"),
        ("2024-01:2024-12", "2024-06:2025-05", "2024-06 to 2024-12"),
        ("2025-01:", None, "2025-02 to 2026-01"),
    ],
)
def test_a_month_in_both_periods_is_counted_in_neither(home, before, after, which):
    said = run(home, "change", "--before", before, *(["--after", after] if after else []), code=3)
    assert f"{which} is in both periods, before and after. Give --before and --after so that" in said


@pytest.mark.parametrize("peers", ["all", "pcn", "nearest"])
@pytest.mark.parametrize("measure", ["kg_per_inhaler", "saba"])
def test_every_practice_is_judged_in_neutral_words(home, measure, peers):
    found = rows(home, "compare", measure, "--peers", peers)
    assert len(found) == 12
    assert {r["verdict"] for r in found} <= {"lower than most", "about the same as others", "higher than most", None}
    is_group_small = peers == "pcn"  # four practices each: nobody is judged by three others
    assert all((r["verdict"] is None) == (is_group_small or r["gate"] == "listed") for r in found)


@pytest.mark.parametrize("measure", ["kg_per_inhaler", "saba"])
def test_a_comparison_told_again_is_the_same_to_the_last_digit(home, measure):
    words = ("compare", measure, "--peers", "nearest", "--json")
    assert len({run(home, *words) for _ in range(5)}) == 1


def test_the_way_peers_were_found_is_told(home):
    assert "nearest practices by list size" in rows(home, "compare", "saba", "--peers", "nearest")[0]["peers"]


@pytest.mark.parametrize(
    ("words", "says"), [(["kg_inhalers"], "no funnel fits it"), (["saba", "--peers", "foes"], "are no peers")]
)
def test_what_cannot_be_compared_is_one_sentence(home, words, says):
    assert says in run(home, "compare", *words, code=3)


def test_kpis_are_measured_or_wait_and_are_never_zero(home):
    found = {r["kpi_id"]: r for r in rows(home, "kpis")}
    assert found["inhaler-carbon"]["status"] == "measured"
    waiting = [r for r in found.values() if r["status"] == "awaiting return"]
    assert [r["title"] for r in waiting] == [
        "Patient feedback",
        "Staff surveys on training",
        "Carbon data obtained from wholesalers",
        "Audit of medicines transport",
        "Partnership working",
    ]
    assert all(r["value"] is None and r["track"] == "cannot tell" for r in waiting)


@pytest.mark.parametrize("level", ["icb", "practice"])
def test_where_no_kpi_has_a_measure_all_wait(home, tmp_path, level):
    shutil.copytree(find_reference(), tmp_path / "reference")
    file, config = tmp_path / "reference" / "targets" / "kpis.csv", tmp_path / "mine.toml"
    listed = pl.read_csv(file, infer_schema=False)
    listed.with_columns(measure_id=pl.lit(None, pl.String)).write_csv(file)
    config.write_text(f'reference = "{file.parents[1]}"', "utf-8")
    found = rows(home, "kpis", "--level", level, "--config", config)
    assert [r["status"] for r in found] == ["awaiting return"] * listed.height


def test_a_return_that_was_sent_in_is_shown(home, tmp_path):
    file = tmp_path / "returns.csv"
    file.write_text(
        "organisation_code,level,period_start,period_end,kpi_id,value\nSYNICB,icb,2025-04-01,2026-01-01,annex-2,0.62\n"
    )
    found = {r["kpi_id"]: r for r in rows(home, "kpis", "--returns", file)}
    assert (found["annex-2"]["value"], found["annex-2"]["status"]) == (0.62, "measured")


def test_a_target_without_its_baseline_loaded_is_not_judged(home):
    found = {r["kpi_id"]: r for r in rows(home, "kpis")}
    carbon = found["inhaler-carbon"]
    assert (carbon["expected"], carbon["track"]) == (None, "cannot tell")
    assert carbon["because"] == "baseline months not held (0 of 12)"
    assert "track cannot tell, because baseline months not held (0 of 12)" in run(home, "kpis")


def test_a_kpi_has_the_interval_of_the_report(home, tmp_path):
    found = {r["kpi_id"]: r for r in rows(home, "kpis", "--level", "group")}
    folder = Path(json.loads(run(home, "report", "--out", tmp_path, "--json"))["folder"])
    page = (folder / "ics.html").read_text("utf-8")
    kpi = found["inhaler-carbon"]
    assert f"{kpi['low']:,.0f} to {kpi['high']:,.0f}</td>" in page
    assert f"<small>{kpi['low'] / 1000:,.0f} to {kpi['high'] / 1000:,.0f} tonnes</small>" in page


def test_the_pack_holds_a_page_for_every_reader(home, tmp_path):
    folder = Path(json.loads(run(home, "report", "--out", tmp_path, "--json"))["folder"])
    assert len(list((folder / "practice").iterdir())) == 12
    assert sorted(p.stem for p in (folder / "pcn").iterdir()) == ["SYN001", "SYN002", "SYN003"]
    index = (folder / "index.html").read_text("utf-8")
    for page in [*(folder / "practice").iterdir(), *(folder / "pcn").iterdir(), folder / "ics.html"]:
        assert f'href="{page.relative_to(folder)}"' in index


def test_draft_rules_are_off_in_practice_reports_until_asked_for(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = Path(json.loads(run(home, "report", "--out", "a", "--json"))["pages"][0]).read_text("utf-8")
    assert "Draft: no clinical sign-off yet" not in first
    assert "lines rest on draft rules" in first
    Path("prescarbon.toml").write_text("show_draft_rules = true\n")
    second = Path(json.loads(run(home, "report", "--out", "b", "--json"))["pages"][0]).read_text("utf-8")
    assert "Draft: no clinical sign-off yet" in second
