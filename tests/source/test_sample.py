"""The SYNTHETIC sample: marked as such, in the published layout, the same each time, and with every planted fault."""

import csv
import gzip
import re
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from prescarbon.source.files import take_file
from prescarbon.source.organisation_files import read_organisation_file
from prescarbon.source.sample import SampleFiles, write_sample
from prescarbon.store.months import Store

REFERENCE = Path(__file__).resolve().parents[2] / "reference"
CATALOGUE = REFERENCE / "sample" / "catalogue.csv"
VENTOLIN, SALAMOL, GENERIC = "0301011R0BEAIAP", "0301011R0BIAFAP", "0301011R0AAAPAP"
FOSTAIR = ("0302000C0BQAABX", "0302000ABBCAAAB")  # before and from January 2026
TRIMBOW = ("0301011ABBBAAA0", "0302000AABBAAAA")  # before and from January 2025
QUETIAPINE = "0402010AB"


def cells(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, infer_schema=False)


@pytest.fixture(scope="module")
def catalogue() -> pl.DataFrame:
    return cells(CATALOGUE)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    return write_sample(tmp_path_factory.mktemp("sample"), CATALOGUE)


@pytest.fixture(scope="module")
def rows(sample: SampleFiles) -> pl.DataFrame:
    """Every row of all months that can be read, with its numbers as numbers."""
    return pl.concat([cells(file) for file in sample.epd]).select(
        month=(pl.col("YEAR_MONTH") + "-01").str.to_date(),
        practice="PRACTICE_CODE",
        code="BNF_PRESENTATION_CODE",
        quantity=pl.col("QUANTITY").cast(pl.Decimal(18, 3), strict=False),
        items=pl.col("ITEMS").cast(pl.Int64),
        total=pl.col("TOTAL_QUANTITY").cast(pl.Decimal(18, 3)),
        nic=pl.col("NIC").cast(pl.Decimal(18, 2)),
    )


def epraccur(file: Path) -> pl.DataFrame:
    """27 columns without a header, counted from 1 as the specification does."""
    frame = pl.read_csv(file, has_header=False, infer_schema=False)
    return frame.rename({name: f"column_{at}" for at, name in enumerate(frame.columns, start=1)}, strict=False)


def small(folder: Path, **other: int) -> SampleFiles:
    return write_sample(folder, CATALOGUE, **({"practices": 3, "pcns": 2, "months": 2} | other))


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_equal_seeds_give_equal_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        small(tmp_path / name, seed=seed)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    differing = {n for n, c in content(tmp_path / "a").items() if c != content(tmp_path / "c")[n]}
    assert {"EPD_SNOMED_202512_SYNTHETIC.csv", "EPD_SNOMED_202601_SYNTHETIC.csv"} <= differing


def test_one_file_a_month_and_every_file_and_name_says_synthetic(sample):
    assert [file.name for file in sample.epd][::23] == [
        "EPD_SNOMED_202402_SYNTHETIC.csv",
        "EPD_SNOMED_202601_SYNTHETIC.csv",
    ]
    assert len(sample.epd) == 24
    assert all("SYNTHETIC" in file.name for file in [*sample.epd, *sample.organisations])
    last = cells(sample.epd[-1])
    for column in ("PRACTICE_NAME", "PCO_NAME", "ICB_NAME", "REGIONAL_OFFICE_NAME"):
        assert last[column].str.contains("SYNTHETIC").all(), column
    assert cells(sample.pcns).select(pl.col("PRACTICE_NAME", "PCN_NAME", "CCG_NAME").str.contains("SYNTHETIC").all()).row(0) == (
        True, True, True,
    )  # fmt: skip


@pytest.mark.real
def test_the_layout_is_the_published_one(sample, real):
    published = real / "epd-snomed-2026-01" / "epd_snomed_202601_rows.csv"
    with published.open(encoding="latin-1") as theirs, sample.epd[-1].open(encoding="latin-1") as ours:
        assert next(csv.reader(ours)) == next(csv.reader(theirs))
    shapes = {
        "YEAR_MONTH": r"\d{4}-\d\d", "BNF_CHEMICAL_SUBSTANCE_CODE": r"\d{4}|[0-9A-Z]{9}", "QUANTITY": r"\d+\.\d*", "ITEMS": r"\d+",
        "TOTAL_QUANTITY": r"\d+\.\d*", "NIC": r"\d*\.\d*", "ACTUAL_COST": r"\d*\.\d*", "UNIDENTIFIED": "N|Y",
        "BNF_CHAPTER_PLUS_CODE": r"\d\d: .+", "SNOMED_CODE": r"(\d+)?",
    }  # fmt: skip
    whole = cells(sample.epd[-1]).head(-8)  # the last eight are faults
    for column, shape in shapes.items():
        assert cells(published)[column].str.contains(f"^({shape})$").all(), f"{column}: our idea of the shape is wrong"
        assert whole[column].str.contains(f"^({shape})$").all(), column


