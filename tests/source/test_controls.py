"""Control characters in names: cleaned on the way in, counted and said; the codes that held one are the codes they are."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescarbon.model.text import CONTROL, holds_control, without_controls
from prescarbon.source.files import take_file
from prescarbon.store.months import Store
from tests.source.test_files import put, text

# what stands in the file → what is held
HOSTILE = {
    "NUL": ("A\x00B", "AB"),
    "escape": ("A\x1b[2JB", "A[2JB"),
    "DEL": ("A\x7fB", "AB"),
    "C1": ("A\x9bB", "AB"),
    "byte order mark": ("\ufeffA B", "A B"),
    "line separator": ("A\u2028B", "A B"),
    "paragraph separator": ("A\u2029B", "A B"),
    "next line": ("A\x85B", "A B"),
    "tab": ("A\tB", "A B"),
    "carriage return": ("A\rB", "A B"),
    "right to left": ("A\u202eB\u202c", "AB"),
    "isolate": ("\u2066A\u2069B", "AB"),
    "no character": ("A\uffffB", "AB"),
}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(("raw", "held"), HOSTILE.values(), ids=HOSTILE)
def test_a_name_is_cleaned_counted_and_said(store, tmp_path, raw, held, kind):
    columns = ("PRACTICE_NAME", "BNF_PRESENTATION_NAME")
    file = put(tmp_path, text({}, dict.fromkeys(columns, raw), {}))
    if kind == "parquet":
        table = pl.read_csv(text({}, {}).encode(), infer_schema=False)
        hostile = [pl.Series(column, ["fine", raw]) for column in columns]
        table.with_columns(hostile).write_parquet(file := tmp_path / "a.parquet")
    manifest = take_file(store, file).manifest
    rows = store.scan().collect()
    assert rows["practice_name"][1] == rows["presentation_name"][1] == held
    assert (manifest.texts_cleaned, manifest.rows_rejected) == (1, 0)  # one text, in two columns
    assert "1 names or codes held control characters; they were cleaned." in manifest.warnings


def test_a_code_is_the_code_without_its_controls(store, tmp_path):
    manifest = take_file(store, put(tmp_path, text({"PRACTICE_CODE": "\ufeffK81001"}, {}))).manifest
    assert (manifest.practices, manifest.texts_cleaned) == (1, 1)


def test_a_number_with_a_control_is_no_number(store, tmp_path):
    manifest = take_file(store, put(tmp_path, text({}, {"NIC": "9\x00"}))).manifest
    assert (manifest.rows_rejected, manifest.texts_cleaned) == (1, 0)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_letters_are_left_alone(store, tmp_path, end):
    names = ["CAFÉ", "ŵ 5 µg", "50–50", "e\u0301", "\u200dx", "中"]
    manifest = take_file(
        store, put(tmp_path, text(*({"PRACTICE_NAME": n} for n in names)).replace("\r\n", end))
    ).manifest
    assert (manifest.texts_cleaned, store.scan().collect()["practice_name"].to_list()) == (0, names)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_no_control_is_left_and_no_other_letter_lost(raw):
    (clean,) = pl.select(without_controls(pl.lit(raw))).to_series()
    (holds,) = pl.select(holds_control(pl.lit(clean))).to_series()
    assert not holds
    controls = pl.Series([raw]).str.extract_all(CONTROL)[0].to_list()
    left = [c for c in raw if c not in controls and not c.isspace()]
    assert [c for c in clean if not c.isspace()] == left
