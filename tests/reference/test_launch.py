"""A low-carbon launch under a known code, as docs/how-to/a-low-carbon-launch.md writes it. All values here are of the test."""

import csv
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon.config import Config
from prescarbon.model.opportunities.pairs import EXCLUDED_SCHEMA, resolve_pairs
from prescarbon.reference.checks import find_faults
from prescarbon.reference.definitions import Reference, read_reference
from prescarbon.reference.files import find_reference
from prescarbon.reference.reviews import find_due, reviews_of_products

VENTOLIN, SALAMOL, GENERIC = "0301011R0BEAIAP", "0301011R0BIAFAP", "0301011R0AAAPAP"
LAUNCH = date(2027, 3, 1)
BEFORE = "2027-02-28"
Row = dict[str, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(find_reference(), tmp_path / "reference")


def edit(file: Path, key: str, code: str, *changes: Row) -> None:
    """The one row of a code becomes as many as there are changes."""
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    (old,) = [row for row in rows if row[key] == code]
    at = rows.index(old)
    rows[at : at + 1] = [{**old, **change} for change in changes]
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


NEW = {
    "factor_id": "ventolin-evohaler-152a", "propellant": "HFA-152a", "propellant_mass_g_low": "12",
    "propellant_mass_g": "14", "propellant_mass_g_high": "16", "shared_key": "product:ventolin-evohaler-152a",
    "note": "of a test", "review_by": "2028-03-01",
}  # fmt: skip
CHANGE = {
    "factor_id": "ventolin-evohaler-change", "propellant_mass_g_low": "0", "propellant_mass_g": "9.9",
    "propellant_mass_g_high": "19.8", "shared_key": "span:ventolin-evohaler-change", "note": "of a test",
}  # fmt: skip


def launch(folder: Path, first: str = "2027-03-01", *, in_products: bool = True, in_factors: bool = True) -> None:
    """One dated row in each file; the rows before it end the day before."""
    products, factors = folder / "products" / "inhalers.csv", folder / "factors" / "inhalers.csv"
    if in_products:
        new = {"propellant": "HFA-152a", "valid_from": first, "propellant_review_by": "2028-03-01"}
        edit(products, "bnf_code", VENTOLIN, {"valid_to": BEFORE}, new)
        for code in (GENERIC, "0301011R0AAAAAA"):
            open_now = {"propellant": "unknown", "valid_from": first, "propellant_review_by": "2028-03-01"}
            edit(products, "bnf_code", code, {"valid_to": BEFORE}, open_now)
    if in_factors:
        edit(factors, "key", VENTOLIN, {"valid_to": BEFORE}, {**NEW, "valid_from": first})


def transition(folder: Path) -> None:
    """Old and new stock from March to August 2027, shares unknown."""
    products, factors = folder / "products" / "inhalers.csv", folder / "factors" / "inhalers.csv"
    first, last, after = "2027-03-01", "2027-08-31", "2027-09-01"
    for code, later in ((VENTOLIN, "HFA-152a"), (GENERIC, "unknown"), ("0301011R0AAAAAA", "unknown")):
        edit(
            products, "bnf_code", code, {"valid_to": BEFORE},
            {"propellant": "unknown", "valid_from": first, "valid_to": last},
            {"propellant": later, "valid_from": after},
        )  # fmt: skip
    edit(
        factors, "key", VENTOLIN, {"valid_to": BEFORE}, {**CHANGE, "valid_from": first, "valid_to": last},
        {**NEW, "valid_from": after},
    )  # fmt: skip


def kg(reference: Reference, code: str, day: date, basis: str = "AR6") -> tuple[float, float, float]:
    held = reference.factors(gwp_basis=basis).filter(
        pl.col("key") == code, pl.lit(day).is_between("valid_from", "valid_to")
    )
    return held.select("kg_low", "kg_co2e", "kg_high").collect().row(0)


def sources(reference: Reference, month: date, read_on: date | None = None) -> dict[str, str | None]:
    """rule_id → why Ventolin is no source of it; None where it is one."""
    switches = reference.switches
    pairs = resolve_pairs(
        [r for r in switches.rules if r.id in ("BR01", "DV01")], switches.guards, pl.LazyFrame({"bnf_code": [VENTOLIN]}),
        reference.products, reference.factors(), switches.formulary, pl.LazyFrame(schema=EXCLUDED_SCHEMA), month=month,
        read_on=read_on or month,
    ).collect()  # fmt: skip
    return dict(pairs.select("rule_id", "refused").iter_rows())


def test_one_dated_row_a_file_ends_it_as_a_source_from_that_month(folder):
    launch(folder)
    reference = read_reference(folder)
    assert find_faults(reference) == []
    assert sources(reference, date(2027, 2, 1)) == {"BR01": None, "DV01": None}
    low_carbon = "already a low-carbon inhaler (HFA-152a)"
    assert sources(reference, LAUNCH) == {"BR01": low_carbon, "DV01": low_carbon}
    old, new = kg(reference, VENTOLIN, date(2027, 2, 1)), kg(reference, VENTOLIN, LAUNCH)
    assert old == kg(read_reference(), VENTOLIN, LAUNCH)
    assert new == pytest.approx((12 * 0.164 + 0.79, 14 * 0.164 + 2.52, 16 * 0.164 + 2.52))
    assert new[2] < kg(reference, SALAMOL, LAUNCH)[0]  # the rule would be reversed


def test_data_of_before_the_launch_read_after_it_move_nobody_off_it(folder):
    launch(folder)
    said = "taken off the list: its propellant was HFA-134a in these data and is HFA-152a by now"
    assert sources(read_reference(folder), date(2027, 2, 1), read_on=LAUNCH) == {"BR01": said, "DV01": said}


@pytest.mark.parametrize("basis", ["AR4", "AR5", "AR6"])
def test_a_transition_spans_old_and_new_stock_under_each_basis(folder, basis):
    transition(folder)
    reference = read_reference(folder)
    assert find_faults(reference) == []
    old, change, new = (kg(reference, VENTOLIN, day, basis) for day in (date(2027, 2, 1), LAUNCH, date(2027, 9, 1)))
    assert change[0] <= new[0] < new[2] < old[0] < old[2] <= change[2]
    assert kg(reference, GENERIC, LAUNCH, basis)[2] == pytest.approx(change[2])


def test_in_a_transition_a_switch_to_another_pressurised_inhaler_may_save_nothing(folder):
    transition(folder)
    reference = read_reference(folder)
    switches = reference.switches
    (pair,) = (
        resolve_pairs(
            [r for r in switches.rules if r.id == "BR01"],
            switches.guards,
            pl.LazyFrame({"bnf_code": [VENTOLIN]}),
            reference.products,
            reference.factors(),
            switches.formulary,
            pl.LazyFrame(schema=EXCLUDED_SCHEMA),
            month=LAUNCH,
            read_on=LAUNCH,
        )
        .collect()
        .to_dicts()
    )
    assert pair["refused"] is not None or pair["saved_low"] < 0


def test_a_mix_follows_its_brand_from_the_day_and_keeps_its_ends_in_order(folder):
    launch(folder)
    reference = read_reference(folder)
    ventolin, salamol = (kg(reference, code, LAUNCH) for code in (VENTOLIN, SALAMOL))
    assert kg(reference, GENERIC, LAUNCH) == pytest.approx(
        (ventolin[0], 0.298 * ventolin[1] + 0.702 * salamol[1], salamol[2])
    )
    assert kg(reference, GENERIC, date(2027, 2, 1)) == kg(read_reference(), GENERIC, LAUNCH)
    names = reference.factors().filter(pl.col("key") == GENERIC).sort("valid_from").collect()["factor_id"].to_list()
    assert names[-2:] == ["generic-salbutamol-pmdi-2025", "generic-salbutamol-pmdi-2025-with-ventolin-evohaler-152a"]
    ends = reference.brand_ends().filter(pl.col("key") == GENERIC).sort("valid_from").collect()
    assert ends["kg_large"].to_list()[-1] == pytest.approx(ventolin[1])


def test_the_errors_of_a_mix_whose_brands_changed_places_are_within_its_ends(folder):
    launch(folder)
    reference = read_reference(folder)
    parts = reference.error_parts().filter(
        pl.col("factor_id").str.ends_with("152a"), pl.col("factor_id").str.starts_with("generic")
    )
    found = {key: (below, above, centre) for _, key, below, above, centre, _ in parts.collect().iter_rows()}
    low, central, high = kg(reference, GENERIC, LAUNCH)
    apart = kg(reference, SALAMOL, LAUNCH)[1] - kg(reference, VENTOLIN, LAUNCH)[1]
    own = found["generic-salbutamol-pmdi (reversed)"]
    assert own[0] == pytest.approx(0.702 * apart / (central - low), rel=1e-5)
    assert own[1] == pytest.approx(0.298 * apart / (high - central), rel=1e-5)
    assert own[2] == pytest.approx(0.702)
    assert all(0 <= part <= 1.00001 for below, above, _ in found.values() for part in (below, above))
    assert "product:ventolin-evohaler-152a" in found


@pytest.mark.parametrize(
    ("write", "file", "line_says"),
    [
        (lambda f: launch(f, in_factors=False), "factors/inhalers.csv", "is of HFA-134a, but products/inhalers.csv says HFA-152a"),
        (lambda f: launch(f, in_products=False), "factors/inhalers.csv", "is of HFA-152a, but products/inhalers.csv says HFA-134a"),
        (lambda f: launch(f, first="2027-03-02"), "factors/brand-mix.csv", "must have one factor in factors/inhalers.csv on every day"),
    ],
    ids=["factors forgotten", "products forgotten", "a day between"],
)  # fmt: skip
def test_a_launch_that_is_half_written_is_a_fault(folder, write: Callable[[Path], None], file: str, line_says: str):
    write(folder)
    assert [f for f in find_faults(read_reference(folder)) if f.file == file and f.reason.startswith(line_says)]


# review days


def test_a_generic_is_to_be_reviewed_with_the_brands_it_may_be():
    reference, month = read_reference(), date(2026, 1, 1)
    found = reviews_of_products(reference, month, "harmonised").filter(pl.col("bnf_code") == GENERIC).collect()
    of_brands = reviews_of_products(reference, month, "harmonised").filter(
        pl.col("bnf_code").is_in([VENTOLIN, SALAMOL]), pl.col("what") == "factor"
    )
    assert set(found.filter(what="factor")["review_by"]) == set(of_brands.collect()["review_by"])
    assert set(found.filter(what="propellant")["review_by"]) == {date(2027, 11, 24)}
    printed = reviews_of_products(reference, month, "prescqipp-b375").collect()
    assert set(printed["what"]) == {"propellant"}


def test_every_pressurised_inhaler_in_use_has_a_day_and_one_without_is_a_fault(folder):
    assert (
        reviews_of_products(read_reference(), date(2026, 1, 1), "harmonised").collect()["review_by"].null_count() == 0
    )
    edit(folder / "products" / "inhalers.csv", "bnf_code", SALAMOL, {"propellant_review_by": ""})
    edit(folder / "factors" / "inhalers.csv", "key", SALAMOL, {"review_by": ""})
    reference = read_reference(folder)
    told = [(f.file, f.column, f.value) for f in find_faults(reference)]
    assert told == [
        ("products/inhalers.csv", "propellant_review_by", SALAMOL),
        ("factors/inhalers.csv", "review_by", SALAMOL),
    ]
    found = reviews_of_products(reference, date(2026, 1, 1), "harmonised").filter(pl.col("bnf_code") == SALAMOL)
    assert found.collect()["review_by"].to_list() == [None, None]


def test_definitions_stay_valid_when_their_day_passes_and_what_is_due_says_so(tmp_path):
    due = find_due(Config(home=tmp_path, out=tmp_path, as_of=date(2099, 1, 1)))
    assert {row["kind"] for row in due} == {"rule", "propellant", "factor", "formulary"}
    assert all(row["overdue"] for row in due)
    last_day = find_due(Config(home=tmp_path, out=tmp_path, as_of=date(2027, 5, 24)))
    assert last_day
    assert not any(row["overdue"] for row in last_day)
    assert find_due(Config(home=tmp_path, out=tmp_path, as_of=date(2027, 2, 22))) == []  # 91 days before the first
