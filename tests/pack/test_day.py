"""A run keeps its day: in the manifest, in a repeat on a later day, and for pages that join it."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.pack.demo import DAY
from prescarbon.pack.folder import Pack
from prescarbon.pack.repeat import repeat_report
from prescarbon.pack.write import write_report
from tests.pack.test_folder import tree

LATER = date(2027, 11, 25)


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prescarbon.config.today", lambda: LATER)


def test_a_run_that_is_told_no_day_keeps_todays_and_is_repeated_on_it(
    config: Config, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = write_report(config)
    manifest = pack.folder / "manifest.json"
    assert json.loads(manifest.read_text("utf-8"))["settings"]["as_of"] == DAY.isoformat()
    later(monkeypatch)
    again = repeat_report(manifest, small, tmp_path / "again")
    assert tree(again.folder) == tree(pack.folder)
    other = write_report(Config(home=small, out=tmp_path / "other", scope=("gp",), is_scope_given=True))
    assert json.loads((other.folder / "manifest.json").read_text("utf-8"))["settings"]["as_of"] == LATER.isoformat()
    assert tree(other.folder) != tree(pack.folder)


def test_the_note_of_what_is_overdue_is_on_every_page_and_in_the_manifest(config: Config) -> None:
    pack = write_report(replace(config, as_of=LATER))
    says = "Overdue for review on 25 November 2027: "
    assert sum(text.startswith(says) for text in pack.warnings) == 1
    for page in (*pack.pages, pack.folder / "ics.html"):
        assert page.read_text("utf-8").count(says) == 1
    assert json.loads((pack.folder / "manifest.json").read_text("utf-8"))["warnings"] == list(pack.warnings)
    early = write_report(config)
    assert not any(says[:19] in text for text in early.warnings)
    assert says[:19] not in early.pages[0].read_text("utf-8")


def test_a_page_made_on_another_day_is_refused_and_the_day_of_the_pack_is_named(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = write_report(config)
    code = pack.pages[0].stem
    before = tree(pack.folder)
    words = ["report", "--practice", code, "--home", str(config.home), "--out", str(config.out), "--scope", "gp"]
    later(monkeypatch)
    refused = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert refused.exit_code == InputError.exit_code
    assert "(different: the settings as_of)" in refused.stderr
    assert f"Add `--as-of {DAY}`, the day of that run." in refused.stderr
    taken = CliRunner().invoke(cli, [*words, "--as-of", str(DAY)], catch_exceptions=False)
    assert taken.exit_code == 0, taken.output
    assert tree(pack.folder) == before


def test_the_demos_day_is_fixed_whatever_the_clock_and_the_configuration_say(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Config] = []
    monkeypatch.chdir(tmp_path)
    Path("prescarbon.toml").write_text("as_of = 2027-11-25\n")
    later(monkeypatch)

    def taken(told: Config, **_: object) -> Pack:
        runs.append(told)
        return Pack(config.out, config.out / "index.html", (), ())

    monkeypatch.setattr("prescarbon.pack.demo.write_sample", lambda *_, **__: SimpleNamespace(organisations=[], epd=[]))
    monkeypatch.setattr("prescarbon.pack.demo.import_organisations", lambda *_: None)
    monkeypatch.setattr("prescarbon.pack.demo.write_report", taken)
    words = ["demo", "--home", str(tmp_path / "home"), "--out", str(tmp_path / "demo")]
    for more in ([], ["--as-of", "2027-06-01"]):
        assert CliRunner().invoke(cli, [*words, *more], catch_exceptions=False).exit_code == 0
    assert [run.as_of for run in runs] == [date(2026, 11, 24), date(2027, 6, 1)]
