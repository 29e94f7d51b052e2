"""Every line of a file is a row used or a row rejected with its line and reason, or the file is refused: none vanishes."""

import gzip
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prescarbon.errors import InputError
from prescarbon.source import files, unpacking
from prescarbon.source.files import take_file
from prescarbon.store.manifests import MonthManifest
from prescarbon.store.months import Store
from tests.source.test_files import GOOD, HEADER, put, text, zipped


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def plain(*rows: dict[str, str]) -> list[str]:
    """Lines without a quote, the header first."""
    made = [GOOD | {"PRACTICE_NAME": "A SURGERY"} | row for row in rows]
    return [",".join(HEADER), *(",".join(row[name] for name in HEADER) for row in made)]


def six_hundred() -> list[str]:
    """600 rows of £1.00 each, rows 1 to 600 at lines 2 to 601."""
    return plain(*({"ITEMS": str(n), "TOTAL_QUANTITY": str(2 * n), "NIC": "1.00"} for n in range(1, 601)))


def taken(store: Store, folder: Path, lines: list[str], end: str = "\n") -> MonthManifest:
    manifest = take_file(store, put(folder, end.join(lines) + end)).manifest
    assert manifest.rows_in == manifest.rows_used + manifest.rows_rejected
    return manifest


def rejected(store: Store, manifest: MonthManifest) -> list[tuple[int, str]]:
    return store.rejects(manifest).select("line", "reason").collect().rows()


OPEN = "a quote opens or closes that has no partner on its line"


def test_a_quote_that_opens_in_row_100_and_closes_in_row_500_costs_these_two_rows(store, tmp_path):
    lines = six_hundred()
    lines[100] = lines[100].replace("A SURGERY", '"A SURGERY')
    lines[500] = lines[500].replace("A SURGERY", 'A SURGERY"')
    manifest = taken(store, tmp_path, lines)
    assert (manifest.rows_in, manifest.rows_used, manifest.rows_rejected) == (600, 598, 2)
    assert rejected(store, manifest) == [(101, OPEN), (501, OPEN)]
    assert manifest.nic_gbp_used == Decimal("598.00")  # 598 × £1.00
    assert (manifest.nic_gbp_rejected, manifest.rows_rejected_without_nic) == (None, 2)  # unknown, not £0.00
    texts = store.rejects(manifest).collect()["row_text"].to_list()
    assert texts == [lines[100], lines[500]]


def test_one_stray_quote_costs_its_row(store, tmp_path):
    lines = six_hundred()
    lines[301] = lines[301].replace("Ventolin", '"Ventolin')
    manifest = taken(store, tmp_path, lines)
    assert (manifest.rows_in, manifest.rows_used) == (600, 599)
    assert rejected(store, manifest) == [(302, OPEN)]


def test_thousands_without_quotes_are_a_field_too_many_and_not_one_pound(store, tmp_path):
    lines = plain({}, {"NIC": "1,650.00"}, {"NIC": "2.50"})
    manifest = taken(store, tmp_path, lines)
    assert rejected(store, manifest) == [(3, "16 fields, a row has 15")]
    assert store.scan().collect()["nic_gbp"].to_list() == [Decimal("9.00"), Decimal("2.50")]


def test_a_row_cut_by_three_fields_is_not_used_with_its_nic_blank(store, tmp_path):
    lines = plain({}, {}, {"NIC": "2.50"})
    lines[2] = ",".join(lines[2].split(",")[:12])  # NIC is the twelfth field: it is there, three after it are not
    manifest = taken(store, tmp_path, lines)
    assert rejected(store, manifest) == [(3, "12 fields, a row has 15")]
    assert (manifest.rows_used, manifest.nic_gbp_used) == (2, Decimal("11.50"))  # 9.00 + 2.50


def test_empty_fields_at_the_end_of_a_row_are_fields(store, tmp_path):
    manifest = taken(store, tmp_path, plain({"UNIDENTIFIED": "", "SNOMED_CODE": ""}))
    assert (manifest.rows_used, store.scan().collect()["snomed_code"].to_list()) == (1, [None])


@pytest.mark.parametrize("twice", ["NIC", "nic", " NIC ", '"NIC"'])
def test_a_column_that_stands_twice_in_the_header_is_refused(store, tmp_path, twice):
    lines = [line + (f",{twice}" if at == 0 else ",1.00") for at, line in enumerate(plain({}, {}))]
    with pytest.raises(InputError, match=r"EPD_SNOMED_202601\.csv: column NIC stands twice in the header\. "):
        taken(store, tmp_path, lines)
    assert store.months() == []


