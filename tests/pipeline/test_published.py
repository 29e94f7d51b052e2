"""Published values as a user keeps and reads them: vintages side by side, the newest told, series and comparison of their own."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.pipeline.published import newest_values, published_values

HEAD = "measure,month,code,numerator,denominator"
SEASON = [30, 28, 25, 22, 20, 18, 18, 19, 22, 25, 28, 31]


def run(home: Path, *words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*map(str, words), "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def keep(home: Path, name: str, *lines: str, head: str = HEAD, words: tuple[str, ...] = ()) -> dict:
    file = home / name
    file.write_text("\n".join([head, *lines]) + "\n")
    return json.loads(run(home, "measures", "import-published", file, *words, "--json"))


def series(code: str, raised: int = 0, years: int = 2) -> list[str]:
    """saba of a code: a share of 18 to 31 in 100 with the season, a month's swing of 1, raised in the newest month."""
    months = [f"{2024 + at // 12}-{at % 12 + 1:02}-01" for at in range(12 * years + 1)]
    values = [SEASON[at % 12] + 10 + (-1) ** at for at in range(len(months))]
    values[-1] += raised
    return [f"saba,{month},{code},{value}0,1000" for month, value in zip(months, values, strict=True)]


def test_a_vintage_is_of_its_row_else_given_else_in_the_file_s_name(tmp_path):
    by_row = keep(
        tmp_path,
        "several_2026-03-30.csv",
        "saba,2026-01-01,03A,1,2,2026-02-20",
        "icsdose,2026-01-01,03A,1,2,",
        head=HEAD + ",vintage",
    )
    assert by_row["vintages"] == ["2026-02-20", "2026-03-30"]
    held = published_values(tmp_path)
    assert dict(held.select("measure", "vintage").iter_rows()) == {"saba": "2026-02-20", "icsdose": "2026-03-30"}
    assert keep(tmp_path, "a_2026-03-30.csv", "saba,2026-01-01,03A,1,2", words=("--vintage", "2026-04-01"))[
        "vintages"
    ] == ["2026-04-01"]


def test_a_row_without_any_vintage_is_one_sentence(tmp_path):
    file = tmp_path / "saba.csv"
    file.write_text(f"{HEAD},vintage\nsaba,2026-01-01,03A,1,2,\n")
    said = run(tmp_path, "measures", "import-published", file, code=3)
    assert "saba.csv: has no vintage in its name. Give --vintage 2026-03-30." in said


def test_vintages_stay_side_by_side_and_the_newest_is_used(tmp_path):
    first = keep(tmp_path, "saba_2026-01-30.csv", "saba,2025-12-01,03A,10,20", "saba,2025-11-01,03A,5,20")
    again = keep(tmp_path, "saba_2026-02-28.csv", "saba,2025-12-01,03A,11,20", "saba,2026-01-01,03A,7,20")
    assert (first["restated"], again["restated"]) == (0, 1)
    held = published_values(tmp_path)
    assert held.group_by("vintage").len().sort("vintage").rows() == [("2026-01-30", 2), ("2026-02-28", 2)]
    newest = newest_values(held).select("month", "numerator")
    assert [n for _, n in newest.iter_rows()] == [11, 7]  # November of the older vintage is not spliced in


def test_the_same_file_again_replaces_itself_and_a_vintage_given_keeps_its_own(tmp_path):
    for _ in range(2):
        keep(tmp_path, "saba.csv", "saba,2025-12-01,03A,10,20", words=("--vintage", "2026-01-30"))
    keep(tmp_path, "saba.csv", "saba,2025-12-01,03A,11,20", words=("--vintage", "2026-02-28"))
    assert published_values(tmp_path)["numerator"].to_list() == [10, 11]
    assert "2 published" not in run(
        tmp_path, "measures", "import-published", tmp_path / "saba.csv", "--vintage", "2026-03-30"
    )


def test_what_differs_from_an_earlier_vintage_is_said_at_import(tmp_path):
    keep(tmp_path, "saba_2026-01-30.csv", "saba,2025-12-01,03A,10,20")
    file = tmp_path / "saba_2026-02-28.csv"
    file.write_text(f"{HEAD}\nsaba,2025-12-01,03A,11,20\n")
    said = run(tmp_path, "measures", "import-published", file)
    assert said.strip() == "1 published values, vintage 2026-02-28; 1 differ from an earlier vintage"


