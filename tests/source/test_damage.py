"""Files that were cut, flipped or never were what they say: one sentence each, and no £ that was altered."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prescarbon.errors import InputError
from prescarbon.source import files
from prescarbon.source.files import take_file
from prescarbon.source.organisation_files import kind_of
from prescarbon.store.months import Store
from tests.source.test_files import put, text, zipped

ROWS = text(*({"ITEMS": str(n), "TOTAL_QUANTITY": str(2 * n), "NIC": f"{n}.17"} for n in range(1, 30))).encode()
NIC = Decimal("439.93")  # 1 + … + 29 = 435, and 29 × £0.17


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def refused(store: Store, file: Path) -> str:
    assert kind_of(file) is None  # asked first by `import`, and no traceback either
    with pytest.raises(InputError) as caught:
        take_file(store, file)
    assert store.months() == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def stored_zip(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("EPD.csv", content)
    return out.getvalue()


def test_an_altered_pound_in_a_zip_is_never_published(store, tmp_path):
    whole = stored_zip(ROWS)
    assert whole.count(b'"29.17"') == 1
    altered = put(tmp_path, whole.replace(b'"29.17"', b'"92.17"'), "a.zip")
    assert "a.zip: does not unpack to what it promises. Download it again" in refused(store, altered)


def test_a_zip_that_ends_inside_its_csv_is_refused(store, tmp_path):
    whole = bytearray(stored_zip(ROWS))
    end = whole.rindex(b"PK\x05\x06")
    at = whole.rindex(b"PK\x01\x02")
    whole[at + 20 : at + 28] = struct.pack("<2L", len(whole), len(whole))  # says that it holds more than there is
    assert end > at
    assert "does not unpack to what it promises" in refused(store, put(tmp_path, bytes(whole), "a.zip"))


@pytest.mark.parametrize(
    ("offset", "says"), [(7, "does not hold its CSV where it says"), (1 << 20, "cannot be unpacked")]
)
def test_a_zip_with_a_bad_offset_is_refused(store, tmp_path, offset, says):
    whole = bytearray(zipped(ROWS))
    at = whole.rindex(b"PK\x01\x02")
    whole[at + 42 : at + 46] = struct.pack("<L", offset)
    assert says in refused(store, put(tmp_path, bytes(whole), "a.zip"))


def test_a_zip_packed_in_another_way_is_refused(store, tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("EPD.csv", ROWS)
    assert "is packed in a way that cannot be read. Unpack it" in refused(store, put(tmp_path, out.getvalue(), "a.zip"))


@pytest.mark.parametrize(
    "spoil",
    [lambda b: b[:-9], lambda b: b[:-6] + b"\x00" * 6, lambda b: b[:40] + bytes([b[40] ^ 0xFF]) + b[41:], lambda b: b[:6]],
    ids=["cut", "wrong CRC", "flipped", "header alone"],
)  # fmt: skip
def test_a_damaged_gz_is_no_full_disk(store, tmp_path, spoil):
    said = refused(store, put(tmp_path, spoil(gzip.compress(ROWS)), "a.csv.gz"))
    assert said.startswith("a.csv.gz: cannot be unpacked (")
    assert said.endswith("Download it again: the file is damaged or was cut short.")


def test_lines_that_end_with_a_carriage_return_alone_are_told(store, tmp_path):
    said = refused(store, put(tmp_path, ROWS.replace(b"\r\n", b"\r")))
    assert "ends its lines with a carriage return alone. Save it as CSV with line ends as published" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"YEAR\x00MONTH,A\n", "is not text"), (b"a" * 100_001 + b"\n", "is not text"), (b"\n", "no column YEAR_MONTH")],
)
def test_what_is_no_header_is_told(store, tmp_path, content, says):
    assert says in refused(store, put(tmp_path, content))


def test_a_field_longer_than_any_is_told(store, tmp_path):
    content = ROWS.split(b"\n")[0] + b'\n"2026-01","' + b"x" * 200_000 + b'"\r\n'
    assert "1 rows were rejected, the first because 2 fields, a row has 15" in refused(store, put(tmp_path, content))


def test_rows_that_all_lack_fields_are_rejected_each_for_itself(store, tmp_path):
    content = ROWS.split(b"\n")[0] + b'\n"2026-01","QHG"\r\n"2026-01"\r\n'
    assert "2 rows were rejected, the first because 2 fields, a row has 15" in refused(store, put(tmp_path, content))


@pytest.mark.parametrize(
    ("column", "dtype"), [("NIC", "Binary"), ("ITEMS", "List(Int64)"), ("PRACTICE_CODE", "Struct")]
)
def test_parquet_with_cells_that_are_no_text_or_number_is_told(store, tmp_path, column, dtype):
    table = pl.read_csv(ROWS, infer_schema=False)
    made = {
        "NIC": pl.col("NIC").cast(pl.Binary),
        "ITEMS": pl.concat_list(pl.col("ITEMS").cast(pl.Int64)),
        "PRACTICE_CODE": pl.struct("PRACTICE_CODE"),
    }[column]
    table.with_columns(made.alias(column)).write_parquet(tmp_path / "a.parquet")
    said = refused(store, tmp_path / "a.parquet")
    assert said.startswith(f"a.parquet: column {column} holds {dtype}")
    assert said.endswith("not text or numbers. Is it an EPD file?")


def test_parquet_whose_rows_are_damaged_is_told(store, tmp_path):
    pl.read_csv(ROWS, infer_schema=False).write_parquet(tmp_path / "a.parquet")
    whole = bytearray((tmp_path / "a.parquet").read_bytes())
    whole[4:400] = bytes(396)  # the first pages; the footer stands
    assert "cannot be read as Parquet. Download it again" in refused(store, put(tmp_path, bytes(whole), "a.parquet"))


def test_parquet_is_read_in_pieces_with_its_progress(store, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PARQUET_ROWS", 10)
    pl.read_csv(ROWS, infer_schema=False).write_parquet(tmp_path / "a.parquet")
    seen: list[int] = []
    assert take_file(store, tmp_path / "a.parquet", progress=seen.append).manifest.nic_gbp_used == NIC
    size = (tmp_path / "a.parquet").stat().st_size
    assert seen == [size * 10 // 29, size * 20 // 29, size]


def test_a_file_that_cannot_be_opened_is_told(store, tmp_path):
    assert "cannot be read (Is a directory)" in refused(store, tmp_path)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "deflated.zip": zipped,
    "stored.zip": stored_zip,
    "a.csv.gz": lambda b: gzip.compress(b, mtime=0),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(PACKINGS)), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_bit_flipped_in_a_packed_file_is_refused_or_harmless(tmp_path_factory, name, where, bit):
    folder = tmp_path_factory.mktemp("flip")
    content = bytearray(PACKINGS[name](ROWS))
    content[int(where * len(content))] ^= 1 << bit
    file = put(folder, bytes(content), name)
    assert kind_of(file) is None
    store = Store(folder / "home")
    with suppress(InputError):  # anything else is a traceback, and fails
        take_file(store, file)
    if store.months():
        assert store.scan([date(2026, 1, 1)]).select(pl.col("nic_gbp").sum()).collect().item() == NIC
