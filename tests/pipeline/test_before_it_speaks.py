"""Every command that tells a number verifies its months first; older stores with odd names, or rows without £, still speak."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from prescarbon.cli import cli
from prescarbon.config import Config
from prescarbon.manifest import to_json
from prescarbon.pipeline.evidence import gather
from prescarbon.store.manifests import MonthManifest
from prescarbon.store.months import Store
from tests.homes import fill_home
from tests.store.test_manifests import NEW_FIELDS

MONTHS, NEWEST = 3, "2026-01"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three SYNTHETIC months of 3 practices in 2 PCNs."""
    return fill_home(tmp_path_factory.mktemp("sound"), practices=3, pcns=2, months=MONTHS)


@pytest.fixture
def home(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "home", ignore=shutil.ignore_patterns("sample"))


def run(home: Path, words: str) -> Result:
    asked = [*words.split(), "--home", str(home)]
    if words.startswith("report"):
        asked += ["--out", str(home.parent / "out")]
    return CliRunner().invoke(cli, asked, catch_exceptions=False)


def newest(home: Path) -> MonthManifest:
    return Store(home).months()[-1]


def write(home: Path, manifest: MonthManifest) -> None:
    (home / "months" / f"{manifest.month}.json").write_text(to_json(asdict(manifest)), "utf-8")


def halve(home: Path) -> None:
    file = home / "months" / newest(home).data
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def change_a_pound(home: Path) -> None:
    file = home / "months" / newest(home).data
    is_first = pl.int_range(pl.len()) == 0
    nic = pl.when(is_first).then(pl.col("nic_gbp") + 1000).otherwise("nic_gbp").cast(pl.Decimal(18, 2))
    pl.read_parquet(file).with_columns(nic_gbp=nic).write_parquet(file)


def swap(home: Path) -> None:
    one, two = (home / "months" / m.data for m in Store(home).months()[-2:])
    (content_of_one, content_of_two) = one.read_bytes(), two.read_bytes()
    one.write_bytes(content_of_two)
    two.write_bytes(content_of_one)


def tell_other_pounds(home: Path) -> None:
    m = newest(home)
    assert m.nic_gbp_in is not None
    assert m.nic_gbp_used is not None
    write(home, replace(m, nic_gbp_in=m.nic_gbp_in + 1000, nic_gbp_used=m.nic_gbp_used + 1000))