def test_a_level_is_of_its_row_else_read_from_the_code(tmp_path):
    lines = ["saba,2025-12-01,K81001,1,2,", "saba,2025-12-01,U12345,1,2,", "saba,2025-12-01,M1J4Y,1,2,",
             "saba,2025-12-01,QHG,1,2,icb"]  # fmt: skip
    keep(tmp_path, "saba_2026-01-30.csv", *lines, head=HEAD + ",level")
    levels = dict(published_values(tmp_path).select("code", "level").iter_rows())
    assert levels == {"K81001": "practice", "U12345": "pcn", "M1J4Y": "sub-icb", "QHG": "icb"}
    file = tmp_path / "odd_2026-01-30.csv"
    file.write_text(f"{HEAD},level\nsaba,2025-12-01,X,1,2,planet\n")
    assert "'planet' is no level" in run(tmp_path, "measures", "import-published", file, code=3)


def test_files_kept_before_levels_were_known_are_still_read(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    old = pl.DataFrame({"measure": ["saba"], "month": ["2025-12-01"], "code": ["03A"], "numerator": [1.0],
                        "denominator": [2.0], "vintage": ["2025-12-30"]})  # fmt: skip
    old.with_columns(pl.col("month").str.to_date()).write_parquet(folder / "old.parquet")
    assert published_values(tmp_path)["level"].to_list() == ["sub-icb"]


def test_a_published_series_has_limits_and_its_newest_month_is_told(tmp_path):
    keep(tmp_path, "saba_2026-03-30.csv", *series("M1J4Y"), *series("03A", raised=12))
    words = ("trend", "saba", "--level", "sub-icb", "--published")
    found = json.loads(run(tmp_path, *words, "--json"))
    newest = {r["organisation_code"]: r for r in found if r["month"] == "2026-01-01"}
    assert (newest["M1J4Y"]["signal"], newest["M1J4Y"]["vintage"]) == (None, "2026-03-30")
    assert (newest["03A"]["signal"], newest["03A"]["meaning"]) == ("outside the limits", "concern")  # lower is better
    assert newest["03A"]["value"] == pytest.approx((30 + 10 + 1 + 12) / 100)
    assert newest["03A"]["charted_last_year"] == pytest.approx((30 + 10 + 1) / 100)
    text = run(tmp_path, *words, "--organisation", "03A", "--month", "2025-12")
    assert text.splitlines()[0] == "value, expected, limits and last year: share of inhalers"
    assert "vintage 2026-03-30" in text
    assert "2026-01" not in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("trend", "saba", "--level", "practice", "--published"), "no published value of saba at level practice is imported; there is sub-icb."),
        (("trend", "icsdose", "--level", "sub-icb", "--published"), "no published value of icsdose at level sub-icb is imported; there is no level."),
        (("trend", "saba", "--level", "sub-icb", "--published", "--organisation", "99Z"), "no sub-icb 99Z is in"),
        (("trend", "nothing", "--published"), "there is no measure nothing."),
        (("compare", "kg_inhalers", "--published"), "kg_inhalers is no share"),
    ],
)  # fmt: skip
def test_what_is_not_published_is_one_sentence(tmp_path, words, says):
    keep(tmp_path, "saba_2026-03-30.csv", *series("M1J4Y"))
    assert says in run(tmp_path, *words, code=3)


def test_published_areas_stand_beside_each_other_over_twelve_months(tmp_path):
    areas = [line for n in range(10) for line in series(f"0{n}A")]
    high = [line.replace(",1000", ",500") for line in series("99Z")]
    short = series("98Z")[-5:]
    keep(tmp_path, "saba_2026-03-30.csv", *areas, *high, *short)
    found = {r["organisation_code"]: r for r in json.loads(run(tmp_path, "compare", "saba", "--published", "--json"))}
    assert "98Z" not in found  # five months are no year
    assert found["99Z"]["verdict"] == "higher than most"
    assert found["00A"]["verdict"] == "about the same as others"
    # February 2025 to January 2026: a year of the season, 10 on each month, swings that cancel out
    assert found["00A"]["value"] == pytest.approx((sum(SEASON) + 120) / 1200)
    early = json.loads(run(tmp_path, "compare", "saba", "--published", "--month", "2024-12", "--json"))
    assert {r["period_end"] for r in early} == {"2024-12-01"}


@pytest.mark.real
def test_the_real_series_of_blmk_is_judged_on_what_season_and_memory_leave_over(real, tmp_path):
    (file,) = (real / "published-measures").glob("saba_*.csv")
    run(tmp_path, "measures", "import-published", file)
    words = ("trend", "saba", "--level", "sub-icb", "--published", "--organisation", "M1J4Y")
    found = json.loads(run(tmp_path, *words, "--json"))
    plain = json.loads(run(tmp_path, *words, "--plain", "--json"))
    assert len(found) == len(plain) == 61
    # plain limits call three months in four of a falling share news; from what was to be expected few are
    assert sum(r["signal"] is not None for r in plain) > 40
    assert sum(r["signal"] is not None for r in found) < 25
    assert found[-1]["lag_1"] > 0.4
    assert found[-1]["value"] == pytest.approx(21749 / 57676)
