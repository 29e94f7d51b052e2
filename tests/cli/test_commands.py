"""What each command prints, in lines and as JSON, on the small SYNTHETIC sample: the same facts in both."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.reference.files import find_reference
from prescarbon.store.months import Store
from tests.source.test_files import put, text

ONE, VENTOLIN = "Z90001", "0301011R0BEAIAP"


def run(home: Path, *words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*map(str, words), "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout if code in (0, 5) else result.stderr


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No prescarbon.toml but the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rejecting(tmp_path: Path) -> Path:
    """A home whose one month has a good row and one without a practice."""
    run(tmp_path / "home", "import", put(tmp_path, text({}, {"PRACTICE_CODE": "", "NIC": "7.50"})))
    return tmp_path / "home"


def test_months_are_told_in_lines_and_as_json(home, tmp_path):
    held = json.loads(run(home, "months", "--json"))
    head, *lines = run(home, "months").splitlines()
    assert head.split() == ["month", "rows", "in", "used", "rejected", "£", "NIC", "in", "used", "rejected", "source"]
    assert len(lines) == len(held) == 26
    assert [line.split()[0] for line in lines] == [m["month"] for m in held]
    assert f"{held[-1]['nic_gbp_in']:,.2f}" in lines[-1]
    assert run(tmp_path, "months").startswith("No month is loaded yet. Run `prescarbon import FILES`")


def test_rejected_rows_are_told_with_their_reason(rejecting, tmp_path):
    (row,) = json.loads(run(rejecting, "rejects", "2026-01", "--json"))
    (line,) = run(rejecting, "rejects", "2026-01").splitlines()
    assert line.startswith(f"{row['source_file']} line 3: {row['reason']}; £7.50; ")
    run(rejecting, "rejects", "2026-01", "--to", tmp_path / "rejects.csv")
    assert pl.read_csv(tmp_path / "rejects.csv")["reason"].to_list() == [row["reason"]]
    assert run(rejecting, "rejects", "organisations") == "No row is rejected.\n"
    assert "2025-01 is not held. `prescarbon months` lists" in run(rejecting, "rejects", "2025-01", code=3)


def test_a_rejected_row_cannot_steer_the_terminal(tmp_path):
    run(
        tmp_path / "home",
        "import",
        put(tmp_path, text({}, {"PRACTICE_CODE": "", "PRACTICE_NAME": "\x1b[2Jgone\u202e"})),
    )
    (line,) = run(tmp_path / "home", "rejects", "2026-01").splitlines()
    assert "�[2Jgone�" in line
    assert line.isprintable()


def test_a_store_that_agrees_and_one_that_does_not(rejecting):
    assert run(rejecting, "verify") == "1 months agree\n"
    (rejecting / "months" / Store(rejecting).months()[0].data).write_bytes(b"")
    result = CliRunner().invoke(cli, ["verify", "--json", "--home", str(rejecting)])
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert told["months"] == 1
    assert "2026-01" in told["faults"][0]


def test_an_import_tells_what_became_of_each_file_and_takes_the_first_fault_as_its_code(tmp_path):
    good, bad = put(tmp_path, text({})), put(tmp_path, "nothing,of,ours\n1,2,3\n", "other.csv")
    result = CliRunner().invoke(cli, ["import", str(bad), str(good), "--home", str(tmp_path / "home")])
    assert result.exit_code == 3
    assert result.stdout.startswith(
        "2026-01 published from EPD_SNOMED_202601.csv: 1 rows in = 1 used + 0 rejected; NIC £"
    )
    assert result.stderr.startswith("prescarbon: other.csv: ")
    result = CliRunner().invoke(cli, ["import", "--json", str(bad), str(good), "--home", str(tmp_path / "home")])
    told = json.loads(result.stdout)
    assert [t["status"] for t in told] == ["unchanged", "refused"]
    assert (told[0]["rows_used"], told[1]["words"][:11]) == (1, "other.csv: ")


def test_organisation_files_tell_the_month_they_describe(home, tmp_path):
    files = sorted((home / "sample").glob("epraccur*"))
    (line,) = run(tmp_path / "home", "organisations", "import", *files).splitlines()
    assert " rows in = " in line
    assert "2023-12" in line
    (told,) = json.loads(run(tmp_path / "home", "organisations", "import", "--as-of", "2023-11", *files, "--json"))
    assert (told["as_of"][:7], told["status"]) == ("2023-11", "imported")
    (through,) = json.loads(run(tmp_path / "home", "import", *files, "--json"))
    assert (through["kind"], through["rows_in"]) == (told["kind"], told["rows_in"])


def test_an_explanation_in_words_has_the_numbers_of_its_json(home):
    words = ["explain", ONE, "--product", VENTOLIN, "--scope", "gp"]
    told = json.loads(run(home, *words, "--json"))
    said = run(home, *words)
    inhalers, *_ = told["totals"]
    assert f"inhalers by any method: {inhalers['items']:,} items" in said
    assert f"{inhalers['kg_co2e']:,.3f} kg CO2e ({inhalers['kg_low']:,.3f} to {inhalers['kg_high']:,.3f})" in said
    for line in told["lines"]:
        assert f"inhalers × {line['kg_a_unit']:.4f} kg = {line['kg_co2e']:,.3f} kg CO2e" in said
        assert f"factor {line['factor_id']}: " in said
    assert said.count(" × ") >= len(told["lines"]) + len(told["rows"])
    assert "Input rows" in said
    assert len(told["rows"]) == sum(line["rows"] for line in told["lines"])


def test_what_is_spent_is_explained_by_pounds_and_what_nobody_knows_is_not_counted(home):
    told = json.loads(run(home, "explain", ONE, "--scope", "gp", "--json"))
    said = run(home, "explain", ONE, "--scope", "gp")
    spend = next(line for line in told["lines"] if line["method"] == "spend")
    pounds = float(spend["total_quantity"]) * spend["price_gbp"]
    assert pounds * spend["kg_a_unit"] == pytest.approx(spend["kg_co2e"], abs=1e-6)
    assert f"× £{spend['price_gbp']:.5f} at constant prices × {spend['kg_a_unit']:.6f} kg a £" in said
    assert ("no factor: not counted, not zero" in said) == any(line["kg_co2e"] is None for line in told["lines"])


def test_a_product_that_nobody_prescribed_is_one_sentence(home):
    said = run(home, "explain", ONE, "--product", "0407010XXXXXXXX", "--scope", "gp", code=3)
    assert f"practice {ONE} has no 0407010XXXXXXXX in February 2025 to January 2026 (12 months)." in said
    assert "practice K81001 has no rows in" in run(home, "explain", "K81001", "--scope", "gp", code=3)


def test_factor_sets_and_factors_are_told_in_lines(tmp_path):
    sets = json.loads(run(tmp_path, "factors", "list", "--json"))
    lines = run(tmp_path, "factors", "list").splitlines()
    assert [line.split()[0] for line in lines] == [s["factor_set"] for s in sets]
    shown = json.loads(run(tmp_path, "factors", "show", VENTOLIN, "--json"))
    said = run(tmp_path, "factors", "show", VENTOLIN)
    for factor in shown:
        assert f"{factor['kg_co2e']:.4f} kg ({factor['kg_low']:.4f} to {factor['kg_high']:.4f})" in said
        assert factor["source"] in said


def test_two_sets_are_compared_on_what_both_cover(home):
    words = ["factors", "compare", "harmonised", "prescqipp-b375", "--scope", "gp"]
    told = json.loads(run(home, *words, "--json"))
    assert told["kg_one"] == pytest.approx(sum(p["kg_one"] for p in told["products"]))
    assert told["kg_other"] == pytest.approx(sum(p["kg_other"] for p in told["products"]))
    apart = [abs(p["kg_other"] - p["kg_one"]) for p in told["products"]]
    assert apart == sorted(apart, reverse=True)
    head, *lines = run(home, *words).splitlines()
    assert head.startswith(
        f"harmonised: {told['kg_one']:,.1f} kg CO2e; prescqipp-b375: {told['kg_other']:,.1f} kg CO2e"
    )
    assert len(lines) == min(20, len(told["products"]))
    same = json.loads(run(home, "factors", "compare", "harmonised", "harmonised", "--scope", "gp", "--json"))
    assert same["kg_one"] == same["kg_other"]


def test_the_codes_of_a_rule(tmp_path):
    told = json.loads(run(tmp_path, "rules", "codes", "BR01", "--json"))
    lines = run(tmp_path, "rules", "codes", "BR01").splitlines()
    assert len(lines) == len(told) + 1  # the search, once
    assert lines[0] == told[0]["search"]
    assert any(row["bnf_code"] == VENTOLIN and row["side"] == "from" for row in told)
    assert "there is no rule 'XX99'" in run(tmp_path, "rules", "codes", "XX99", code=3)


def test_actions_are_held_beside_comparators(home, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(f"practice_code,rule_id,started,owner_role\n{ONE},BR01,2025-06-01,pharmacist\n")
    (row,) = json.loads(run(home, "actions", log, "--scope", "gp"))
    assert (row["practice_code"], row["rule_id"]) == (ONE, "BR01")
    log.write_text(f"practice_code,rule_id,started,owner_role\n{ONE},XX99,2025-06-01,pharmacist\n")
    assert "line 2, rule_id: 'XX99' is no rule of reference/switches" in run(home, "actions", log, code=3)


def test_the_reference_is_proved_and_each_fault_is_a_line(tmp_path):
    assert json.loads(run(tmp_path, "reference", "check", "--json")) == []
    folder = shutil.copytree(find_reference(), tmp_path / "reference")
    places = folder / "organisations" / "places.toml"
    places.write_text(places.read_text("utf-8").replace('source_id = "nhsd-list-size"', 'source_id = "nobody"', 1))
    Path("prescarbon.toml").write_text(f'reference = "{folder}"\n')
    said = run(tmp_path, "reference", "check", code=5)
    assert "organisations/places.toml" in said
    assert "'nobody'" in said


def test_no_level_and_no_month_are_one_sentence(home):
    assert "'county' is no level. Levels: practice, pcn, sub-icb, icb." in run(home, "opportunities", "--level", "county", code=3)  # fmt: skip
    assert (
        "'January' is not a month. Write it as 2026-01."
        in CliRunner().invoke(cli, ["report", "--month", "January"]).stderr
    )


@pytest.mark.parametrize(
    ("content", "says"), [(None, "this list of codes cannot be read"), (b"# none\n\n", "this list holds no code"), (b"\xff\xfe\xfa", "cannot be read")]
)  # fmt: skip
def test_a_list_of_codes_that_is_none_is_one_sentence(home, tmp_path, content, says):
    file = tmp_path / "codes.txt"
    if content is not None:
        file.write_bytes(content)
    said = run(home, "measures", "run", "--scope", f"file:{file}", code=3)
    assert says in said
    assert said.count("\n") == 1


def test_a_list_of_codes_is_a_scope(home, tmp_path):
    file = tmp_path / "codes.txt"
    file.write_text(f"# ours\n{ONE}  # first\n\nZ90002\n")
    told = json.loads(run(home, "measures", "run", "--scope", f"file:{file}", "--measure", "saba", "--json"))["values"]
    assert [v["organisation_code"] for v in told] == [ONE, "Z90002"]


def test_demo_says_that_nothing_is_real(tmp_path, monkeypatch):
    """The whole job, on a smaller sample than a user gets."""
    from prescarbon.pack import demo
    from prescarbon.source.sample import write_sample

    monkeypatch.setattr(demo, "write_sample", lambda *a, **k: write_sample(*a, **k, practices=2, pcns=1, months=2))
    said = run(tmp_path / "home", "demo", "--out", tmp_path / "out", "--json")
    told = json.loads(said)
    assert len(told["pages"]) == 2
    assert "SYNTHETIC data" in Path(told["index"]).read_text("utf-8")
    assert json.loads((Path(told["folder"]) / "manifest.json").read_text("utf-8"))["is_synthetic"] is True
    assert not (tmp_path / "home" / "months").exists()  # never beside real months