def test_a_column_that_stands_twice_in_a_parquet_is_refused(store, tmp_path):
    table = pl.read_csv(text({}).encode(), infer_schema=False).with_columns(nic=pl.lit("1"))
    table.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column NIC stands twice in the header"):
        take_file(store, tmp_path / "a.parquet")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_are_no_rows_and_move_no_line_number(store, tmp_path, end):
    good, cut = plain({})[1], "2026-01,QHG"
    manifest = taken(store, tmp_path, [*plain({}), "", good, "  ", cut, good, "", "", ""], end)
    assert (manifest.rows_in, manifest.rows_used) == (4, 3)
    assert rejected(store, manifest) == [(6, "2 fields, a row has 15")]


def test_a_file_that_ends_without_a_line_end_keeps_its_last_row(store, tmp_path):
    assert take_file(store, put(tmp_path, "\n".join(plain({}, {})))).manifest.rows_used == 2


def test_a_unit_separator_in_a_row_is_no_end_of_it(store, tmp_path):
    lines = plain({}, {})
    lines[2] += ",\x1f"  # the mark that the reader itself puts at the end of a row
    assert rejected(store, taken(store, tmp_path, lines)) == [(3, "16 fields, a row has 15")]


def test_a_field_that_no_reader_takes_is_rejected_with_its_line(store, tmp_path):
    lines = plain({}, {"SNOMED_CODE": '"1"x'}, {})
    manifest = taken(store, tmp_path, lines)
    assert (manifest.rows_used, rejected(store, manifest)) == (2, [(3, "its quotes cannot be read")])


@pytest.mark.usefixtures("small_pieces")
def test_a_piece_of_the_file_without_one_good_row_costs_no_other(store, tmp_path):
    lines = plain({}, {}, {"PRACTICE_NAME": 999 * "Y"})
    lines[2] = lines[2].replace("A SURGERY", '"A SURGERY' + 999 * "Y")
    assert rejected(store, taken(store, tmp_path, lines)) == [(3, OPEN)]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long line is read by itself."""
    monkeypatch.setattr(files, "CHUNK_BYTES", 1)
    monkeypatch.setattr(unpacking, "READ_AT_ONCE", 64)


def test_a_row_broken_by_a_line_end_is_two_lines_rejected_wherever_chunks_are_cut(store, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CHUNK_BYTES", 700)
    monkeypatch.setattr(unpacking, "READ_AT_ONCE", 64)
    rows = [{"ADDRESS_1": "1 ROAD\r\nTOWN" if n == 20 else "1 ROAD", "ITEMS": str(n)} for n in range(1, 41)]
    manifest = take_file(store, put(tmp_path, text(*rows))).manifest
    assert (manifest.rows_in, manifest.rows_used) == (41, 39)
    assert rejected(store, manifest) == [(21, OPEN), (22, OPEN)]
    assert store.scan().collect()["items"].to_list() == [n for n in range(1, 41) if n != 20]


FAULTS = {
    "good": lambda line: line,
    "stray quote": lambda line: line.replace("A S", 'A" S'),
    "too many": lambda line: line + ",more",
    "too few": lambda line: line.rpartition(",")[0],
    "unreadable": lambda line: line.replace(",2.,", ",two,"),
    "no nic": lambda line: line.replace(",9.,", ",,"),
    "blank": lambda _: "",
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    kinds=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=60),
    chunk=st.integers(100, 4_000),
    end=st.sampled_from(["\n", "\r\n"]),
    packed=st.sampled_from(["a.csv", "a.csv.gz", "a.zip"]),
    name=st.sampled_from(["A SURGERY", "A SURGERÝ"]),
)
def test_lines_are_rows_used_or_rejected_in_their_place(tmp_path_factory, kinds, chunk, end, packed, name):
    folder = tmp_path_factory.mktemp("rows")
    kinds = ["good", *kinds]
    head, *good = plain(*({"NIC": "9.", "PRACTICE_NAME": name} for _ in kinds))
    lines = [head, *(FAULTS[kind](line) for kind, line in zip(kinds, good, strict=True))]
    raw = (end.join(lines) + end).encode("latin-1")
    pack = {"a.csv": bytes, "a.csv.gz": gzip.compress, "a.zip": zipped}[packed]
    store = Store(folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK_BYTES", chunk)
        patch.setattr(unpacking, "READ_AT_ONCE", max(256, chunk // 4))  # the header comes in one
        manifest = take_file(store, put(folder, pack(raw), packed)).manifest
    used = [k for k in kinds if k in ("good", "no nic")]
    lost = [n for n, k in enumerate(kinds, start=2) if k not in ("good", "no nic", "blank")]
    assert (manifest.rows_in, manifest.rows_used) == (len(used) + len(lost), len(used))
    assert [line for line, _ in rejected(store, manifest)] == lost
    assert manifest.nic_gbp_used == 9 * used.count("good")
    assert manifest.rows_used_without_nic == used.count("no nic")
    assert manifest.rows_rejected_without_nic == len([k for k in kinds if k in ("stray quote", "too many", "too few")])
