"""The definitions: kilograms by hand, every planted fault named, every real inhaler covered."""

import csv
import gzip
import io
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon.errors import DefinitionError
from prescarbon.reference.checks import find_faults
from prescarbon.reference.definitions import read_reference
from prescarbon.reference.files import find_reference

ROOT = find_reference()
VENTOLIN, SALAMOL, GENERIC, CLENIL = "0301011R0BEAIAP", "0301011R0BIAFAP", "0301011R0AAAPAP", "0302000C0BPABBF"
TRIXEO, FLUTIFORM, EASYHALER = "0302000Y0BBAAAA", "0302000N0BDAABJ", "0302000K0BGABAG"


def kg(code: str, basis: str = "AR6", month: date = date(2026, 6, 1), **others: object) -> tuple[float, float, float]:
    rows = (
        read_reference()
        .factors(gwp_basis=basis, **others)
        .filter((pl.col("key") == code) & pl.lit(month).is_between("valid_from", "valid_to"))
    )
    ((low, centre, high),) = rows.select("kg_low", "kg_co2e", "kg_high").collect().rows()
    return low, centre, high


@pytest.mark.parametrize(("basis", "gwp"), [("AR4", 1430), ("AR5", 1300), ("AR6", 1530)])
def test_ventolin_by_hand(basis, gwp):
    """18.0 g of HFA-134a × GWP ÷ 1000 + 2.52 kg for the rest; ends 17.32 g + 0.79 kg and 19.8 g + 2.52 kg."""
    assert kg(VENTOLIN, basis) == pytest.approx(
        (17.32 * gwp / 1000 + 0.79, 18.0 * gwp / 1000 + 2.52, 19.8 * gwp / 1000 + 2.52)
    )


def test_ventolin_at_ar4_is_the_published_life_cycle():
    assert kg(VENTOLIN, "AR4")[1] == pytest.approx(28.262, abs=0.01)


def test_clenil_by_hand():
    assert kg(CLENIL)[1] == pytest.approx(12.13 * 1.53 + 1.66)


def test_a_change_of_gwp_moves_only_the_propellant_and_by_its_ratio():
    """Flutiform, 11 g of HFA-227ea: the difference of two bases is mass × difference of the GWPs."""
    assert kg(FLUTIFORM, "AR6")[1] - kg(FLUTIFORM, "AR5")[1] == pytest.approx(11 * (3600 - 3350) / 1000)
    assert kg(EASYHALER, "AR4") == kg(EASYHALER, "AR5") == kg(EASYHALER, "AR6")


def test_trixeo_through_its_change_of_propellant():
    before, during, after = (kg(TRIXEO, month=m)[1] for m in (date(2025, 6, 1), date(2025, 9, 1), date(2026, 1, 1)))
    assert before == pytest.approx(10.6 * 1.53 + 1.66)
    assert after == pytest.approx(13 * 1.37 / 1000 + 1.66)
    assert after < during < before
    low, _, high = kg(TRIXEO, month=date(2025, 9, 1))
    assert low < after
    assert high > before


def test_a_low_carbon_pressurised_inhaler_is_not_high_carbon():
    assert kg(TRIXEO)[2] < 0.25 * kg(SALAMOL)[0]


@pytest.mark.parametrize(
    ("month", "share"),
    [
        (date(2017, 1, 1), 0.815),
        (date(2021, 12, 1), 0.815),
        (date(2022, 1, 1), 0.557),
        (date(2024, 12, 1), 0.557),
        (date(2025, 1, 1), 0.298),
        (date(2026, 6, 1), 0.298),
    ],
)
def test_generic_salbutamol_is_a_mix_of_its_time_and_none_to_all_of_either_brand(month, share):
    low, centre, high = kg(GENERIC, month=month)
    assert centre == pytest.approx(share * kg(VENTOLIN)[1] + (1 - share) * kg(SALAMOL)[1])
    assert (low, high) == (pytest.approx(kg(SALAMOL)[0]), pytest.approx(kg(VENTOLIN)[2]))


