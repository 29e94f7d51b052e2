"""£ that a file does not have are unknown: counted, said, null in the manifest, and never £0.00."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.source.files import take_file
from prescarbon.store.months import Store
from tests.source.test_files import HEADER, put, text
from tests.store.test_manifests import make_old


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def run(store: Store, *words: object) -> str:
    result = CliRunner().invoke(cli, [*map(str, words), "--home", str(store.home)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_rows_without_nic_among_others_are_counted_and_said(store, tmp_path):
    file = put(tmp_path, text({}, {"NIC": ""}, {"NIC": "1.50"}))
    said = run(store, "import", file)
    assert "3 rows in = 3 used + 0 rejected; NIC £10.50 in = £10.50 used + £0.00 rejected" in said  # 9.00 + 1.50
    sentence = "1 of 3 used rows have no NIC; £ are of the others."
    assert f"  mind: {sentence}" in said
    assert f"2026-01: {sentence}" in run(store, "months")
    (manifest,) = store.months()
    assert (manifest.rows_used_without_nic, manifest.rows_rejected_without_nic) == (1, 0)


@pytest.mark.parametrize("column", ["empty", "absent"])
def test_where_no_row_has_a_nic_the_sum_is_not_known(store, tmp_path, column):
    rows = [{"NIC": ""}, {"NIC": "", "QUANTITY": "x"}]
    header = HEADER if column == "empty" else [h for h in HEADER if h != "NIC"]
    said = run(store, "import", put(tmp_path, text(*rows, header=header)))
    assert "2 rows in = 1 used + 1 rejected; NIC not known" in said
    assert "its £ are unknown, not zero." in said
    assert "£0" not in said
    assert run(store, "months").count("not known") == 3  # in, used, rejected
    (told,) = json.loads(run(store, "months", "--json"))
    assert [told[f"nic_gbp_{part}"] for part in ("in", "used", "rejected")] == [None, None, None]
    assert told["rows_used_without_nic"] == 1
    assert run(store, "verify") == "1 months agree\n"


def test_rejected_rows_whose_pounds_cannot_be_read_are_not_zero_pounds(store, tmp_path):
    manifest = take_file(store, put(tmp_path, text({}, {"NIC": "£9"}))).manifest
    assert (manifest.nic_gbp_in, manifest.nic_gbp_used, manifest.nic_gbp_rejected) == (9, 9, None)
    manifest = take_file(
        store, put(tmp_path, text({}, {"NIC": "£9"}, {"NIC": "1", "ITEMS": ""})), replace=True
    ).manifest
    assert (manifest.nic_gbp_in, manifest.nic_gbp_rejected, manifest.rows_rejected_without_nic) == (10, 1, 1)


def test_a_month_without_rejected_rows_rejects_no_pounds(store, tmp_path):
    manifest = take_file(store, put(tmp_path, text({"NIC": ""}))).manifest
    assert (manifest.nic_gbp_used, manifest.nic_gbp_rejected) == (None, Decimal(0))


def test_an_older_version_wrote_zero_pounds_where_there_was_no_nic(store, tmp_path):
    manifest = take_file(store, put(tmp_path, text({"NIC": ""}))).manifest
    old = make_old(store, nic_gbp_used=0, nic_gbp_in=0)
    assert (old.nic_gbp_used, old.nic_gbp_in, old.rows_used_without_nic) == (None, None, 1)
    assert store.verify() == []
    (store.folder / manifest.data).unlink()
    assert make_old(store, nic_gbp_used=0, nic_gbp_in=0).nic_gbp_used == 0  # nothing more can be found out


def test_an_older_version_with_pounds_did_not_count(store, tmp_path):
    take_file(store, put(tmp_path, text({}, {"NIC": ""})))
    old = make_old(store)
    assert (old.nic_gbp_used, old.rows_used_without_nic) == (9, None)


def test_rows_of_zero_pounds_are_known(store, tmp_path):
    take_file(store, put(tmp_path, text({"NIC": "0"})))
    assert (make_old(store).nic_gbp_used, store.verify()) == (0, [])
