"""A run again from its manifest: the same bytes, or one sentence that says what is not as it was."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.config import Config, parse_month
from prescarbon.errors import DefinitionError, InputError
from prescarbon.pack.folder import Pack
from prescarbon.pack.repeat import repeat_report
from prescarbon.pack.write import write_report
from tests.pack.test_folder import tree

GENERIC = "0301011R0AAAPAP"  # salbutamol 100 micrograms, whose brand nobody knows
SETTINGS: dict[str, Any] = {
    "brand_mix": {GENERIC: 0.9},
    "price_base": "2025-01:2025-03",
    "draws": 200,
    "seed": 7,
    "membership": "as now",
    "achievable_shares": {"BR01": 0.25},
    "show_draft_rules": True,
    "factor_set": "harmonised",
    "gwp_basis": "AR5",
    "coverage_floor": 0.5,
}


@pytest.fixture(scope="module")
def restated(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A pack of unusual settings with restatements in it: it was written over one of usual settings."""
    config = Config(home=small, out=tmp_path_factory.mktemp("said"), scope=("gp",), is_scope_given=True)
    write_report(config, practice=None)
    return write_report(replace(config, **SETTINGS))


def said(pack: Pack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((pack.folder / "manifest.json").read_text("utf-8"))
    return found


def test_the_manifest_says_every_setting(restated: Pack) -> None:
    settings = said(restated)["settings"]
    assert {key: settings[key] for key in SETTINGS} == SETTINGS
    assert settings["scope"] == ["gp"]
    assert said(restated)["restatements"]


def test_a_run_is_made_again_to_the_byte(restated: Pack, small: Path, tmp_path: Path) -> None:
    command = ["report", "--from", str(restated.folder / "manifest.json"), "--home", str(small), "--out", str(tmp_path)]
    result = CliRunner().invoke(cli, [*command, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    folder = Path(json.loads(result.stdout)["folder"])
    assert folder == tmp_path / restated.folder.name
    assert tree(folder) == tree(restated.folder)


def test_an_older_month_and_its_window_are_kept(small: Path, config: Config, tmp_path: Path) -> None:
    held = sorted(f.stem for f in (small / "months").glob("????-??.json"))
    pack = write_report(config, last_month=parse_month(held[-3]), months=4)
    again = repeat_report(pack.folder / "manifest.json", small, tmp_path / "again")
    assert said(again)["months"] == held[-6:-2]
    assert tree(again.folder) == tree(pack.folder)


def changed(**others: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda manifest: {**manifest, **others}


def of_other_content(manifest: dict[str, Any]) -> dict[str, Any]:
    *most, last = manifest["inputs"]
    return {**manifest, "inputs": [*most, {**last, "hash": "00" * 32}]}


def of_another_base_month(manifest: dict[str, Any]) -> dict[str, Any]:
    """The month is not among those of the run, and prices rest on it."""
    base = manifest["price_base"]
    months = [m | {"hash": "00" * 32} if m["month"] == "2025-02" else m for m in base["months"]]
    inputs = [m for m in manifest["inputs"] if m["month"] > "2025-02"]
    return {**manifest, "inputs": inputs, "price_base": {**base, "months": months}}


def without(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda manifest: {k: v for k, v in manifest.items() if k != key}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (of_other_content, "not as it was is month 2026-01."),
        (of_another_base_month, "not as it was is month 2025-02, which prices rest on."),
        (changed(reference_sha256="ab"), "not as it was is the reference data."),
        (changed(version="0.0.1"), "not as it was is prescarbon itself (0.0.1)."),
        (without("settings"), "this is no manifest of a run that can be repeated."),
        (without("other_inputs"), "this is no manifest of a run that can be repeated."),
        (changed(inputs=[{"month": "2026-13", "hash": ""}]), "this is no manifest of a run that can be repeated."),
        (without("inputs"), "this is no manifest of a run that can be repeated."),
        (changed(inputs="x"), "this is no manifest of a run that can be repeated."),
        (changed(inputs=[{"month": "2026-01"}]), "this is no manifest of a run that can be repeated."),
        (changed(inputs=["x"]), "this is no manifest of a run that can be repeated."),
        (changed(settings=["x"]), "this is no manifest of a run that can be repeated."),
    ],
)
def test_what_is_not_as_it_was_is_refused_in_one_sentence(
    restated: Pack, small: Path, tmp_path: Path, spoil: Callable[[dict[str, Any]], dict[str, Any]], says: str
) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(spoil(said(restated))))
    with pytest.raises(InputError) as refused:
        repeat_report(file, small, tmp_path / "out")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '"x"', "\xff"])