def test_every_code_has_true_shape_and_holds_once_a_day(catalogue):
    codes = catalogue["bnf_code"].to_list()
    assert [c for c in codes if not re.fullmatch(r"\d{11}|(0\d|1\d)[0-9A-Z]{13}", c)] == []
    assert [c for c, n in Counter(codes).items() if n > 1] == []
    assert catalogue.filter(pl.col("valid_from") > pl.col("valid_to")).is_empty()
    assert catalogue.filter(pl.col("price_basis").is_null() | (pl.col("unit_price_gbp").cast(float) <= 0)).is_empty()


def test_every_inhaler_is_in_the_product_list_under_its_name(catalogue):
    inhalers = catalogue.filter(pl.col("kind") == "inhaler").select("bnf_code", "presentation_name")
    products = (
        cells(REFERENCE / "products" / "inhalers.csv").select("bnf_code", presentation_name="product_name").unique()
    )
    assert inhalers.join(products, on=["bnf_code", "presentation_name"], how="anti").rows() == []
    assert inhalers.height > 30


def test_a_changed_code_stops_the_day_before_its_successor_starts(catalogue):
    changes = dict(cells(REFERENCE / "products" / "code-changes.csv").select("old_code", "new_code").iter_rows())
    dates = {
        code: (start, end) for code, start, end in catalogue.select("bnf_code", "valid_from", "valid_to").iter_rows()
    }
    changed = {old: new for old, new in changes.items() if old in dates and new in dates}
    assert {FOSTAIR[0], TRIMBOW[0]} <= set(changed)
    for old, new in changed.items():
        end, start = date.fromisoformat(dates[old][1]), date.fromisoformat(dates[new][0])
        assert (start - end).days == 1, old


@pytest.mark.real
def test_prices_and_snomed_codes_are_those_of_the_rows_they_name(catalogue, real):
    old = pl.concat([cells(real / "epd-2017" / f"epd_2017{m}.csv.gz") for m in ("09", "10")])
    new = cells(real / "epd-snomed-2026-01" / "epd_snomed_202601_rows.csv")
    per_unit = (pl.col("NIC").cast(float) / pl.col("TOTAL_QUANTITY").cast(float)).alias("seen")
    for basis, seen in (
        ("NIC per unit, 2017 rows", old.select(per_unit, bnf_code="BNF_CODE")),
        ("NIC per unit, January 2026 rows", new.select(per_unit, bnf_code="BNF_PRESENTATION_CODE")),
    ):
        priced = catalogue.filter(pl.col("price_basis") == basis)
        ends = seen.group_by("bnf_code").agg(low=pl.col("seen").min(), high=pl.col("seen").max())
        price = pl.col("unit_price_gbp").cast(float)
        outside = ~price.is_between(pl.col("low") - 0.0001, pl.col("high") + 0.0001)  # printed to four places
        wrong = priced.join(ends, on="bnf_code", how="left").filter(pl.col("low").is_null() | outside)
        assert wrong.select("bnf_code", "unit_price_gbp", "low", "high").rows() == []
        assert priced.height > 10
    witnessed = new.select(bnf_code="BNF_PRESENTATION_CODE", snomed_code="SNOMED_CODE").unique()
    given = catalogue.filter(pl.col("snomed_code").is_not_null()).select("bnf_code", "snomed_code")
    assert given.join(witnessed, on=["bnf_code", "snomed_code"], how="anti").rows() == []


@pytest.mark.real
def test_no_practice_code_is_a_real_one(sample, real):
    ours = set(epraccur(sample.practices)["column_1"])
    assert all(re.fullmatch(r"Z\d{5}", code) for code in ours)
    for name in ("epraccur_2025-autumn.csv.gz", "epraccur_2022-12.csv.gz"):
        theirs = epraccur(real / "geography" / name)["column_1"]
        assert not theirs.str.starts_with("Z").any()


