"""Published measures on real rows: sums made again here with csv and Decimal alone, and published totals."""

import csv
import gzip
import io
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from prescarbon.model.measures.values import run_measures
from prescarbon.reference.definitions import read_reference
from prescarbon.tables.organisations import LIST_SIZES
from prescarbon.tables.prescribing import FOOTPRINT
from prescarbon.tables.products import PRODUCTS

pytestmark = pytest.mark.real
REFERENCE = Path(__file__).resolve().parents[2] / "reference"
PUBLISHED = {"carbon_salbutamol", "environmental_inhalers", "saba", "icsdose", "air_mart_inhalers"}
PRESSURISED = {"pMDI", "BAI"}
INHALED = {*PRESSURISED, "DPI", "SMI"}


@pytest.fixture(scope="module")
def facts(real: Path) -> Path:
    folder = real.parent / "facts"
    if not folder.is_dir():
        pytest.skip("no ../shared/facts beside the checkout")
    return folder


@pytest.fixture(scope="module")
def inhalers(facts: Path) -> dict[str, dict[str, str]]:
    with (facts / "inhaler-factors.csv").open(encoding="utf-8") as file:
        return {row["bnf_code"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def products(inhalers: dict[str, dict[str, str]]) -> pl.LazyFrame:
    rows = [
        {
            "bnf_code": code,
            "product_name": row["product"],
            "drug_class": row["drug_class"],
            "device_type": "nebuliser" if row["device_type"].startswith("neb") else row["device_type"],
            "propellant": "unknown",
            "is_brand_known": True,
            "doses_per_device": None,
            "units_per_device": 30 if "capsule" in row["product"] else 1,
            "is_reusable": False,
            "valid_from": date(2000, 1, 1),
            "valid_to": date(9999, 12, 31),
            "source_id": "test",
        }
        for code, row in inhalers.items()
    ]
    return pl.DataFrame(rows, schema=PRODUCTS.schema).lazy()


@pytest.fixture(params=["facts", "reference"])
def either_products(request, products) -> pl.LazyFrame:
    """The facts' rows as they are, and the reference table made from them: published totals must not tell them apart."""
    return products if request.param == "facts" else read_reference(REFERENCE).products


def footprint(rows: list[tuple[date, str, str, int, Decimal]]) -> pl.LazyFrame:
    """FOOTPRINT from month, practice, code, items, total quantity; no kilograms."""
    names = ["month", "practice_code", "bnf_code", "items", "total_quantity"]
    given = pl.LazyFrame(rows, schema={n: FOOTPRINT.schema[n] for n in names}, orient="row")
    known = {"reads_as": "devices", "rows": 1, "method": "unknown"}
    summed = given.group_by("month", "practice_code", "bnf_code").agg(pl.col("items", "total_quantity").sum())
    return summed.select(
        *names,
        *(pl.lit(known.get(c.name)).cast(c.dtype).alias(c.name) for c in FOOTPRINT.columns if c.name not in names),
    ).select(FOOTPRINT.names)


def values(footprint: pl.LazyFrame, products: pl.LazyFrame, practices: dict[str, str], month: date) -> dict:
    """(organisation, measure) → row, practices under their sub-ICB location and themselves."""
    members = pl.LazyFrame(
        [
            (p, month, code, level, "GP practice", True)
            for p, ccg in practices.items()
            for code, level in ((p, "practice"), (ccg, "sub-icb"))
        ],
        schema=["practice_code", "month", "organisation_code", "level", "setting", "is_due"],
        orient="row",
    )
    measures = [m for m in read_reference(REFERENCE).measures if m.id in PUBLISHED]
    periods = pl.LazyFrame({"period_start": [month], "period_end": [month]})
    found = run_measures(measures, footprint, products, members, LIST_SIZES.empty(), periods).collect()
    return {(r["organisation_code"], r["measure_id"]): r for r in found.iter_rows(named=True)}


EPD_2017 = {"epd_201709.csv.gz": date(2017, 9, 1), "epd_201710.csv.gz": date(2017, 10, 1)}
CCG = {"B85010": "03A", "B85054": "03A", "L84018": "11M", "L84073": "11M"}


@pytest.fixture(scope="module")
def epd_2017(real: Path) -> list[tuple[date, str, str, int, Decimal]]:
    rows = []
    for name, month in EPD_2017.items():
        with gzip.open(real / "epd-2017" / name, "rt", encoding="latin-1", newline="") as file:
            reader = csv.DictReader(file)
            rows += [
                (month, r["PRACTICE_CODE"], r["BNF_CODE"], int(r["ITEMS"]), Decimal(r["TOTAL_QUANTITY"]))
                for r in reader
            ]
    return rows


@pytest.fixture(scope="module")
def by_hand(epd_2017, inhalers, facts) -> dict[tuple[date, str, str], list[Decimal]]:
    """(month, practice, measure) → numerator, denominator; from the facts' own lists and names, row by row."""
    with (facts / "indicator-carbon-salbutamol-codes.csv").open(encoding="utf-8") as file:
        factor = {
            r["bnf_code"]: Decimal(r["kg_co2e_per_inhaler"]) for r in csv.DictReader(file) if r["in_numerator"] == "1"
        }
    with (facts / "indicator-environmental-inhalers-codes.csv").open(encoding="utf-8") as file:
        listed = {r["bnf_code"]: r for r in csv.DictReader(file)}
    sums: dict = defaultdict(lambda: [Decimal(0), Decimal(0)])
    items_of, quantity_of = defaultdict(int), defaultdict(Decimal)
    for month, _, code, items, quantity in epd_2017:
        items_of[month, code] += items
        quantity_of[month, code] += quantity

    def add(key, top, amount):
        sums[key][0] += top * amount
        sums[key][1] += amount

    for month, practice, code, items, quantity in epd_2017:
        x = inhalers.get(code)
        if code in factor:
            add((month, practice, "carbon_salbutamol"), factor[code], quantity)
        if code in listed and listed[code]["rule_2026_denominator"] == "1" and not code.startswith("0301011R0"):
            add((month, practice, "environmental_inhalers"), int(listed[code]["rule_2026_numerator"]), Decimal(items))
        if x is None or x["device_type"] not in INHALED:
            continue
        if code[:9] in ("0301011R0", "0301011V0") or (code.startswith("0302") and x["drug_class"] != "triple"):
            is_packs = "capsule" in x["product"] and quantity_of[month, code] > 9 * items_of[month, code]
            inhaled = quantity / 30 if is_packs else quantity
            add((month, practice, "saba"), int(code.startswith("0301")), inhaled)
    return sums


@pytest.mark.parametrize("month", EPD_2017.values(), ids=str)
def test_four_whole_practices_give_the_sums_made_by_hand(epd_2017, by_hand, products, month):
    found = values(footprint([r for r in epd_2017 if r[0] == month]), products, CCG, month)
    for practice in CCG:
        for measure in ("carbon_salbutamol", "environmental_inhalers", "saba"):
            numerator, denominator = by_hand[month, practice, measure]
            row = found[practice, measure]
            assert (row["numerator"], row["denominator"]) == (numerator, denominator), (practice, measure)
            assert row["value"] == pytest.approx(float(numerator / denominator), rel=1e-12)
    for ccg in ("03A", "11M"):
        for measure in PUBLISHED:
            parts = [found[p, measure] for p, c in CCG.items() if c == ccg]
            assert found[ccg, measure]["numerator"] == sum(r["numerator"] for r in parts)


def test_codes_the_published_list_does_not_know_are_read_by_their_device(epd_2017, products):
    """October 2017: one item of ciclesonide 160 with 60 doses (pressurised), one of mometasone 200 with 60 (powder)."""
    month = date(2017, 10, 1)
    rows = footprint([r for r in epd_2017 if r[0] == month])
    listed, all_known = (values(rows, p, CCG, month) for p in (products, read_reference(REFERENCE).products))
    more = {
        practice: tuple(
            all_known[practice, "environmental_inhalers"][side] - listed[practice, "environmental_inhalers"][side]
            for side in ("numerator", "denominator")
        )
        for practice in CCG
    }
    assert more == {"B85010": (0, 0), "B85054": (1, 1), "L84018": (0, 1), "L84073": (0, 0)}


def test_high_dose_and_licensed_inhalers_read_off_one_practice_s_printed_names(epd_2017, inhalers, either_products):
    month, practice = date(2017, 9, 1), "B85010"
    rows = [r for r in epd_2017 if r[:2] == (month, practice)]
    found = values(footprint(rows), either_products, {practice: "03A"}, month)
    # items: Clenil 250, Fostair 200, Pulmicort 400, Symbicort 400/12, DuoResp 320/9, fluticasone/salmeterol 500/50
    # and 250/25, Seretide 250 Evohaler, Flutiform 250/10, Relvar 184
    assert found[practice, "icsdose"]["numerator"] == 1 + 3 + 1 + 8 + 2 + 6 + 5 + 9 + 2 + 3
    steroid = [r for r in rows if inhalers.get(r[2], {}).get("drug_class") in ("ICS", "ICS/LABA", "triple")]
    steroid = [r for r in steroid if inhalers[r[2]]["device_type"] in {*PRESSURISED, "DPI"}]
    assert found[practice, "icsdose"]["denominator"] == sum(r[3] for r in steroid)
    # inhalers: Fostair 100/6, Symbicort 100/6 and 200/6, DuoResp 160/4.5 are licensed; no triple in these rows
    licensed = 20 + 2 + 11 + 1
    row = found[practice, "air_mart_inhalers"]
    assert row["denominator"] == sum(r[4] for r in steroid)
    assert row["numerator"] == row["denominator"] - licensed


def test_england_march_2019_gives_the_published_and_computed_totals(facts, either_products):
    month = date(2019, 3, 1)
    with (facts / "england-inhalers-march-2019.csv").open(encoding="utf-8") as file:
        rows = [
            (month, "ENG", r["bnf_code"], int(Decimal(r["items"])), Decimal(r["quantity"]))
            for r in csv.DictReader(file)
        ]
    found = values(footprint(rows), either_products, {"ENG": "ENG"}, month)
    checks = (facts / "check-values.csv").read_text(encoding="utf-8")
    by_metric = {r["metric"]: r for r in csv.DictReader(io.StringIO(checks)) if r["period"] == "2019-03"}

    mean = found["ENG", "carbon_salbutamol"]["value"]
    assert (
        round(mean, 2) == float(by_metric["mean kg CO2e per salbutamol inhaler (18-code IIF rule)"]["value"]) == 24.51
    )
    mdi = found["ENG", "environmental_inhalers"]
    assert (mdi["numerator"], mdi["denominator"]) == (1228021, 2372356)  # the check value's own note
    assert round(100 * mdi["value"], 2) == 51.76
    share = 100 * found["ENG", "saba"]["value"]
    assert round(share, 1) == float(by_metric["SABA share of SABA+ICS inhalers (quantity; triples excluded)"]["value"])
    assert found["ENG", "saba"]["numerator"] == 2237978
    assert found["ENG", "icsdose"]["numerator"] < found["ENG", "icsdose"]["denominator"]


def test_the_environmental_rule_by_device_is_the_list(facts, inhalers, either_products):
    """Every code of the facts' list, one item each: with and without the lists the rule says the same."""
    month = date(2026, 1, 1)
    with (facts / "indicator-environmental-inhalers-codes.csv").open(encoding="utf-8") as file:
        listed = [r for r in csv.DictReader(file) if r["bnf_code"] in inhalers]
    rows = [(month, r["bnf_code"], r["bnf_code"], 1, Decimal(1)) for r in listed]
    found = values(footprint(rows), either_products, {r["bnf_code"]: "all" for r in listed}, month)
    for r in listed:
        row = found[r["bnf_code"], "environmental_inhalers"]
        expected = (
            [0, 0]
            if r["bnf_code"].startswith("0301011R0")
            else [int(r["rule_2026_numerator"]), int(r["rule_2026_denominator"])]
        )
        assert [row["numerator"], row["denominator"]] == expected, r["bnf_code"]