def test_what_is_no_manifest_is_refused_in_one_sentence(small: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"^manifest\.json: this is no manifest of a run that can be repeated"):
        repeat_report(file, small, tmp_path / "out")


def test_a_setting_that_is_none_of_ours_is_named(restated: Pack, small: Path, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(changed(settings={**said(restated)["settings"], "draws": "many"})(said(restated))))
    with pytest.raises(DefinitionError, match="draws"):
        repeat_report(file, small, tmp_path / "out")


def test_organisation_files_of_another_day_are_refused(restated: Pack, small: Path, tmp_path: Path) -> None:
    """List sizes and memberships stand on every page: with others the bytes would differ."""
    home = shutil.copytree(small, tmp_path / "home")
    lists = min((home / "organisations").glob("list_sizes-*.parquet"))
    lists.unlink()
    with pytest.raises(InputError, match=f"not as it was is organisations/{lists.name}"):
        repeat_report(restated.folder / "manifest.json", home, tmp_path / "out")


def test_an_own_file_that_changed_or_is_gone_is_refused(config: Config, small: Path, tmp_path: Path) -> None:
    returns = tmp_path / "returns.csv"
    head = "organisation_code,level,period_start,period_end,kpi_id,value\n"
    returns.write_text(head)
    pack = write_report(replace(config, kpi_returns=returns))
    manifest = pack.folder / "manifest.json"
    repeat_report(manifest, small, tmp_path / "again")
    returns.write_text(head + "QHG,icb,2025-04-01,2026-03-01,annex-2,0.4\n")
    with pytest.raises(InputError, match=r"not as it was is returns\.csv\."):
        repeat_report(manifest, small, tmp_path / "other")
    returns.unlink()
    with pytest.raises(InputError, match=r"not as it was is returns\.csv\."):
        repeat_report(manifest, small, tmp_path / "other")


@pytest.mark.parametrize(
    "more",
    [["--month", "2026-01"], ["--scope", "all"], ["--practice", "Z90001"], ["--pcn", "SYN001"], ["--gwp-basis", "AR5"], ["--factor-set", "harmonised"], ["--config", "other.toml"]],
    ids=lambda more: more[0],
)  # fmt: skip
def test_from_takes_every_setting_from_the_manifest(
    restated: Pack, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.toml").write_text("seed = 1\n")
    result = CliRunner().invoke(
        cli, ["report", "--from", str(restated.folder / "manifest.json"), "--home", str(small), *more]
    )
    assert result.exit_code == 2
    assert "--from takes every setting from the manifest" in result.stderr


def test_a_month_loaded_since_in_a_gap_is_no_quiet_change(config: Config, small: Path, tmp_path: Path) -> None:
    """The run read 2026-01 and the month before the gap; with the gap filled the same calendar months are another run."""
    home = shutil.copytree(small, tmp_path / "home")
    gap = home / "months" / "2025-12.json"
    kept = gap.read_bytes()
    gap.unlink()
    pack = write_report(replace(config, home=home), months=3)
    assert said(pack)["months"] == ["2025-11", "2026-01"]
    gap.write_bytes(kept)
    with pytest.raises(InputError, match="not as it was is month 2025-12, loaded since"):
        repeat_report(pack.folder / "manifest.json", home, tmp_path / "again")


@pytest.mark.parametrize("order", [lambda months: months[::-1], lambda months: [*months, months[-1]]])
def test_months_out_of_order_are_no_manifest(
    restated: Pack, small: Path, tmp_path: Path, order: Callable[[list[Any]], list[Any]]
) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(changed(inputs=order(said(restated)["inputs"]))(said(restated))))
    with pytest.raises(InputError, match="no manifest of a run that can be repeated"):
        repeat_report(file, small, tmp_path / "out")


def test_a_part_of_a_pack_is_not_repeated_as_a_whole(config: Config, small: Path, tmp_path: Path) -> None:
    part = write_report(config, practice="Z90001")
    assert said(part)["is_whole"] is False
    with pytest.raises(InputError, match="of some pages of a run"):
        repeat_report(part.folder / "manifest.json", small, tmp_path / "again")
    whole = write_report(config)
    assert said(whole)["is_whole"] is True
    write_report(config, practice="Z90001")
    assert said(whole)["is_whole"] is True


@pytest.mark.parametrize("option", ["--practice", "--pcn"])
def test_an_empty_code_is_no_whole_report(config: Config, option: str) -> None:
    """A script whose variable is empty must not replace a pack."""
    command = ["report", option, "", "--home", str(config.home), "--out", str(config.out), "--scope", "gp"]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert result.exit_code == 3
    assert "'' is not a" in result.stderr
    assert not config.out.exists()
