"""Manifests that are old, damaged or no longer true of the files they name."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prescarbon.errors import InputError
from prescarbon.source.files import take_file
from prescarbon.store.manifests import read_manifest
from prescarbon.store.months import EVERY_OTHER, MonthManifest, Store, practices_missing
from tests.source.test_files import put, text

NEW_FIELDS = (
    *("practices_asked", "is_synthetic", "data_hash", "rejects_hash"),
    *("rows_used_without_nic", "rows_rejected_without_nic", "texts_cleaned"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def held(store: Store, tmp_path: Path) -> MonthManifest:
    """Three rows, one of them rejected: K81001 and K81002 are used, £9.00 each."""
    rows = text({}, {"PRACTICE_CODE": "K81002"}, {"QUANTITY": "x", "NIC": "1.50"})
    return take_file(store, put(tmp_path, rows), practices_asked=("K81001", "K81002", "K81003")).manifest


def change(store: Store, **fields: Any) -> Path:
    file = store.folder / "2026-01.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))
    return file


def make_old(store: Store, **fields: Any) -> MonthManifest:
    file = change(store, **fields)
    file.write_text(json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k not in NEW_FIELDS}))
    return read_manifest(file)


def test_a_manifest_is_read_as_it_was_written(store, held):
    assert store.months() == [held]
    assert held.practices_asked == ("K81001", "K81002", "K81003")


def test_a_query_of_an_older_version_asked_for_the_practices_it_brought(store, held):
    old = make_old(store, source="portal query")
    assert (old.practices_asked, old.is_synthetic, old.data_hash) == (("K81001", "K81002"), False, None)
    assert make_old(store, source="portal file").practices_asked is None
    assert make_old(store, source="file", file_name="EPD_synthetic.csv").is_synthetic
    (store.folder / held.data).unlink()
    assert make_old(store, source="portal query").practices_asked == ()  # nothing is known to be held


def test_what_a_month_lacks_of_a_scope(held):
    assert practices_missing(held, ["K81001", "K81003"]) == frozenset()
    assert practices_missing(held, ["K81001", "Z00001", "Z00002"]) == {"Z00001", "Z00002"}
    assert practices_missing(held, None) == EVERY_OTHER
    whole = MonthManifest(**asdict(held) | {"practices_asked": None})
    assert practices_missing(whole, ["Z00001"]) == frozenset()
    assert practices_missing(whole, None) == frozenset()


@pytest.mark.parametrize(
    "content",
    ["{", "", "[]", "3", "null", "[" * 100_000, '{"month": "2026-01"}', "\udcff"],
    ids=["cut", "empty", "a list", "a number", "null", "deep", "too little", "no UTF-8"],
)
@pytest.mark.usefixtures("held")
def test_a_manifest_that_is_none_is_one_sentence(store, content):
    (store.folder / "2026-01.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        store.months()
    said = str(caught.value)
    assert said.startswith("2026-01.json: cannot be read as a month's manifest (")
    assert said.endswith("). Remove it and import the month again.")
    assert "\n" not in said
    assert store.verify() == [said]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rows_in", "many"), ("rows_in", None), ("rows_in", True), ("rows_used", 1.5), ("nic_gbp_in", "9"),
        ("nic_gbp_in", float("nan")), ("nic_gbp_in", 10**40), ("nic_gbp_used", True), ("warnings", "text"), ("warnings", [1]),
        ("replaces", ["text"]), ("practices_asked", "K81001"), ("practices_asked", [1]), ("is_synthetic", "no"),
        ("data_hash", 5), ("address", 5), ("month", "2026-02"), ("month", "2026-1x"), ("data", "../x.parquet"),
        ("rejects", "/x.parquet"), ("data", ""), ("a_field_to_come", 1),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("held")
def test_a_field_of_another_type_is_one_sentence(store, field, value):
    change(store, **{field: value})
    with pytest.raises(
        InputError, match=r"^2026-01\.json: cannot be read as a month's manifest .*Remove it and import"
    ):
        store.months()


# what the files hold


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0x10
    file.write_bytes(content)


SPOILT: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing", lambda f: f.unlink(), "is missing."),
    ("cut", lambda f: f.write_bytes(f.read_bytes()[:-20]), "cannot be read: it was cut or changed."),
    ("flipped", flip, "is not what was written: it was changed."),
    ("halved", lambda f: pl.read_parquet(f).head(0).write_parquet(f), "0 rows held in"),
    ("no parquet", lambda f: f.write_text("text"), "cannot be read: it was cut or changed."),
]


@pytest.mark.parametrize("which", ["data", "rejects"])
@pytest.mark.parametrize(("spoil", "says"), [s[1:] for s in SPOILT], ids=[s[0] for s in SPOILT])
def test_verify_says_what_is_wrong_with_a_month_in_one_sentence(store, held, which, spoil, says):
    assert store.verify() == []
    spoil(store.folder / getattr(held, which))
    (sentence,) = store.verify()
    assert sentence.startswith("2026-01: ")
    assert getattr(held, which) in sentence
    assert says in sentence
    assert sentence.endswith("Remove 2026-01.json and import or fetch the month again.")
    assert "\n" not in sentence


def test_verify_knows_the_pounds_of_a_month_without_a_hash(store, held):
    make_old(store)
    assert store.verify() == []
    file = store.folder / held.data
    pl.read_parquet(file).with_columns(nic_gbp=pl.lit("8.99").cast(pl.Decimal(18, 2))).write_parquet(file)
    (sentence,) = store.verify()
    assert sentence.startswith(f"2026-01: £17.98 held in {held.data}; the manifest says £18.00.")


@pytest.mark.parametrize(("spoil", "says"), [s[1:] for s in SPOILT])
def test_a_scan_of_damaged_rows_is_one_sentence_not_a_smaller_sum(store, held, spoil, says):
    spoil(store.folder / held.data)
    with pytest.raises(InputError, match=f"^2026-01: .*{says}"):
        store.scan()
    with pytest.raises(InputError, match=f"^2026-01: .*{says}"):
        store.rejects(held)


def test_a_month_that_is_held_damaged_is_not_called_unchanged(store, held, tmp_path):
    flip(store.folder / held.data)
    file = tmp_path / "EPD_SNOMED_202601.csv"
    with pytest.raises(InputError, match=r"is not what was written.*Remove 2026-01\.json and import"):
        take_file(store, file)
    (store.folder / "2026-01.json").unlink()
    assert take_file(store, file).status == "published"
    assert store.verify() == []