def test_the_mix_of_2021_is_the_official_figure_solved_and_the_years_between_take_the_middle():
    assert pytest.approx(25.24, abs=0.01) == 0.815 * 28.26 + 0.185 * 11.95
    assert pytest.approx(0.557, abs=0.001) == (0.815 + 0.298) / 2


def test_a_mix_that_a_user_states_is_known_so_only_the_brands_errors_are_left():
    """A quarter of Ventolin: low, central and high are a quarter of its own and three of Salamol's, in every month."""
    for month in (date(2020, 1, 1), date(2026, 6, 1)):
        stated = kg(GENERIC, month=month, brand_mix={GENERIC: 0.25})
        assert stated == pytest.approx([0.25 * v + 0.75 * s for v, s in zip(kg(VENTOLIN), kg(SALAMOL), strict=True)])
    parts = read_reference().error_parts(brand_mix={GENERIC: 0.25}).collect()
    stated_parts = parts.filter(pl.col("factor_id").str.ends_with(f"as-set-{GENERIC}"))
    assert stated_parts["local_spread"].to_list() == [None] * stated_parts.height
    own = stated_parts.filter(shared_key="generic-salbutamol-pmdi")
    assert own.select("below", "above").unique().rows() == [(0.0, 0.0)]
    assert "generic-salbutamol-pmdi-2025" in parts["factor_id"].to_list()  # the other generic code is as shipped


def test_the_ends_of_a_mix_are_its_brands_by_themselves():
    ends = read_reference().brand_ends().filter(pl.col("key") == GENERIC).collect()
    assert ends.height == 3  # a row a period
    assert set(ends.select("kg_small", "kg_large").rows()) == {(kg(SALAMOL)[1], kg(VENTOLIN)[1])}


@pytest.mark.parametrize("basis", ["AR4", "AR5", "AR6"])
def test_the_parts_of_an_error_add_up_to_it(basis):
    """A mix's range is none to all of either brand, which is as wide as its parts, or wider."""
    reference = read_reference()
    ends = reference.factors(gwp_basis=basis).unique("factor_id")
    parts = reference.error_parts(basis).group_by("factor_id").agg(pl.col("below", "above").sum())
    both = ends.join(parts, on="factor_id").collect()
    assert both.height == ends.collect().height
    for side, end in {
        "below": pl.col("kg_co2e") - pl.col("kg_low"),
        "above": pl.col("kg_high") - pl.col("kg_co2e"),
    }.items():
        known = both.with_columns(distance=end).filter(pl.col("distance") > 0)
        single = known.filter(pl.col("key_kind").cast(pl.String) != "brand_mix")
        assert (single[side] - 1).abs().max() < 1e-5, side
        assert known[side].max() <= 1.00001
        assert both.with_columns(distance=end).filter(pl.col("distance") == 0)[side].to_list() == [0.0] * (
            both.height - known.height
        )


def test_the_parts_of_two_inhalers_by_hand():
    """Salamol, AR6: 8.36 (6.68 to 8.5) g × 1.53, and 1.66 (0.79 to 2.52) kg that every pressurised inhaler shares."""
    found = {
        (factor, key): (below, above)
        for factor, key, below, above, *_ in read_reference().error_parts().collect().rows()
    }
    rest = "method:rest of a pressurised inhaler"
    mass, whole = (8.36 - 6.68) * 1.53, (8.36 - 6.68) * 1.53 + 0.87
    assert found["salamol", "product:salamol"][0] == pytest.approx(mass / whole)
    assert found["salamol", rest][0] == pytest.approx(0.87 / whole)
    assert found["salamol", rest][1] == pytest.approx(0.86 / (0.86 + 0.14 * 1.53))
    # the mix of 2025 moves with both brands by their share, and by its own (28.06 + 2 - 14.4508) kg × 0.298 below
    generic, distance = "generic-salbutamol-pmdi-2025", kg(GENERIC)[1] - kg(GENERIC)[0]
    assert found[generic, "product:salamol"][0] == pytest.approx(0.702 * mass / distance, rel=1e-5)
    assert found[generic, "generic-salbutamol-pmdi"][0] == pytest.approx(
        0.298 * (kg(VENTOLIN)[1] - kg(SALAMOL)[1]) / distance, rel=1e-5
    )


