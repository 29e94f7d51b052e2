"""What the evidence works out once: kilograms of every level, what was never fetched, the practices' names."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.config import Config, parse_month
from prescarbon.errors import InputError
from prescarbon.manifest import to_json
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.uncertainty import intervals_by
from prescarbon.pipeline.data_notes import not_held
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.scope import Scope
from prescarbon.store.months import Store

KG = ["kg_low", "kg_co2e", "kg_high"]
PARTS = {"inhalers": IS_INHALER, "other": ~IS_INHALER}
COLUMNS = {"practice": "practice_code", "pcn": "pcn_code", "sub-icb": "sub_icb_code", "icb": "icb_code"}


@pytest.fixture(scope="module")
def evidence(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return gather(Config(home=home, out=tmp_path_factory.mktemp("out"), scope=("gp",), is_scope_given=True), months=24)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("level", COLUMNS)
def test_kilograms_of_a_level_are_the_exact_sums_of_its_members(evidence, level, part):
    rows = evidence.footprint.filter(pl.col("month").is_in(evidence.period.held), PARTS[part])
    members = evidence.practices.select("practice_code", organisation_code=COLUMNS[level])
    summed = rows.join(members, on="practice_code").drop_nulls("organisation_code")
    by_hand = summed.group_by("organisation_code").agg(pl.col("kg_co2e").sum()).sort("organisation_code")
    found = evidence.kilograms.filter(level=level, part=part).sort("organisation_code")
    assert found.select("organisation_code", "kg_co2e").rows() == by_hand.rows()
    assert found.height > 0


@pytest.mark.parametrize("part", PARTS)
def test_the_interval_of_the_whole_is_drawn_from_its_own_rows(evidence, part):
    """Not the sum of the practices' ends: a factor that is wrong is wrong for all of them."""
    rows = evidence.footprint.lazy().filter(pl.col("month").is_in(evidence.period.held), PARTS[part])
    config, keys = evidence.config, evidence.error_parts.lazy()
    by_hand = intervals_by(rows.with_columns(whole=pl.lit(1)), keys, ["whole"], config.seed, config.draws).collect()
    (found,) = evidence.kilograms.filter(level="group", part=part).select(KG).rows()
    assert [float(kg) for kg in found] == pytest.approx([float(kg) for kg in by_hand.select(KG).row(0)], rel=1e-9)
    practices = evidence.kilograms.filter(level="practice", part=part)
    assert float(found[2]) <= float(practices["kg_high"].sum()) + 1e-6


def test_a_place_that_nobody_lists_is_named_and_adds_up(evidence):
    (nowhere,) = evidence.kilograms.filter(level="place", part="inhalers").to_dicts()
    (whole,) = evidence.kilograms.filter(level="group", part="inhalers").to_dicts()
    assert nowhere["organisation_code"] == "In no listed place"
    assert [nowhere[k] for k in KG] == [whole[k] for k in KG]


def asked(home: Path, month: str, codes: tuple[str, ...] | None) -> None:
    """Let the manifest of a month say which practices it was fetched for."""
    held = next(m for m in Store(home).months() if m.month == month)
    (home / "months" / f"{month}.json").write_text(to_json(asdict(replace(held, practices_asked=codes))), "utf-8")


@pytest.fixture
def part_of(home: Path, tmp_path: Path) -> Path:
    """A home whose newest month was fetched for two of its practices."""
    copied = shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("sample"))
    asked(copied, "2026-01", ("Z90001", "Z90002"))
    return copied


def test_a_month_fetched_for_part_of_the_scope_says_so_with_the_command(part_of, tmp_path):
    words = ["report", "--scope", "Z90001,Z90003", "--home", str(part_of), "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    sentence = (
        "2026-01: never fetched for 1 of the 2 practices of the scope (Z90003), so the figures are of part of it; "
        "get the rest with `prescarbon fetch --months 2026-01:2026-01`."
    )
    assert f"prescarbon: mind: {sentence}" in result.stderr
    folder = Path(json.loads(result.stdout)["folder"])
    assert sentence in json.loads((folder / "manifest.json").read_text("utf-8"))["warnings"]


