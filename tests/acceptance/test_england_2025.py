"""The page of England's 2025, made again from the facts, and its headline from csv and factors alone."""

import csv
import importlib.util
import re
from datetime import date
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from prescarbon.reference.definitions import read_reference

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
GENERIC, SALAMOL = "39113611000001102", "106511000001103"


@pytest.fixture(scope="module")
def facts(real: Path) -> Path:
    file = real.parent / "facts" / "england-pca-2025-inhaled.csv"
    if not file.is_file():
        pytest.skip("no ../shared/facts beside the checkout: the year's rows are read from there")
    return file


@pytest.fixture(scope="module")
def england() -> ModuleType:
    spec = importlib.util.spec_from_file_location("england", ROOT / "docs" / "england.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def year(facts: Path, england: ModuleType):
    return england.read_england(facts)


def test_the_page_is_that_of_the_facts_and_the_factors(year, england: ModuleType) -> None:
    assert england.PAGE.read_text("utf-8") == england.page(year)


def test_every_inhaler_is_counted_or_listed(year, facts: Path) -> None:
    """Items by csv alone: those with "inh" or "Respimat" in the name and no "neb"."""
    with facts.open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if re.search("inh|respimat", r["generic_name"], re.IGNORECASE)]
    rows = [r for r in rows if "neb" not in r["generic_name"].lower()]
    assert sum(int(r["items"]) for r in rows) == year.rows["items"].sum()
    known, unknown = (
        year.rows.filter(mask)["items"].sum()
        for mask in (pl.col("bnf_code").is_not_null(), pl.col("bnf_code").is_null())
    )
    assert known + unknown == year.rows["items"].sum()
    assert year.months.group_by("bnf_code", "how").len()["len"].unique().to_list() == [12]
    assert year.months["kg_co2e"].null_count() == 0


def test_two_products_by_hand(year) -> None:
    """8,320,074 Salamol × 14.4508 kg; 5,694,463 generics × 19.1023 kg."""
    reference = read_reference().factors().filter(pl.lit(date(2025, 6, 1)).is_between("valid_from", "valid_to"))
    kg = dict(reference.select("key", "kg_co2e").collect().iter_rows())
    code = dict(year.rows.select("snomed_code", "bnf_code").iter_rows())
    for snomed, devices in ((SALAMOL, 8_320_074), (GENERIC, 5_694_463)):
        found = year.months.filter(bnf_code=code[snomed])
        assert float(found["kg_co2e"].sum()) == pytest.approx(devices * kg[code[snomed]])


def test_the_whole_is_the_sum_of_its_devices_propellants_and_brands(year) -> None:
    (_, whole, _) = year.intervals().row(0)
    for column in ("device_type", "propellant", "evidence", "how"):
        assert year.intervals(column)["kg_co2e"].sum() == whole


def test_a_known_code_leads_to_a_product_that_has_a_factor(england: ModuleType) -> None:
    mapped = pl.read_csv(england.PRODUCTS, infer_schema=False)
    assert mapped["snomed_code"].is_unique().all()
    reference = read_reference()
    assert set(mapped["bnf_code"]) <= set(reference.factors().collect()["key"])
    names = dict(reference.products.select("bnf_code", "product_name").collect().iter_rows())
    assert [names[code] for code in mapped["bnf_code"]] == mapped["product_name"].to_list()