PRESSURISED = ("pMDI", "BAI")


def test_every_pressurised_inhaler_shares_the_method_of_its_rest_and_no_other_does():
    reference = read_reference()
    shared = reference.components.select("key", "propellant", "other_shared_key").collect()
    named = shared.filter(pl.col("other_shared_key").is_not_null())
    assert set(named["other_shared_key"]) == {"method:rest of a pressurised inhaler"}
    devices = dict(reference.products.select("bnf_code", pl.col("device_type").cast(pl.String)).collect().iter_rows())
    assert {code for code, device in devices.items() if device in PRESSURISED} >= set(named["key"])
    assert shared.filter(pl.col("propellant") != "none").height == named.height


@pytest.mark.parametrize(
    ("file", "name", "column", "value"),
    [
        ("factors/inhalers.csv", "anoro-ellipta-55micrograms-dose-22micrograms-dos", "shared_key", "lca:0301040W0"),
        ("factors/inhalers.csv", "trixeo-134a", "propellant_mass_g_low", "10"),
        ("factors/inhalers.csv", "trixeo-hfo", "other_shared_key", "method:another"),
        ("factors/brand-mix.csv", "generic-salbutamol-pmdi-2025", "local_spread", "0.4"),
    ],
)
def test_a_factor_id_that_stands_for_two_factors_is_a_fault_and_refused(tmp_path, file, name, column, value):
    root = tmp_path / "reference"
    shutil.copytree(ROOT, root)
    first = line_of(file, name)
    cell(file, first, column, value)(root)
    second = [f for f in find_faults(read_reference(root)) if f.column == "factor_id"]
    assert {(f.file, f.value) for f in second} == {(file, name)}
    assert second[0].line > first
    assert f"than in line {first}: give it a name of its own" in second[0].reason
    with pytest.raises(DefinitionError, match="stands for other numbers or shared keys"):
        read_reference(root).error_parts()


def test_a_factor_id_stands_in_one_file_only(tmp_path):
    root = tmp_path / "reference"
    shutil.copytree(ROOT, root)
    cell("factors/spend.csv", 3, "factor_id", "salamol")(root)
    (fault,) = find_faults(read_reference(root))
    assert (fault.file, fault.line, fault.value) == ("factors/spend.csv", 3, "salamol")
    assert fault.reason == "stands in factors/inhalers.csv too"


def test_the_published_set_is_as_printed():
    printed = read_reference().factors("nhse-iif-es02").select("key", "kg_co2e").collect()
    assert printed.height == 18
    assert dict(printed.iter_rows())[GENERIC] == 25.24
    assert dict(printed.iter_rows())[VENTOLIN] == 28.26


def test_the_published_mean_of_worked_rows():
    """10 generic, 5 Ventolin, 5 Salamol: (10 × 25.24 + 5 × 28.26 + 5 × 11.95) ÷ 20."""
    factors = dict(read_reference().factors("nhse-iif-es02").select("key", "kg_co2e").collect().iter_rows())
    mean = (10 * factors[GENERIC] + 5 * factors[VENTOLIN] + 5 * factors[SALAMOL]) / 20
    assert mean == pytest.approx((252.4 + 141.3 + 59.75) / 20)


def test_an_unknown_set_is_one_sentence():
    with pytest.raises(DefinitionError, match=r"no factor set 'mine'\. Sets: harmonised"):
        read_reference().factors("mine")


def test_fostair_before_and_after_january_2026_is_one_product():
    series = dict(read_reference().series.collect().iter_rows())
    assert series["0302000C0BQAABX"] == "0302000ABBCAAAB"
    assert kg("0302000C0BQAABX") == kg("0302000ABBCAAAB")


def test_the_erroneous_change_is_not_applied():
    assert not {"0301040V0AAAAAA", "0301040V0BBAAAA"} & set(read_reference().series.collect()["bnf_code"])


def test_the_reference_as_shipped_has_no_fault():
    assert find_faults(read_reference(ROOT)) == []


