"""EPD files as they come: every layout and packing, and every way they can be broken."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from prescarbon.errors import InputError
from prescarbon.source import files
from prescarbon.source.files import take_file
from prescarbon.store.months import Store

HEADER = [
    "YEAR_MONTH", "ICB_CODE", "PCO_CODE", "PRACTICE_NAME", "PRACTICE_CODE", "ADDRESS_1", "BNF_PRESENTATION_CODE",
    "BNF_PRESENTATION_NAME", "QUANTITY", "ITEMS", "TOTAL_QUANTITY", "NIC", "ACTUAL_COST", "UNIDENTIFIED", "SNOMED_CODE",
]  # fmt: skip
GOOD = {
    "YEAR_MONTH": "2026-01", "ICB_CODE": "QHG", "PCO_CODE": "M1J4Y", "PRACTICE_NAME": "A, SURGERY", "PRACTICE_CODE": "K81001",
    "ADDRESS_1": "1 ROAD", "BNF_PRESENTATION_CODE": "0301011R0BEAIAP", "BNF_PRESENTATION_NAME": "Ventolin",
    "QUANTITY": "2.", "ITEMS": "3", "TOTAL_QUANTITY": "6.", "NIC": "9.", "ACTUAL_COST": "8.43", "UNIDENTIFIED": "N",
    "SNOMED_CODE": "222311000001102",
}  # fmt: skip


def text(*rows: dict[str, str], header: list[str] = HEADER) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, quoting=csv.QUOTE_ALL, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(GOOD | row for row in rows)
    return out.getvalue()


def put(folder: Path, content: str | bytes, name: str = "EPD_SNOMED_202601.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def zipped(content: bytes, name: str = "EPD.csv", times: int = 1) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(times):
            archive.writestr(f"{n}{name}", content)
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def test_a_row_is_read_to_the_digit(store, tmp_path):
    take_file(store, put(tmp_path, text({})))
    (row,) = store.scan().collect().to_dicts()
    assert row == {
        "month": date(2026, 1, 1),
        "practice_code": "K81001",
        "practice_name": "A, SURGERY",
        "bnf_code": "0301011R0BEAIAP",
        "snomed_code": "222311000001102",
        "presentation_name": "Ventolin",
        "quantity": Decimal("2.000"),
        "items": 3,
        "total_quantity": Decimal("6.000"),
        "nic_gbp": Decimal("9.00"),
        "actual_cost_gbp": Decimal("8.43000"),
        "sub_icb_code": "M1J4Y",
        "icb_code": "QHG",
    }


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.csv", lambda t: t),
        ("a.csv", lambda t: b"\xef\xbb\xbf" + t),
        ("a.csv", lambda t: t.replace(b"\r\n", b"\n")),
        ("a.csv.gz", gzip.compress),
        ("a.zip", zipped),
    ],
    ids=["csv", "with a byte order mark", "unix line ends", "gzip", "zip"],
)
def test_every_packing_gives_the_same_rows(store, tmp_path, name: str, pack: Callable[[bytes], bytes]):
    rows = [{"QUANTITY": str(n), "TOTAL_QUANTITY": str(3 * n)} for n in range(1, 50)]
    manifest = take_file(store, put(tmp_path, pack(text(*rows).encode()), name)).manifest
    assert manifest.rows_used == 49
    assert store.scan().collect()["quantity"].sum() == Decimal(sum(range(1, 50)))


def test_parquet_gives_the_same_rows_as_csv(store, tmp_path):
    pl.read_csv(text({}, {"ITEMS": "4", "TOTAL_QUANTITY": "8"}).encode()).write_parquet(tmp_path / "a.parquet")
    take_file(store, tmp_path / "a.parquet")
    assert store.scan().collect()["items"].to_list() == [3, 4]


def test_latin_1_names_come_out_whole(store, tmp_path):
    raw = text({"PRACTICE_NAME": "CAFÉ SURGERY"}).encode("latin-1")
    assert take_file(store, put(tmp_path, raw)).manifest.encoding == "Latin-1"
    assert store.scan().collect()["practice_name"].to_list() == ["CAFÉ SURGERY"]


@pytest.mark.parametrize("month", ["2026-01", "2026_01", "202601"])
def test_months_as_they_have_been_written(store, tmp_path, month):
    assert take_file(store, put(tmp_path, text({"YEAR_MONTH": month}))).manifest.month == "2026-01"


def test_old_headers_mean_the_same(store, tmp_path):
    old = [
        "YEAR_MONTH",
        "AREA_TEAM_CODE",
        "PCO_CODE",
        "PRACTICE_CODE",
        "BNF_CODE",
        "BNF_DESCRIPTION",
        "QUANTITY",
        "ITEMS",
    ]
    row = {"AREA_TEAM_CODE": "Q64", "PCO_CODE": "11M00", "BNF_CODE": "0301011R0BEAIAP", "BNF_DESCRIPTION": "Ventolin"}
    manifest = take_file(store, put(tmp_path, text(row, header=old))).manifest
    (found,) = store.scan().collect().to_dicts()
    assert (found["sub_icb_code"], found["icb_code"]) == ("11M", "Q64")
    assert found["total_quantity"] == 6  # no such column: quantity × items
    assert found["nic_gbp"] is None
    assert manifest.warnings == (
        "the file has no NIC column; its £ are unknown, not zero.",
        "the file has no TOTAL_QUANTITY column; it is QUANTITY × ITEMS.",
    )


@pytest.mark.parametrize("column", ["NIC", "TOTAL_QUANTITY", "ACTUAL_COST"])
def test_a_renamed_figure_is_an_error_and_no_silent_blank(store, tmp_path, column):
    header, rest = text({}).split("\n", 1)
    renamed = header.replace(column, f"{column}_GBP")
    assert renamed != header
    with pytest.raises(InputError, match=f"no column {column}, and {column}_GBP, which no layout has"):
        take_file(store, put(tmp_path, f"{renamed}\n{rest}"))
    assert store.months() == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"QUANTITY": "two"}, "quantity two is no number"),
        ({"NIC": "£9"}, "nic_gbp £9 is no number"),
        ({"ITEMS": "1.5"}, "items 1.5 is no number"),
        ({"ITEMS": ""}, "items is empty or unreadable"),
        ({"BNF_PRESENTATION_CODE": "0301"}, "bnf_code out of range"),
        ({"PRACTICE_CODE": ""}, "practice_code out of range"),
        ({"YEAR_MONTH": "soon"}, "month is empty or unreadable"),
        ({"QUANTITY": "-2"}, "quantity out of range"),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_with_its_reason(store, tmp_path, fault, reason):
    manifest = take_file(store, put(tmp_path, text({}, fault, {"NIC": "1.50"}))).manifest
    assert (manifest.rows_in, manifest.rows_used, manifest.rows_rejected) == (3, 2, 1)
    (reject,) = store.rejects(manifest).collect().to_dicts()
    assert (reject["line"], reject["reason"], reject["source_file"]) == (3, reason, "EPD_SNOMED_202601.csv")
    assert manifest.nic_gbp_in == manifest.nic_gbp_used + (manifest.nic_gbp_rejected or 0)  # None: £9 is no number
    assert manifest.nic_gbp_used == Decimal("10.50")


def test_a_row_of_too_few_fields_costs_no_other_row(store, tmp_path):
    raw = text({}, {"NIC": "1.50"}) + '"2026-01","QHG"\r\n' + text({"NIC": "2.00"}).split("\r\n")[1] + "\r\n"
    manifest = take_file(store, put(tmp_path, raw)).manifest
    assert (manifest.rows_in, manifest.rows_used) == (4, 3)
    assert manifest.nic_gbp_used == Decimal("12.50")


def test_a_chunk_that_ends_with_its_row_leaves_nothing_behind(store, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CHUNK_BYTES", 1)
    manifest = take_file(store, put(tmp_path, text({}, {"NIC": "1.50"}))).manifest
    assert (manifest.rows_used, manifest.nic_gbp_used) == (2, Decimal("10.50"))


def cut_inside_nic() -> str:
    """A download that broke off where £1234.56 reads £12: nothing in the row itself says so."""
    whole = text({}, {"NIC": "1234.56"}).replace('"', "").replace("A, SURGERY", "A SURGERY")
    return whole[: whole.index("1234.56") + 2]


def test_nic_with_parts_of_a_penny_is_rounded_half_up_and_said(store, tmp_path):
    manifest = take_file(store, put(tmp_path, text({"NIC": "0.125"}, {"NIC": "1.005"}, {"NIC": "2."}))).manifest
    assert store.scan().collect()["nic_gbp"].to_list() == [Decimal("0.13"), Decimal("1.01"), Decimal("2.00")]
    assert manifest.warnings == ("in 2 rows NIC had parts of a penny; it was rounded half up.",)


def test_a_rejected_row_without_a_readable_nic_is_said(store, tmp_path):
    manifest = take_file(store, put(tmp_path, text({}, {"NIC": "£9"}))).manifest
    assert manifest.warnings == ("in 1 rejected rows NIC is empty or unreadable; no sum of £ has it.",)
    assert manifest.nic_gbp_in == Decimal("9.00")


@pytest.mark.parametrize(
    ("row", "warnings"),
    [
        ({"QUANTITY": "0.333", "ITEMS": "3", "TOTAL_QUANTITY": "1"}, 0),  # 0.999: rounding
        ({"QUANTITY": "2", "ITEMS": "3", "TOTAL_QUANTITY": "7"}, 1),
        ({"ITEMS": "99999999999"}, 1),
    ],
)
def test_a_total_that_is_not_quantity_times_items_is_used_and_said(store, tmp_path, row, warnings):
    manifest = take_file(store, put(tmp_path, text({}, row))).manifest
    assert (manifest.rows_used, len(manifest.warnings)) == (2, warnings)


def test_a_product_too_large_to_hold_costs_its_row_only(store, tmp_path):
    header = [h for h in HEADER if h != "TOTAL_QUANTITY"]
    rows = text({}, {"QUANTITY": "999999999999999", "ITEMS": "999999999"}, header=header)
    manifest = take_file(store, put(tmp_path, rows)).manifest
    assert (manifest.rows_used, manifest.rows_rejected) == (1, 1)


@pytest.mark.parametrize(("name", "pack"), [("a.csv", bytes), ("a.csv.gz", gzip.compress), ("a.zip", zipped)])
def test_progress_counts_bytes_of_the_file_given(store, tmp_path, name, pack):
    file, seen = put(tmp_path, pack(text(*[{}] * 2000).encode()), name), []
    take_file(store, file, progress=seen.append)
    assert 0 < max(seen) <= file.stat().st_size


def broken_zip(folder: Path) -> Path:
    rows = [{"SNOMED_CODE": str(n * 7919)} for n in range(3000)]
    whole = zipped(text(*rows).encode())
    return put(folder, whole[: len(whole) // 2], "a.zip")


def flipped_zip(folder: Path) -> Path:
    whole = bytearray(zipped(text(*[{"SNOMED_CODE": str(n * 7919)} for n in range(3000)]).encode()))
    whole[len(whole) // 2] ^= 0xFF
    return put(folder, bytes(whole), "a.zip")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda d: put(d, "NAME,AGE\nx,1\n"), "no column YEAR_MONTH. Is it an EPD file?"),
        (
            lambda d: put(d, text({}, header=[h for h in HEADER if h != "BNF_PRESENTATION_CODE"])),
            "no column BNF_CODE or BNF_PRESENTATION_CODE. Is it an EPD file?",
        ),
        (lambda d: put(d, text({}, header=[h.replace("ITEMS", "ITEM") for h in HEADER])), "no column ITEMS."),
        (lambda d: put(d, ""), "is empty."),
        (lambda d: put(d, text()), "holds no usable row."),
        (lambda d: put(d, "<!DOCTYPE html><html></html>"), "is a web page (HTML)"),
        (broken_zip, "cannot be unpacked"),
        (flipped_zip, "a.zip: "),
        (lambda d: put(d, zipped(b"x", "a.txt"), "a.zip"), "holds 0 CSV files, not one."),
        (lambda d: put(d, zipped(text({}).encode(), times=2), "a.zip"), "holds 2 CSV files, not one."),
        (lambda d: put(d, gzip.compress(text({}).encode())[:-9], "a.csv.gz"), "cannot be unpacked"),
        (lambda d: put(d, b"PAR1 but no more", "a.parquet"), "cannot be read as Parquet."),
        (lambda d: put(d, text({}, {"YEAR_MONTH": "2025-12"})), "holds 2 months (2025-12, 2026-01)."),
        (lambda d: put(d, text({}, {"YEAR_MONTH": "2025-12", "QUANTITY": "x"})), "holds 2 months (2025-12, 2026-01)."),
        (lambda d: put(d, cut_inside_nic()), "ends in the middle of a row."),
        (
            lambda d: put(d, text({"QUANTITY": "x"})),
            "holds no usable row; 1 rows were rejected, the first because quantity x",
        ),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_sentence_and_loses_nothing(store, tmp_path, make, says):
    take_file(store, put(tmp_path, text({"YEAR_MONTH": "2025-11"}), "good.csv"))
    before = {p.name: p.read_bytes() for p in store.folder.iterdir()}
    bad = make(tmp_path)
    with pytest.raises(InputError) as caught:
        take_file(store, bad)
    assert says in str(caught.value)
    assert str(caught.value).startswith(bad.name)
    assert "\n" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in store.folder.iterdir()} == before


@pytest.mark.real
@pytest.mark.parametrize("name", ["epd_201709.csv.gz", "epd_201710.csv.gz"])
def test_real_months_of_2017_add_up_to_the_penny(store, real, name):
    manifest = take_file(store, real / "epd-2017" / name).manifest
    rows = list(csv.DictReader(io.StringIO(gzip.decompress((real / "epd-2017" / name).read_bytes()).decode())))
    assert manifest.rows_in == len(rows) == manifest.rows_used + manifest.rows_rejected
    assert manifest.nic_gbp_in == sum(Decimal(r["NIC"]) for r in rows)
    found = store.scan().collect()
    assert found["actual_cost_gbp"].sum() == sum(Decimal(r["ACTUAL_COST"]) for r in rows)
    assert found["total_quantity"].sum() == sum(Decimal(r["TOTAL_QUANTITY"]) for r in rows)
    assert sorted(found["sub_icb_code"].unique()) == ["03A", "11M"]


@pytest.mark.real
def test_the_real_rows_of_january_2026_are_read_to_the_digit(store, real):
    file = real / "epd-snomed-2026-01" / "epd_snomed_202601_rows.csv"
    assert take_file(store, file).manifest.layout == "EPD with SNOMED code"
    wanted = [
        (
            r["PRACTICE_CODE"], r["BNF_PRESENTATION_CODE"], r["BNF_PRESENTATION_NAME"], r["SNOMED_CODE"], Decimal(r["QUANTITY"]),
            int(r["ITEMS"]), Decimal(r["TOTAL_QUANTITY"]), Decimal(r["NIC"]), Decimal(r["ACTUAL_COST"]),
        )
        for r in csv.DictReader(io.StringIO(file.read_text("utf-8")))
    ]  # fmt: skip
    found = store.scan().select(
        "practice_code", "bnf_code", "presentation_name", "snomed_code", "quantity", "items", "total_quantity", "nic_gbp",
        "actual_cost_gbp",
    )  # fmt: skip
    assert found.collect().rows() == wanted
    assert len(wanted) == 46


@pytest.mark.real
def test_the_real_query_answer_reads_like_any_file(store, real):
    manifest = take_file(store, real / "nhsbsa-ckan-answer-2020-01" / "records.csv.gz").manifest
    assert (manifest.month, manifest.rows_used, manifest.practices) == ("2020-01", 1978, 72)