COMMANDS = [
    "report", "measures run", "kpis", "opportunities", "trend kg_per_inhaler", "compare Z90001", "explain Z90001",
    "change --before 2025-11:2025-12 --after 2026-01:2026-01", "factors compare harmonised harmonised",
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_does_not_speak_of_a_month_that_was_changed(home, words):
    change_a_pound(home)
    said = run(home, f"{words} --scope all" if words.split()[0] in ("report", "compare", "explain") else words)
    assert said.exit_code == 3
    assert said.stdout == ""
    name = newest(home).data
    assert (
        f"prescarbon: {NEWEST}: {name} is not what was written: it was changed. Remove {NEWEST}.json and import or"
        in said.stderr
    )
    assert len(said.stderr.strip().splitlines()) == 1
    assert not (home.parent / "out").exists()


@pytest.mark.parametrize(
    ("spoil", "month", "says"),
    [
        (halve, NEWEST, "cannot be read: it was cut or changed."),
        (swap, "2025-12", "rows held in"),
        (tell_other_pounds, NEWEST, "the manifest says £"),
    ],
)
def test_a_report_over_a_damaged_store_is_one_sentence(home, spoil: Callable[[Path], None], month, says):
    assert run(home, "report --scope all --practice Z90001").exit_code == 0
    shutil.rmtree(home.parent / "out")
    spoil(home)
    said = run(home, "report --scope all --practice Z90001")
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr.startswith(f"prescarbon: {month}: ")
    assert says in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1
    assert not (home.parent / "out").exists()


def as_of_an_older_version(home: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Every month with its rows changed, under a manifest that knows no hash."""
    for m in Store(home).months():
        file = home / "months" / m.data
        rows = change(pl.read_parquet(file))
        rows.write_parquet(file)
        told = {k: v for k, v in asdict(replace(m, nic_gbp_used=rows["nic_gbp"].sum())).items() if k not in NEW_FIELDS}
        told["nic_gbp_in"] = told["nic_gbp_used"] + (m.nic_gbp_rejected or 0)
        (home / "months" / f"{m.month}.json").write_text(to_json(told | {"is_synthetic": True}), "utf-8")


HOSTILE = "\x00\x07\x1b\x7f\x9b\ufeff\u2028\u202e\uffff"


def test_a_report_comes_out_of_a_store_whose_names_hold_controls(home):
    def spoil(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.col("practice_name", "presentation_name") + HOSTILE + "X")

    as_of_an_older_version(home, spoil)
    for file in (home / "organisations").glob("*.parquet"):
        names = [c for c in pl.read_parquet_schema(file) if c.endswith("_name")]
        pl.read_parquet(file).with_columns(pl.col(names) + HOSTILE + "Y").write_parquet(file)
    said = run(home, "report --scope all")
    assert (said.exit_code, "Z90001" in said.stdout or said.stdout != "") == (0, True), said.stderr
    out = home.parent / "out" / NEWEST
    faces = {f.suffix for f in out.rglob("*") if f.is_file()}
    assert faces >= {".html", ".pdf", ".xlsx", ".pptx"}
    for page in out.rglob("*.html"):
        assert not set(HOSTILE) & set(page.read_text("utf-8")), page.name
    explained = run(home, "explain Z90001 --scope all").stdout
    assert "PRACTICE 01" in explained
    assert not set(HOSTILE) & set(explained)


def test_rows_of_the_scope_without_nic_are_told_by_month(home):
    newest_of_one = (pl.col("practice_code") == "Z90001") & (pl.col("month") == pl.date(2026, 1, 1))
    oldest = pl.col("month") == pl.date(2025, 11, 1)
    as_of_an_older_version(
        home, lambda rows: rows.with_columns(pl.when(~newest_of_one & ~oldest).then("nic_gbp").alias("nic_gbp"))
    )
    rows = Store(home).scan().filter(pl.col("month") == pl.date(2026, 1, 1)).collect()
    lack = rows.filter(practice_code="Z90001").height
    config = Config(home=home, out=home.parent / "out", scope=("all",), is_scope_given=True)
    notes = [w for w in gather(config).warnings if "NIC" in w]
    assert notes == [
        "2025-11: no row has a NIC; £ are unknown, not zero.",
        f"2026-01: {lack} of {rows.height} used rows have no NIC; £ are of the others.",
    ]
    other = gather(replace(config, scope=("Z90002",)))
    assert [w for w in other.warnings if "NIC" in w] == notes[:1]  # of its own rows in January, none lacks it


def test_a_report_without_any_nic_says_not_known_and_never_zero_pounds(home):
    as_of_an_older_version(home, lambda rows: rows.with_columns(nic_gbp=pl.lit(None, pl.Decimal(18, 2))))
    months = {m.month: m.nic_gbp_in for m in Store(home).months()}
    assert months["2025-11"] is None
    said = run(home, "report --scope all")
    assert said.exit_code == 0, said.stderr
    assert "mind: 2025-11, 2025-12, 2026-01: no row has a NIC; £ are unknown, not zero." in said.stderr
    told = json.loads((home.parent / "out" / NEWEST / "manifest.json").read_text("utf-8"))
    assert told["nic_gbp_used"] is None


def test_months_whose_every_row_has_a_nic_need_no_look(sound, tmp_path):
    config = Config(home=sound, out=tmp_path, scope=("all",), is_scope_given=True)
    assert [w for w in gather(config).warnings if "NIC" in w] == []