def test_organisation_files_are_read_without_a_rejected_row(sample):
    kinds = {}
    for file in sample.organisations:
        reading = read_organisation_file(file)
        assert reading.rejected.is_empty(), file.name
        kinds.setdefault(reading.kind, []).append(reading.rows.height)
    # 90 practices and one cost centre; 90 members; eight quarters of 90 lists
    assert kinds == {"epraccur": [91], "geography": [90], "list size": [90] * 8}
    assert cells(sample.pcns)["PCN_ODS_CODE"].n_unique() == 24


def test_total_quantity_and_nic_follow_from_quantity_items_and_price(tmp_path, catalogue):
    """Ventolin at £1.50, two an item, seven items: 14 inhalers, £21.00; and so for every row but the faults."""
    made = small(tmp_path, practices=2, months=1)
    prices = {c: Decimal(p) for c, p in catalogue.select("bnf_code", "unit_price_gbp").iter_rows()}
    checked = 0
    for code, quantity, items, total, nic in (
        cells(made.epd[0])
        .head(-8)
        .select("BNF_PRESENTATION_CODE", "QUANTITY", "ITEMS", "TOTAL_QUANTITY", "NIC")
        .iter_rows()
    ):
        assert Decimal(total) == Decimal(quantity) * int(items)
        assert abs(Decimal(nic) - Decimal(total) * prices[code]) <= Decimal("0.0051")  # rounded to the penny
        checked += 1
    assert checked > 200


def test_every_fault_is_in_the_file_and_only_the_two_unreadable_rows_are_rejected(tmp_path):
    made = small(tmp_path / "made", months=1)
    written = Counter(cells(made.epd[0]).select("PRACTICE_CODE", "BNF_PRESENTATION_CODE").tail(8).iter_rows())
    assert written == Counter((f.practice_code, f.bnf_code) for f in made.faults)
    store = Store(tmp_path / "home")
    take_file(store, made.epd[0])
    manifest = store.held(date(2026, 1, 1))
    assert manifest is not None
    assert manifest.rows_in == manifest.rows_used + manifest.rows_rejected
    reasons = sorted(store.rejects(manifest).collect()["reason"])
    assert reasons == ["bnf_code out of range", "quantity one is no number"]
    assert manifest.nic_gbp_rejected == Decimal("11.49")  # 9.99 + 1.50


def test_two_rows_claim_200_doses_once_at_the_price_of_one_and_once_of_200(rows):
    claimed = rows.filter((pl.col("quantity") == 200) & (pl.col("code") == VENTOLIN))
    assert claimed.select("month", "practice", "items", "nic").rows() == [
        (date(2026, 1, 1), "Z90001", 1, Decimal("1.50")),  # 1 × £1.50
        (date(2026, 1, 1), "Z90090", 1, Decimal("300.00")),  # 200 × £1.50
    ]


def months_of(rows: pl.DataFrame, practice: str) -> list[date]:
    return rows.filter(pl.col("practice") == practice)["month"].unique().sort().to_list()


def test_practices_open_close_and_miss_a_month(rows, sample):
    assert len(months_of(rows, "Z90001")) == 24
    assert months_of(rows, "Z90018")[0] == date(2025, 2, 1)  # the thirteenth month
    assert months_of(rows, "Z90024")[-1] == date(2025, 7, 1)  # six months before the end
    missing = next(f for f in sample.faults if f.what == "practice missing")
    assert set(months_of(rows, "Z90001")) - set(months_of(rows, missing.practice_code)) == {missing.month}
    status = dict(epraccur(sample.practices).select("column_1", "column_13").iter_rows())
    assert [code for code, state in status.items() if state == "C"] == ["Z90024"]


def test_one_list_is_too_small_to_rate_and_the_others_are_of_true_size(sample):
    sizes = dict(cells(sample.list_sizes[-1]).select("CODE", pl.col("NUMBER_OF_PATIENTS").cast(int)).iter_rows())
    assert [code for code, people in sizes.items() if people < 750] == ["Z90012"]
    assert all(2_500 <= people <= 25_000 for code, people in sizes.items() if code != "Z90012")