def cell(file: str, line: int, column: str, value: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        rows = list(csv.reader(io.StringIO((root / file).read_text("utf-8"))))
        rows[line - 1][rows[0].index(column)] = value
        with (root / file).open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows(rows)

    return spoil


def line_of(file: str, code: str) -> int:
    return next(
        n for n, text in enumerate((ROOT / file).read_text("utf-8").splitlines(), start=1) if f"{code}," in text
    )


VENTOLIN_LINE = line_of("factors/inhalers.csv", VENTOLIN)


@pytest.mark.parametrize(
    ("file", "line", "column", "value", "reason"),
    [
        ("products/inhalers.csv", 2, "device_type", "MDI", "is none of"),
        ("products/inhalers.csv", 3, "bnf_code", "0301", "is no BNF presentation code"),
        ("products/inhalers.csv", 4, "valid_from", "soon", "is no date"),
        ("factors/inhalers.csv", VENTOLIN_LINE, "propellant_mass_g", "heavy", "is no number"),
        ("factors/inhalers.csv", VENTOLIN_LINE, "propellant_mass_g", "17", "not within 17.32 and 19.8"),
        ("factors/inhalers.csv", VENTOLIN_LINE, "source_id", "a-friend", "no such section in sources.toml"),
        ("factors/inhalers.csv", VENTOLIN_LINE, "note", "", "is empty"),
        ("factors/inhalers.csv", VENTOLIN_LINE, "valid_to", "2009-01-01", "ends before it begins"),
        ("factors/inhalers.csv", VENTOLIN_LINE, "key", "0301011R0BEAIZZ", "is no product"),
        (
            "factors/inhalers.csv",
            line_of("factors/inhalers.csv", "trixeo-change"),
            "valid_from",
            "2025-08-01",
            "leaves a gap",
        ),
        (
            "factors/inhalers.csv",
            line_of("factors/inhalers.csv", "trixeo-change"),
            "valid_from",
            "2025-06-01",
            "overlaps",
        ),
        ("factors/spend.csv", 2, "width", "wide", "is none of all medicines, chapter, product"),
        ("factors/spend.csv", 2, "gbp_year", "2024", "is not the year of the other rows"),
        ("factors/spend-width.csv", 2, "times", "0.9", "is below 1"),
        ("factors/gdp-deflator.csv", 2, "gdp_deflator", "much", "is no number"),
        ("products/code-changes.csv", 2, "old_code", "0301040V0BBAAAA", "is wrong at its source"),
        (
            "products/without-factor.csv",
            2,
            "bnf_code",
            "0301011R0BEAIZZ",
            "has no factor and is not in without-factor.csv",
        ),
    ],
)
def test_a_wrong_cell_is_named_with_file_line_column_and_reason(tmp_path, file, line, column, value, reason):
    root = tmp_path / "reference"
    shutil.copytree(ROOT, root)
    before = list(csv.DictReader(io.StringIO((root / file).read_text("utf-8"))))[line - 2]
    cell(file, line, column, value)(root)
    faults = find_faults(read_reference(root))
    assert any(reason in f.reason for f in faults), faults
    if "without-factor" not in file and "ends before" not in reason:
        fault = next(f for f in faults if reason in f.reason)
        assert (fault.file, fault.line) == (file, line)
    assert before[column] != value


def test_an_implausible_factor_is_named(tmp_path):
    root = tmp_path / "reference"
    shutil.copytree(ROOT, root)
    for column in ("propellant_mass_g_low", "propellant_mass_g", "propellant_mass_g_high"):
        cell("factors/inhalers.csv", VENTOLIN_LINE, column, "40")(root)
    faults = {(f.file, f.line, f.reason) for f in find_faults(read_reference(root))}
    assert ("factors/inhalers.csv", VENTOLIN_LINE, "not within 8.0 and 36.0 kg") in faults
    assert {file for file, _, _ in faults} == {"factors/inhalers.csv", "factors/brand-mix.csv"}  # the mix holds it too


def test_a_source_nobody_cites_is_a_fault(tmp_path):
    root = tmp_path / "reference"
    shutil.copytree(ROOT, root)
    with (root / "sources.toml").open("a", encoding="utf-8") as file:
        file.write('\n[cited-by-none]\ntitle = "x"\n')
    assert [(f.column, f.reason) for f in find_faults(read_reference(root))] == [
        ("cited-by-none", "no row cites this source")
    ]


def test_a_folder_that_is_none_is_one_sentence(tmp_path):
    with pytest.raises(DefinitionError, match="no reference folder"):
        read_reference(tmp_path)


@pytest.mark.real
def test_at_least_99_of_100_real_inhaler_items_carry_a_factor_and_the_rest_are_listed(real):
    rows = [
        row
        for name in ("epd_201709", "epd_201710")
        for row in csv.DictReader(
            io.StringIO(gzip.decompress((real / "epd-2017" / f"{name}.csv.gz").read_bytes()).decode())
        )
    ]
    reference = read_reference()
    devices = dict(
        reference.products.filter(pl.col("units_per_device").is_not_null())
        .select("bnf_code", "product_name")
        .collect()
        .iter_rows()
    )
    factors = set(reference.factors().select("key").collect()["key"])
    unknown = set(reference.without_factor.select("bnf_code").collect()["bnf_code"])
    items = {True: 0, False: 0}
    for row in rows:
        if row["BNF_CODE"] in devices:
            items[row["BNF_CODE"] in factors] += int(row["ITEMS"])
            assert row["BNF_CODE"] in factors | unknown
    assert items[True] / (items[True] + items[False]) >= 0.99


@pytest.mark.real
def test_every_respiratory_code_of_the_real_rows_is_an_inhaler_or_known_not_to_be(real):
    reference = read_reference()
    known = set(reference.products.select("bnf_code").collect()["bnf_code"])
    others = tuple(reference.not_inhalers.select("bnf_prefix").collect()["bnf_prefix"])
    snomed = csv.DictReader(
        io.StringIO((real / "epd-snomed-2026-01" / "epd_snomed_202601_rows.csv").read_text("utf-8"))
    )
    codes = {r["BNF_PRESENTATION_CODE"]: r["BNF_PRESENTATION_NAME"] for r in snomed}
    for name in ("epd_201709", "epd_201710"):
        text = gzip.decompress((real / "epd-2017" / f"{name}.csv.gz").read_bytes()).decode()
        codes |= {r["BNF_CODE"]: r["BNF_DESCRIPTION"] for r in csv.DictReader(io.StringIO(text))}
    strange = {c: n for c, n in codes.items() if "0301" <= c < "0304" and c not in known and not c.startswith(others)}
    assert strange == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("spend.csv", ",2023,", ",2025,", "gbp_year: '2025' has no value in factors/gdp-deflator.csv"),
        ("spend-width.csv", "chapter,2,", "product,2,", "stands twice"),
    ],
)
def test_the_files_about_pounds_agree(tmp_path, file, old, new, said):
    root = shutil.copytree(ROOT, tmp_path / "reference")
    changed = root / "factors" / file
    changed.write_text(changed.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(DefinitionError) as refused:
        read_reference(root).spend()
    assert said in str(refused.value)


def test_a_width_that_lacks_is_named(tmp_path):
    root = shutil.copytree(ROOT, tmp_path / "reference")
    file = root / "factors" / "spend-width.csv"
    file.write_text("\n".join(line for line in file.read_text("utf-8").splitlines() if not line.startswith("chapter")))
    with pytest.raises(DefinitionError, match="width: 'chapter' stands in no row"):
        read_reference(root).spend()


def test_all_spend_factors_are_wrong_together_and_as_wide_as_their_source_says():
    reference = read_reference(ROOT)
    spend = reference.spend().collect()
    keys = reference.error_parts().filter(pl.col("factor_id").is_in(spend["factor_id"].to_list())).collect()
    assert keys.height == spend.height
    assert keys["shared_key"].n_unique() == 1
    of = {row["factor_id"]: (row["kg_low"], row["kg_co2e"], row["kg_high"]) for row in spend.to_dicts()}
    assert (reference.gbp_year, reference.spend_widths["product"]) == (2023, 4)
    assert of["spend-medicines"] == (0.156432, 0.219005, 0.306607)  # ÷ 1.4, × 1.4
    assert of["spend-feeds"] == (0.298652, 0.597304, 1.194608)  # ÷ 2, × 2
