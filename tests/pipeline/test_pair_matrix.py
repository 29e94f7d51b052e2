"""Every inhaled presentation as source against every one as target: what is let through keeps steroid, dose and licence."""

import csv
from collections import Counter
from datetime import date
from itertools import chain
from pathlib import Path

import polars as pl
import pytest

from prescarbon.config import Config
from prescarbon.pipeline.switching import count_reasons, judge, pair_matrix, try_pair
from prescarbon.reference.definitions import read_reference

ON = date(2026, 11, 24)
REFERENCE = Path(__file__).resolve().parents[2] / "reference"
# standard beclometasone that one microgram stands for, least and most: by hand from the facts, not from potency.csv
BECLOMETASONE = {"standard": (1, 1), "extrafine": (2, 2.5)}
PROPIONATE, BUDESONIDE_METERED, BUDESONIDE_DELIVERED = 2, 1, 1.25
WIDEST = 1.25  # 500 ÷ 400, 1,000 ÷ 800 and 2,000 ÷ 1,600


@pytest.fixture(scope="module")
def reference():
    return read_reference()


@pytest.fixture(scope="module")
def matrix(reference) -> pl.DataFrame:
    return pair_matrix(reference, ON).collect()


@pytest.fixture(scope="module")
def doses() -> dict[str, dict[str, str]]:
    with (REFERENCE / "doses.csv").open(encoding="utf-8") as file:
        return {row["bnf_code"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def let_through(matrix) -> list[tuple[str, str, float]]:
    allowed = matrix.filter(pl.col("reasons").list.len() == 0)
    return list(allowed.select("from_code", "to_code", "ratio").iter_rows())


def held(row: dict[str, str], column: str) -> dict[str, float]:
    """Substance → micrograms, by hand."""
    names, numbers = row["substances"].split("+"), row[column].split("+") if row[column] else []
    return dict(zip(names, map(float, numbers), strict=bool(numbers)))


def steroid(row: dict[str, str]) -> tuple[float, float] | None:
    """Standard beclometasone of one dose, least and most, by hand."""
    name, metered, delivered = row["substances"].split("+")[0], held(row, "metered_mcg"), held(row, "delivered_mcg")
    if name == "beclometasone" and name in metered and row["particle"]:
        return tuple(metered[name] * times for times in BECLOMETASONE[row["particle"]])
    if name == "fluticasone propionate" and name in metered:
        return (metered[name] * PROPIONATE,) * 2
    if name == "budesonide" and row["label_basis"] == "delivered":
        return (delivered[name] * BUDESONIDE_DELIVERED,) * 2
    if name == "budesonide" and name in metered:
        return (metered[name] * BUDESONIDE_METERED,) * 2
    return None


def test_the_matrix_is_every_inhaled_presentation_squared(reference, matrix):
    inhaled = {
        code
        for code, device, last in reference.products.select(
            "bnf_code", pl.col("device_type").cast(pl.String), "valid_to"
        )
        .collect()
        .iter_rows()
        if device in ("pMDI", "BAI", "DPI", "SMI") and last >= ON
    }
    assert {*matrix["from_code"]} == {*matrix["to_code"]} == inhaled
    assert matrix.select("from_code", "to_code", "is_like_for_like").n_unique() == len(inhaled) ** 2 * 2


def test_some_pairs_are_let_through_and_most_are_not(matrix, let_through):
    assert 50 < len(let_through) < matrix.height / 500


def test_no_pair_let_through_loses_its_steroid_or_changes_its_kind(doses, let_through):
    steroids = ("beclometasone", "budesonide", "ciclesonide", "fluticasone", "mometasone")
    for source, target, _ in let_through:
        assert doses[source]["substances"].startswith(steroids) == doses[target]["substances"].startswith(steroids)
        assert doses[source]["substances"].count("+") == doses[target]["substances"].count("+")


def test_every_pair_let_through_has_the_same_daily_dose_within_its_category(doses, let_through):
    for source, target, ratio in let_through:
        one, other = doses[source], doses[target]
        more = ratio * float(other["doses_per_device"]) / float(one["doses_per_device"])
        nearest: dict[str, float] = {}
        for basis in ("delivered_mcg", "metered_mcg"):
            before, after = held(one, basis), held(other, basis)
            both = before.keys() & after.keys()
            is_same_kind = one["particle"] == other["particle"]
            times = {
                name: more * after[name] / before[name] for name in both if is_same_kind or name != "beclometasone"
            }
            nearest |= {name: t for name, t in times.items() if abs(t - 1) < abs(nearest.get(name, 9) - 1)}
        is_same_steroid = is_same_kind and one["substances"].split("+")[0] == other["substances"].split("+")[0]
        most = 1.11 if is_same_steroid or not steroid(one) else 1.67  # a guideline's step: formoterol 12 to 20 a day
        assert all(1 / most - 0.01 < t < most for t in nearest.values()), (source, target, ratio, nearest)
        assert any(abs(more / puffs - 1) < 0.011 for puffs in (0.25, 0.5, 1, 2)), (source, target, ratio)
        if steroid(one) and steroid(other) and one["substances"].split("+")[0] != other["substances"].split("+")[0]:
            ends = [more * after / before for after in steroid(other) for before in steroid(one)]
            assert 1 / WIDEST - 1e-9 <= min(ends) <= max(ends) <= WIDEST + 1e-9, (source, target, ratio, ends)


def test_no_pair_let_through_loses_mart_or_air(doses, let_through):
    for source, target, _ in let_through:
        for plan in ("mart", "air"):
            assert doses[source][plan] != "yes" or doses[target][plan] == "yes", (source, target, plan)


def test_no_pair_let_through_gives_a_child_an_adult_device_or_a_disease_without_a_licence(doses, let_through):
    for source, target, _ in let_through:
        one, other = doses[source], doses[target]
        if one["is_paediatric_strength"] == "true":
            assert int(other["asthma_from_age"]) < 12
        shared = [d for d in ("asthma", "copd") if one[d] == "yes" and other[d] != "no"]
        assert shared or not (one["asthma"] or one["copd"]) or not (other["asthma"] or other["copd"])
        assert other["source_url"], f"no text about {target} was read"


def test_no_pair_let_through_warms_more(reference, let_through):
    warms = {"none": 0, "HFO-1234ze": 1, "HFA-152a": 164, "HFA-134a": 1530, "HFA-227ea": 3600}
    driven = dict(
        reference.products.filter(pl.lit(ON).is_between("valid_from", "valid_to"))
        .select("bnf_code", pl.col("propellant").cast(pl.String))
        .collect()
        .iter_rows()
    )
    assert all(warms[driven[target]] <= warms[driven[source]] for source, target, _ in let_through)


def test_every_target_let_through_is_on_the_formulary_that_day(reference, let_through):
    listed = reference.switches.formulary.filter(pl.lit(ON).is_between("on_from", "on_to")).collect()["bnf_code"]
    assert {target for _, target, _ in let_through} <= {*listed}


UNSAFE = {
    "Clenil 100 to Qvar 100": ("0302000C0BPABBF", "0302000C0BJABBF", 1, "dose"),
    "Qvar 100 to Clenil 100": ("0302000C0BJABBF", "0302000C0BPABBF", 1, "NG10"),
    "Fostair 100/6 to 200/6": ("0302000C0BQAABX", "0302000C0BQABBZ", 1, "MART"),
    "Fostair 100/6 to 200/6, half as many": ("0302000C0BQAABX", "0302000C0BQABBZ", 0.5, "MART"),
    "Seretide to Serevent": ("0302000N0BCAEBF", "0301011U0BBAEAE", 1, "steroid"),
    "Trimbow to Anoro": ("0302000AABBAAAA", "0301040U0BBAAAA", 1, "steroid"),
    "Clenil 50 to an adult powder inhaler": ("0302000C0BPAABE", "0302000C0BNAABU", 0.25, "child"),
    "Seretide 50 to Symbicort": ("0302000N0BCADBE", "0302000K0BDABAM", 0.5, "child"),
    "Symbicort 200/6 to Relvar": ("0302000K0BDABAM", "0302000V0BBABAB", 1, "MART"),
    "Symbicort 200/6 to Fobumix": ("0302000K0BDABAM", "0302000K0BIABAM", 2, "AIR"),
    "generic beclometasone 100 to Easyhaler": ("0302000C0AABFBF", "0302000C0BNAABU", 0.5, "dose: how much"),
    "Salamol to Ventolin Accuhaler, one for one": ("0301011R0BIAFAP", "0301011R0BEAHAQ", 1, "dose"),
    "salbutamol to terbutaline": ("0301011R0BEAIAP", "0301011V0BBARBB", 1, "dose: another reliever"),
    "Salamol to Flutiform": ("0301011R0BIAFAP", "0302000N0BDAABJ", 1, "propellant"),
    "Symbicort pMDI (COPD) to Symbicort 100/3 (asthma)": ("0302000K0BDADBB", "0302000K0BDAEBC", 1, "licence"),
    "Spiriva to ipratropium": ("0301020Q0BBACAC", "0301020I0BBAJAN", 1, "class"),
    "Flutiform 250 to Fixkoh 250, twice the salmeterol": ("0302000N0BDABBK", "0302000N0BNABAY", 2, "puffs"),
    "Seretide 250 to NEXThaler 100/6, eight a day": ("0302000N0BCAFBG", "0302000ABBBAAAA", 2, "puffs"),
    "Flutiform 125 to Forspiro 500 once a day": ("0302000N0BDAABJ", "0302000N0BGAAAZ", 0.5, "puffs: a quarter"),
    "generic Symbicort pMDI to Seretide": ("0302000K0AABBBB", "0302000N0BCABAY", 1, "NG08"),
    "Flixotide 50 to a powder inhaler from 6": ("0302000N0BBBBBH", "0302000K0BGABAG", 0.3, "child"),
    "Easi-Breathe to a press-and-breathe inhaler": ("0301011R0BIAGBU", "0301011R0BIAFAP", 1, "device"),
    "a code that nobody has": ("0301011R0BEAIAP", "0301011R0ZZZZZZ", 1, "unknown"),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_pair_is_refused_for_its_own_reason(reference, name):
    source, target, ratio, reason = UNSAFE[name]
    pair = pl.LazyFrame({"from_code": [source], "to_code": [target], "ratio": [float(ratio)]})
    (reasons,) = judge(reference, pair, ON).collect()["reasons"].to_list()
    assert any(told.startswith(reason) for told in reasons), reasons


SAFE = {
    "Ventolin to Salamol": ("0301011R0BEAIAP", "0301011R0BIAFAP", 1),
    "Salamol to Easyhaler Salbutamol 100": ("0301011R0BIAFAP", "0301011R0BWAABZ", 1),
    "Clenil 100 to Easyhaler Beclometasone 200": ("0302000C0BPABBF", "0302000C0BNAABU", 0.5),
    "Qvar 100 to Easyhaler Beclometasone 200": ("0302000C0BJABBF", "0302000C0BNAABU", 1),
    "Fostair 100/6 to NEXThaler 100/6": ("0302000C0BQAABX", "0302000ABBBAAAA", 1),
    "Flutiform 125/5 to Symbicort 200/6": ("0302000N0BDAABJ", "0302000K0BDABAM", 1),
    "Trimbow 87 to Trimbow NEXThaler 88": ("0302000AABBAAAA", "0302000AABBACAC", 1),
    "Bevespi to Anoro": ("0301040AABBAAAA", "0301040U0BBAAAA", 1),
    "Respimat to its refill": ("0301020Q0BBACAC", "0301020Q0BBADAE", 1),
}


@pytest.mark.parametrize("name", SAFE)
def test_a_pair_of_equal_dose_and_licence_is_let_through(reference, name):
    source, target, ratio = SAFE[name]
    pair = pl.LazyFrame({"from_code": [source], "to_code": [target], "ratio": [float(ratio)]})
    assert judge(reference, pair, ON).collect()["reasons"].to_list() == [[]]


def test_what_a_rule_would_have_to_leave_out_is_said(tmp_path):
    config = Config(home=tmp_path, out=tmp_path)
    qvar = try_pair(config, "0302000C0BJABBF", "0302000C0BNAABU", 1)  # from 5, to 18
    assert qvar["conditions"] == ["not in asthma under 18: the target's licence begins there"]
    trimbow = try_pair(config, "0302000AABBAAAA", "0302000AABBACAC", 1)  # asthma and COPD, to COPD only
    assert trimbow["conditions"] == ["not in asthma: the source is licensed for it, the target is not"]
    unread = try_pair(config, "0302000N0BCAEBF", "0302000N0BCABAY", 1)
    assert unread["conditions"] == ["the target's licence was not read: read its text first"]


def test_a_target_is_refused_the_day_after_its_review_date_and_while_out_of_supply(reference):
    pair = pl.LazyFrame({"from_code": ["0301011R0BEAIAP"], "to_code": ["0301011R0BIAFAP"], "ratio": [1.0]})
    due = reference.switches.formulary.filter(pl.col("bnf_code") == "0301011R0BIAFAP").collect()["review_by"][0]
    assert judge(reference, pair, due).collect()["reasons"].to_list() == [[]]
    (late,) = judge(reference, pair, due.replace(year=due.year + 1)).collect()["reasons"].to_list()
    assert late == [f"formulary: the target's row was to be reviewed by {due}"]


def test_the_counts_in_the_docs_are_those_of_the_matrix(matrix):
    page = (REFERENCE.parent / "docs" / "reference" / "pair-matrix.md").read_text("utf-8")
    counted = count_reasons(matrix)
    assert f"| refused | {counted['refused']:,} |" in page
    assert f"| let through | {counted['let through']:,} |" in page
    kinds: Counter[str] = Counter(counted["by reason"])
    assert all(f"| {kind} | {number:,} |" in page for kind, number in kinds.items())
    assert {"steroid", "dose", "MART", "AIR", "licence", "child", "propellant", "formulary", "unknown"} <= set(
        chain(kinds)
    )