def test_codes_change_in_their_january_and_the_volume_runs_on(rows):
    for (old, new), change in ((FOSTAIR, date(2026, 1, 1)), (TRIMBOW, date(2025, 1, 1))):
        by_code = rows.filter(pl.col("code").is_in([old, new])).group_by("code").agg(
            first=pl.col("month").min(), last=pl.col("month").max()
        )  # fmt: skip
        spans = {code: (first, last) for code, first, last in by_code.iter_rows()}
        assert spans[old][1] < change == spans[new][0]
        monthly = dict(
            rows.filter(pl.col("code").is_in([old, new])).group_by("month").agg(pl.col("items").sum()).iter_rows()
        )
        before = change.replace(year=change.year - 1, month=12)
        assert 0.9 < monthly[change] / monthly[before] < 1.15  # a winter month follows a winter month


def share_of_ventolin(rows: pl.DataFrame, of: pl.Expr, first: date, last: date) -> float:
    some = rows.filter(
        of & pl.col("month").is_between(first, last) & pl.col("code").is_in([VENTOLIN, SALAMOL, GENERIC])
    )
    ventolin = some.filter(pl.col("code") == VENTOLIN)["items"].sum()
    return ventolin / some["items"].sum()


def test_ventolin_falls_everywhere_but_in_the_network_that_lags(rows, sample):
    lagging = cells(sample.pcns).filter(pl.col("PCN_ODS_CODE") == "SYN003")["PRACTICE_CODE"].to_list()
    assert len(lagging) == 4  # practices 3, 27, 51 and 75
    here = pl.col("practice").is_in(lagging)
    year_one, year_two = (date(2024, 2, 1), date(2025, 1, 1)), (date(2025, 2, 1), date(2026, 1, 1))
    fall = share_of_ventolin(rows, ~here, *year_one) - share_of_ventolin(rows, ~here, *year_two)
    assert fall > 0.03
    assert abs(share_of_ventolin(rows, here, *year_one) - share_of_ventolin(rows, here, *year_two)) < 0.02


def test_inhalers_rise_in_winter_and_other_medicines_do_not(rows):
    winter = pl.col("month").is_in([date(2024, 12, 1), date(2025, 1, 1), date(2025, 2, 1)])
    summer = pl.col("month").is_in([date(2025, 6, 1), date(2025, 7, 1), date(2025, 8, 1)])

    def ratio(kind: pl.Expr) -> float:
        return rows.filter(kind & winter)["items"].sum() / rows.filter(kind & summer)["items"].sum()

    assert 1.15 < ratio(pl.col("code").str.starts_with("030")) < 1.35
    assert 0.98 < ratio(pl.col("code").str.starts_with("02")) < 1.02


def test_a_concession_raises_the_cost_of_quetiapine_and_not_its_quantity(rows):
    monthly = (
        rows.filter(pl.col("code").str.starts_with(QUETIAPINE)).group_by("month").agg(pl.col("nic", "total").sum())
    )
    by_month = {month: (float(nic), float(total)) for month, nic, total in monthly.iter_rows()}
    (nic, total), (nic_before, total_before) = by_month[date(2025, 11, 1)], by_month[date(2025, 10, 1)]
    assert 17 < nic / nic_before < 23  # twenty times, give or take the draw
    assert 0.9 < total / total_before < 1.1


def test_one_practice_shifts_for_good_to_dry_powder(rows, catalogue):
    names = catalogue.filter(pl.col("presentation_name").str.contains("dry p|Accuhaler|Turbohaler"))
    powder = rows.filter(pl.col("code").is_in(names["bnf_code"].to_list()) & (pl.col("practice") == "Z90008"))
    monthly = [n for _, n in powder.group_by("month").agg(pl.col("items").sum()).sort("month").iter_rows()]
    assert sum(monthly[16:]) / 8 > 1.5 * sum(monthly[:16]) / 16  # eight months of 24


@pytest.mark.parametrize("name", ["mine.csv", "mine.csv.gz", "mine.parquet"])
def test_the_sample_under_another_name_is_still_known_as_synthetic(tmp_path, name):
    made = small(tmp_path / "made", practices=2, months=1)
    file = tmp_path / name
    if name.endswith(".parquet"):
        cells(made.epd[0]).write_parquet(file)
    else:
        content = made.epd[0].read_bytes()
        file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert take_file(Store(tmp_path / "home"), file).manifest.is_synthetic


@pytest.mark.real
def test_real_rows_are_not_synthetic(tmp_path, real):
    for file in (real / "epd-2017" / "epd_201709.csv.gz", real / "epd-snomed-2026-01" / "epd_snomed_202601_rows.csv"):
        assert not take_file(Store(tmp_path), file).manifest.is_synthetic
