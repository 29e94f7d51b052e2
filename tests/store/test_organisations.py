"""Organisation files in the store: one writer, whole or absent, damage told in one sentence."""

import errno
import os
from datetime import date
from pathlib import Path

import pytest

from prescarbon.errors import InputError
from prescarbon.source.organisations import import_organisations
from prescarbon.store.atomic import alone
from prescarbon.store.organisations import read_list_sizes, read_organisation_rejects, read_practice_traits

SIZES = "PUBLICATION,EXTRACT_DATE,TYPE,CCG_CODE,ONS_CCG_CODE,CODE,POSTCODE,SEX,AGE,NUMBER_OF_PATIENTS\n"


def sizes(folder: Path, name: str, **patients: str) -> Path:
    rows = [f"P,01JAN2021,GP,M1J4Y,E,{code},X,ALL,ALL,{n}\n" for code, n in patients.items()]
    file = folder / name
    file.write_text(SIZES + "".join(rows))
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    import_organisations([sizes(tmp_path, "b.csv", E81001="1000", E81002="many", E81003="few")], tmp_path / "home")
    return tmp_path / "home"


def test_a_second_writer_gets_one_sentence_and_writes_nothing(home, tmp_path):
    before = sorted((home / "organisations").iterdir())
    with alone(home), pytest.raises(InputError, match=r"^another prescarbon is writing to this store\. Wait until"):
        import_organisations([sizes(tmp_path, "c.csv", E81004="5")], home)
    assert sorted((home / "organisations").iterdir()) == before
    assert import_organisations([sizes(tmp_path, "c.csv", E81004="5")], home)[0].status == "imported"


def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(home, tmp_path, monkeypatch):
    before = sorted((home / "organisations").iterdir())

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        InputError, match=r"the folder organisations: cannot be written to .No space left on device.. Free"
    ):
        import_organisations([sizes(tmp_path, "c.csv", E81004="5")], home)
    assert sorted((home / "organisations").iterdir()) == before


def test_rejected_rows_of_every_file_are_kept_with_line_and_reason(home, tmp_path):
    import_organisations([sizes(tmp_path, "a.csv", E81001="1000", E81009="none")], home)
    wrong = "patients is empty or unreadable"
    at = date(2021, 1, 1)
    assert read_organisation_rejects(home).rows() == [
        ("a.csv", "list size", at, 3, wrong),
        ("b.csv", "list size", at, 3, wrong),
        ("b.csv", "list size", at, 4, wrong),
    ]
    assert read_organisation_rejects(tmp_path / "empty").is_empty()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"file_name": 5}', "[" * 100_000])
def test_a_damaged_manifest_is_one_sentence(home, content):
    (manifest,) = (home / "organisations").glob("*.json")
    manifest.write_text(content)
    with pytest.raises(
        InputError, match=r"^list_sizes-2021-01-\w+\.json: cannot be read as an organisation file's manifest"
    ):
        read_organisation_rejects(home)


@pytest.mark.parametrize("content", [b"PAR1", b"text", b""])
def test_a_damaged_parquet_is_one_sentence(home, content):
    (rows,) = (home / "organisations").glob("*.parquet")
    rows.write_bytes(content)
    with pytest.raises(
        InputError, match=r"^list_sizes-2021-01-\w+\.parquet: cannot be read as list_sizes\. Remove list_"
    ):
        read_list_sizes(home)


def test_where_two_files_give_one_key_the_fuller_counts_in_any_order(tmp_path):
    fuller = sizes(tmp_path, "a.csv", E81001="1000", E81002="2000")
    lesser = sizes(tmp_path, "b.csv", E81001="999")
    for n, files in enumerate(([fuller, lesser], [lesser, fuller])):
        for file in files:
            import_organisations([file], tmp_path / f"home{n}")
        held = read_list_sizes(tmp_path / f"home{n}").select("practice_code", "patients").collect()
        assert held.rows() == [("E81001", 1000), ("E81002", 2000)]


def test_what_was_never_imported_is_an_empty_table(tmp_path):
    assert read_list_sizes(tmp_path).collect().is_empty()
    assert read_practice_traits(tmp_path).collect().is_empty()
