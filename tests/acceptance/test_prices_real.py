"""Every shipped price against the dated price lists, read again by csv alone: none is older than the newest known."""

import csv
import re
from pathlib import Path

import pytest

from prescarbon.reference.files import find_reference

pytestmark = pytest.mark.real
CODE = re.compile(r"\((\d{7}[0-9A-Z]{8}); NIC")
TWO_A_PACK = "0302000K0BJAAAM"  # WockAIR 160/4.5


@pytest.fixture(scope="module")
def newest(real: Path) -> dict[str, tuple[str, str]]:
    """Code → date, £: of the prices that name a code; a mean of two packs or brands is none."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows(real, "inhaler-prices-2026.csv"):
        if "NOT A PACK PRICE" not in row["note"]:
            on = {"2025": "2025-12-31"}.get(row["price_date"], row["price_date"])
            found[row["bnf_code"]] = max(found.get(row["bnf_code"], ("", "")), (on, row["pack_price_gbp"]))
    for row in rows(real, "inhaler-prices.csv"):
        if match := CODE.search(row["product"]):
            dated = (row["price_date"] + "-01", row["price_gbp"])
            found[match[1]] = max(found.get(match[1], ("", "")), dated)
    return found


def rows(real: Path, name: str) -> list[dict[str, str]]:
    file = real.parent / "facts" / name
    if not file.is_file():
        pytest.skip("no ../shared/facts beside the checkout: the prices are read from there")
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def shipped(name: str, price_date: str) -> dict[str, tuple[str, str]]:
    with (find_reference() / name).open(encoding="utf-8", newline="") as opened:
        return {r["bnf_code"]: (r[price_date], r["pack_price_gbp"]) for r in csv.DictReader(opened)}


def test_a_product_has_the_newest_price_of_its_code_and_its_date(newest):
    ours = shipped("products/inhalers.csv", "pack_price_date")
    assert len(newest) > 245
    differ = {code: (ours[code], price) for code, price in newest.items() if ours[code] != price}
    # £19.00 is a pack of two; Drug Tariff prices of March 2023 name no code and are newer than 2017
    assert differ.keys() <= {TWO_A_PACK, *(c for c, (on, _) in newest.items() if on == "2017-09-01")}
    assert ours[TWO_A_PACK] == ("2025-12-31", "9.50")
    assert [code for code, price in differ.values() if code[0] < price[0]] == []


def test_a_formulary_price_is_no_older(newest):
    offered = shipped("formulary/default.csv", "price_date")
    known = newest.keys() & offered.keys()
    assert len(known) > 45
    assert {code for code in known if offered[code] != newest[code]} == {TWO_A_PACK}


def test_only_2017_is_known_means_2017_is_said(newest):
    ours = shipped("products/inhalers.csv", "pack_price_date")
    assert [ours[code][0] for code, (on, _) in newest.items() if on == "2017-09-01"] == ["2017-09-01"]