def test_every_practice_over_a_month_of_some_says_how_to_get_the_rest(part_of, tmp_path):
    everyone = gather(Config(home=part_of, out=tmp_path, scope=("all",), is_scope_given=True), months=2)
    assert everyone.warnings[0] == (
        "2026-01: held for the practices of another scope alone, not every practice; "
        "get the rest with `prescarbon fetch --scope all --months 2026-01:2026-01`."
    )


def test_a_month_that_was_asked_for_all_of_the_scope_gives_no_warning(part_of, evidence):
    months = Store(part_of).months()
    assert not_held(months, Scope(("Z90001", "Z90002"), "two")) == ()
    assert not_held(evidence.manifests, Scope(None, "everyone")) == ()
    assert not [w for w in evidence.warnings if "fetch" in w]


def test_more_practices_than_a_line_holds_are_counted(part_of):
    (sentence,) = not_held(Store(part_of).months(), Scope(tuple(f"K81{n:03}" for n in range(30)), "thirty"))
    assert "never fetched for 30 of the 30 practices" in sentence
    assert sentence.count("K81") == 20
    assert "K81019 …)" in sentence


def test_a_month_that_is_not_loaded_is_one_sentence(home, tmp_path):
    config = Config(home=home, out=tmp_path, scope=("gp",), is_scope_given=True)
    with pytest.raises(
        InputError, match=r"^2013-01 is not loaded\. Loaded are 2023-12 to 2026-01; import or fetch it\."
    ):
        gather(config, last_month=parse_month("2013-01"))
    with pytest.raises(InputError, match=r"no month is loaded yet\. Run `prescarbon import"):
        gather(replace(config, home=tmp_path))


def test_the_default_scope_gives_way_and_says_so(home, tmp_path):
    found = gather(Config(home=home, out=tmp_path), months=1)
    assert found.scope.codes is None
    assert "has a row of the default scope" in found.warnings[0]
    with pytest.raises(InputError, match=r"^no row of 2026-01 belongs to the scope K81001\."):
        gather(Config(home=home, out=tmp_path, scope=("K81001",), is_scope_given=True), months=1)


def test_memberships_as_now_take_every_month_as_the_last(home, tmp_path):
    config = Config(home=home, out=tmp_path, scope=("gp",), is_scope_given=True, membership="as now")
    found = gather(config, months=24)
    last = found.memberships.filter(pl.col("month") == found.months[-1]).select("practice_code", now="pcn")
    both = found.memberships.join(last, on="practice_code")
    assert both["pcn"].equals(both["now"])


def test_what_the_inhalers_rest_on_adds_up_at_every_level(evidence):
    """Product, class and mix are the whole, which is the kilograms of the level; the mix is between its two brands."""
    whole = evidence.kilograms.filter(part="inhalers").select("level", "organisation_code", kg="kg_co2e")
    found = evidence.footing.join(whole, on=["level", "organisation_code"], validate="1:1").to_dicts()
    assert len(found) == evidence.footing.height > 3
    for row in found:
        assert row["kg_product"] + row["kg_class"] + row["kg_brand_mix"] == row["kg_co2e"] == row["kg"]
        assert row["kg_small"] < row["kg_brand_mix"] < row["kg_large"]
    shares = evidence.manifest("report").coverage_of_inhalers
    assert sum(v for k, v in shares.items() if k.startswith("kg_by")) == pytest.approx(1)
    assert 0.9 < shares["items_with_a_factor"] <= 1
    assert evidence.footing_of("practice", "nobody") is None


def test_the_whole_is_known_better_than_the_mean_practice_as_the_brand_supplied_is_local(evidence):
    width = (pl.col("kg_high") - pl.col("kg_low")).cast(pl.Float64) / pl.col("kg_co2e").cast(pl.Float64)
    known = evidence.kilograms.filter(part="inhalers").with_columns(width=width)
    (whole,) = known.filter(level="group")["width"]
    assert whole < 0.95 * known.filter(level="practice")["width"].mean()
