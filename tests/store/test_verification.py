"""A month is measured before it is read, and what was measured counts for that very file alone."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from prescarbon.errors import InputError
from prescarbon.source.files import take_file
from prescarbon.store import verification
from prescarbon.store.manifests import MonthManifest
from prescarbon.store.months import Store
from prescarbon.store.verification import MEASURED, SETTLED_NS, faults_of
from tests.source.test_files import put, text


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def held(store: Store, tmp_path: Path) -> MonthManifest:
    """£9.00 + £1.50 used; a row of £2.00 rejected."""
    rows = text({}, {"NIC": "1.50"}, {"QUANTITY": "x", "NIC": "2.00"})
    return take_file(store, put(tmp_path, rows)).manifest


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are measured from now on, in an hour when all of them are settled."""
    names: list[str] = []
    hash_of, time_ns = verification.hash_of, verification.time.time_ns
    monkeypatch.setattr(verification, "hash_of", lambda file: (names.append(file.name), hash_of(file))[1])
    monkeypatch.setattr(verification.time, "time_ns", lambda: time_ns() + 3_600 * 10**9)
    return names


def test_a_settled_file_is_measured_once(store, held, hashed):
    assert faults_of([held], store.home) == []
    assert hashed == [held.data, held.rejects]
    assert faults_of([held], store.home) == []
    assert store.scan().collect().height == 2
    assert hashed == [held.data, held.rejects]


def test_verify_measures_every_file_and_what_it_found_counts_from_then_on(store, held, hashed):
    store.scan()
    memory = store.home / MEASURED
    known = json.loads(memory.read_text())
    known[held.data]["hash"] = "0" * 64  # a byte rotted and no time changed: the memory and the disk disagree
    memory.write_text(json.dumps(known))
    with pytest.raises(InputError, match="is not what was written"):
        store.scan()
    hashed.clear()
    assert store.verify() == []
    assert hashed == [held.data, held.rejects]
    assert store.scan().collect().height == 2
    assert hashed == [held.data, held.rejects]


def rewritten(file: Path) -> None:
    """The same bytes in another file of that name, with the same time."""
    about, copy = file.stat(), file.with_suffix(".copy")
    shutil.copy(file, copy)
    os.utime(copy, ns=(about.st_atime_ns, about.st_mtime_ns))
    copy.replace(file)


def altered(file: Path) -> None:
    """A bit turned in place, and the time of the content put back: only the entry's own time tells."""
    about, content = file.stat(), bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.mark.skipif(os.name == "nt", reason="no time of the entry there")
@pytest.mark.parametrize(("change", "is_sound"), [(rewritten, True), (altered, False)])
def test_another_file_of_that_name_is_measured_again(store, held, hashed, change: Callable[[Path], None], is_sound):
    store.scan()
    hashed.clear()
    change(store.folder / held.data)
    assert (faults_of([held], store.home) == []) == is_sound
    assert hashed == [held.data]


def test_a_file_just_written_is_not_remembered(store, held, monkeypatch):
    newest = max((store.folder / name).stat().st_ctime_ns for name in (held.data, held.rejects))
    monkeypatch.setattr(verification.time, "time_ns", lambda: newest + SETTLED_NS)
    assert faults_of([held], store.home) == []
    assert held.data not in (
        json.loads((store.home / MEASURED).read_text()) if (store.home / MEASURED).exists() else {}
    )


@pytest.mark.parametrize("memory", ["", "[]", "{", '{"a": 1}', '{"a": {"size": 1}}', "[" * 100_000])
@pytest.mark.usefixtures("hashed")
def test_a_memory_that_is_none_is_no_memory(store, held, memory):
    (store.home / MEASURED).write_text(memory)
    assert faults_of([held], store.home) == []
    assert sorted(json.loads((store.home / MEASURED).read_text())) == sorted([held.data, held.rejects])


@pytest.mark.usefixtures("hashed", "held")
def test_what_is_held_no_more_is_forgotten(store, tmp_path):
    store.scan()
    again = put(tmp_path, text({"NIC": "99.00"}), "again.csv")
    new = take_file(store, again, replace=True).manifest
    store.scan()
    assert sorted(json.loads((store.home / MEASURED).read_text())) == sorted([new.data, new.rejects])


@pytest.mark.usefixtures("hashed")
def test_a_store_that_may_only_be_read_is_measured_each_time(store, held, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(verification, "publishing", refuse)
    assert faults_of([held], store.home) == []
    assert not (store.home / MEASURED).exists()


def test_a_parquet_that_may_not_be_opened_is_one_sentence(store, held, monkeypatch):
    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(verification, "hash_of", refuse)
    with pytest.raises(InputError, match=rf"^2026-01: {held.data} cannot be read \(Permission denied\)\. Remove"):
        store.scan()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"rows_in": 4}, "the manifest says 4 rows in, 2 used and 1 rejected."),
        ({"nic_gbp_in": Decimal("12.51")}, "the manifest says £12.51 in, £10.50 used and £2.00 rejected."),
        ({"nic_gbp_in": None}, "the manifest says no £ in, £10.50 used and £2.00 rejected."),
        ({"nic_gbp_rejected": Decimal("2.01")}, "-rejects.parquet; the manifest says £2.01."),
        ({"nic_gbp_used": None}, ".parquet; the manifest says no £."),
        ({"rows_used": 3, "rows_in": 4}, ".parquet; the manifest says 3."),
    ],
)  # fmt: skip
def test_a_manifest_with_other_rows_or_pounds_is_one_sentence(store, held, said, sentence):
    (fault,) = faults_of([replace(held, **said)], store.home)
    assert fault.startswith("2026-01: ")
    assert fault.endswith(f"{sentence} Remove 2026-01.json and import or fetch the month again.")


def test_a_scan_of_several_bad_months_names_the_first_and_counts_the_others(store, held, tmp_path):
    for month in ("2025-11", "2025-12"):
        (
            store.folder / take_file(store, put(tmp_path, text({"YEAR_MONTH": month}), f"{month}.csv")).manifest.data
        ).unlink()
    with pytest.raises(InputError, match=r"^2025-11: .* is missing\. .* 1 more: `prescarbon verify` names them\.$"):
        store.scan()
    assert store.scan([held.first_day]).collect().height == 2  # a month that is not asked for stops nothing
