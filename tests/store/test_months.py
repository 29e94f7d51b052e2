"""The store: what stands after a kill, a second import, a restatement, a full disk."""

import errno
import gzip
import os
import signal
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon.errors import InputError
from prescarbon.source.files import take_file
from prescarbon.store import months
from prescarbon.store.months import Store
from tests.source.test_files import put, text, zipped


def tree(store: Store) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(store.folder.iterdir())}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def test_an_empty_home_holds_no_month_and_an_empty_table(store):
    assert store.months() == []
    assert store.scan().collect().is_empty()
    assert not store.folder.exists()


def test_the_same_files_in_another_order_give_the_same_bytes(tmp_path):
    a, b = put(tmp_path, text({}), "a.csv"), put(tmp_path, text({"YEAR_MONTH": "2025-12"}), "b.csv")
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    for file in (a, b):
        take_file(one, file)
    for file in (b, a):
        take_file(two, file)
    assert tree(one) == tree(two)


def test_the_same_file_again_changes_nothing(store, tmp_path):
    file = put(tmp_path, text({}))
    assert take_file(store, file).status == "published"
    before = tree(store)
    assert take_file(store, file).status == "unchanged"
    assert tree(store) == before


def test_another_file_for_a_month_is_refused_until_it_is_meant(store, tmp_path):
    take_file(store, put(tmp_path, text({}), "first.csv"))
    again = put(tmp_path, text({"NIC": "99.00"}), "second.csv")
    with pytest.raises(InputError, match=r"second\.csv: 2026-01 is already held, from first\.csv .* Use --replace"):
        take_file(store, again)
    assert [str(m.nic_gbp_used) for m in store.months()] == ["9.00"]
    restated = take_file(store, again, replace=True)
    assert restated.status == "restated"
    (held,) = store.months()
    assert (str(held.nic_gbp_used), held.replaces[0]["file_name"], held.replaces[0]["nic_gbp_used"]) == (
        "99.00",
        "first.csv",
        9,
    )
    assert len(list(store.folder.glob("*.parquet"))) == 2  # the month and its rejects; the old ones are swept


def test_a_month_other_than_the_one_fetched_is_refused(store, tmp_path):
    with pytest.raises(InputError, match="holds 2026-01, not 2025-12"):
        take_file(store, put(tmp_path, text({})), expect_month=date(2025, 12, 1))
    assert store.months() == []


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from prescarbon.source.files import take_file
    from prescarbon.store import months
    point = sys.argv[3]
    def die(*a, **k): os.kill(os.getpid(), signal.SIGKILL)
    if point == "while rows flow": months.sort_out = die
    if point == "before the rejects": months.rejects_of = die
    if point == "before the manifest": months.to_json = die
    if point == "before the sweep": months.Store._sweep = die
    take_file(months.Store(Path(sys.argv[1])), Path(sys.argv[2]), replace=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("point", ["while rows flow", "before the rejects", "before the manifest", "before the sweep"])
def test_a_kill_leaves_the_last_good_state_and_the_next_run_goes_on(store, tmp_path, point):
    take_file(store, put(tmp_path, text({}), "old.csv"))
    new = put(tmp_path, text({"NIC": "99.00"}), "new.csv")
    code = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "home"), str(new), point]
    assert (
        subprocess.run(code, check=False, env=os.environ | {"PYTHONPATH": str(Path.cwd())}).returncode
        == -signal.SIGKILL
    )
    assert store.verify() == []
    (held,) = store.months()
    assert str(held.nic_gbp_used) == ("99.00" if point == "before the sweep" else "9.00")
    take_file(store, put(tmp_path, text({"YEAR_MONTH": "2025-12"}), "next.csv"))
    take_file(store, new, replace=True)
    assert [str(m.nic_gbp_used) for m in store.months()] == ["9.00", "99.00"]
    assert len(list(store.folder.glob("*.parquet"))) == 4
    assert not list(store.folder.glob(".*part"))


def test_a_full_disk_is_one_sentence_and_leaves_the_last_good_state(store, tmp_path, monkeypatch):
    take_file(store, put(tmp_path, text({}), "old.csv"))
    before = tree(store)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot be written to .No space left on device.. Free some space"):
        take_file(store, put(tmp_path, text({"YEAR_MONTH": "2025-12"}), "b.csv"))
    monkeypatch.undo()
    assert {k: v for k, v in tree(store).items() if k in before} == before
    assert [m.month for m in store.months()] == ["2026-01"]


def test_every_file_is_on_the_disk_before_it_takes_its_name(store, tmp_path, monkeypatch):
    synced: list[int] = []
    fsync, named = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (synced.append(os.fstat(number).st_ino), fsync(number)))

    def replace(draft: Path, final: Path) -> Path:
        assert draft.stat().st_ino in synced, f"{final.name} was named before it was safe"
        return named(draft, final)

    monkeypatch.setattr(Path, "replace", replace)
    take_file(store, put(tmp_path, text({})))
    assert len(synced) == 3  # rejects, rows, manifest


def test_a_home_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "home").write_text("x")
    with pytest.raises(InputError, match="choose another folder with --home"):
        take_file(Store(tmp_path / "home"), put(tmp_path, text({})))


def test_a_damaged_manifest_is_one_sentence(store, tmp_path):
    take_file(store, put(tmp_path, text({})))
    (store.folder / "2026-01.json").write_text("{")
    with pytest.raises(InputError, match=r"2026-01\.json: cannot be read"):
        store.months()


def test_verify_names_a_month_whose_rows_are_gone(store, tmp_path):
    manifest = take_file(store, put(tmp_path, text({}, {}))).manifest
    store.scan().head(1).collect().write_parquet(store.folder / manifest.data)
    (sentence,) = store.verify()
    assert sentence.startswith("2026-01: 1 rows")


def test_two_publishes_at_once_give_the_second_its_one_sentence(store, tmp_path):
    first, second = put(tmp_path, text({}), "a.csv"), put(tmp_path, text({"YEAR_MONTH": "2025-12"}), "b.csv")
    said: list[str] = []

    def meanwhile(_: int) -> None:
        if (store.home / "months").exists():  # the first is under way: its rows are being read
            with pytest.raises(InputError) as caught:
                take_file(Store(store.home), second)
            said.append(str(caught.value))

    assert take_file(store, first, progress=meanwhile).status == "published"
    assert said == ["another prescarbon is writing to this store. Wait until it ends."]
    assert [m.month for m in store.months()] == ["2026-01"]
    assert take_file(store, second).status == "published"  # and the lock is let go


SYNTHETIC_ROWS = text({"PRACTICE_NAME": "SYNTHETIC PRACTICE 01"}, {"PRACTICE_NAME": "A SURGERY"})


@pytest.mark.parametrize("name", ["EPD_SNOMED_202601.csv", "a.csv.gz", "a.zip", "a.parquet"])
def test_the_sample_is_known_by_its_own_mark_whatever_its_file_is_called(store, tmp_path, name):
    if name.endswith(".parquet"):
        pl.read_csv(SYNTHETIC_ROWS.encode(), infer_schema=False).write_parquet(tmp_path / name)
    pack = {"a.csv.gz": gzip.compress, "a.zip": zipped}.get(name, bytes)
    file = tmp_path / name if name.endswith(".parquet") else put(tmp_path, pack(SYNTHETIC_ROWS.encode()), name)
    assert take_file(store, file).manifest.is_synthetic
    assert store.months()[0].is_synthetic


def test_rows_without_the_mark_are_real_whatever_their_file_is_called(store, tmp_path):
    rows = text({"PRACTICE_NAME": "THE SYNTHETIC SURGERY"}, {"PRACTICE_NAME": ""})
    assert not take_file(store, put(tmp_path, rows, "EPD_SYNTHETIC.csv")).manifest.is_synthetic


def test_a_full_disk_while_rows_are_written_is_one_sentence(store, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("No space left on device (os error 28)")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    with pytest.raises(InputError, match=r"cannot be written to .No space left on device.. Free some space"):
        take_file(store, put(tmp_path, text({})))
    assert list(store.folder.iterdir()) == []


def test_a_fault_of_ours_keeps_its_traceback(store, tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(months, "sort_out", broken)
    with pytest.raises(ZeroDivisionError):
        take_file(store, put(tmp_path, text({})))
    assert store.months() == []


def test_a_scan_takes_the_months_asked_for(store, tmp_path):
    for month in ("2025-12", "2026-01"):
        take_file(store, put(tmp_path, text({"YEAR_MONTH": month}), f"{month}.csv"))
    assert store.scan([date(2025, 12, 1)]).collect()["month"].to_list() == [date(2025, 12, 1)]
    assert store.scan([date(2024, 12, 1)]).collect().is_empty()
    assert store.scan().collect().height == 2
