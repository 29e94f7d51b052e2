"""The demo: some rules signed, some draft; and where nothing can be written."""

from pathlib import Path

import polars as pl
import pytest

from prescarbon.config import Config
from prescarbon.pack.demo import write_demo
from prescarbon.pipeline.rule_standing import rule_standings
from prescarbon.store.atomic import StoreError


def test_some_rules_are_signed_with_synthetic_signatures_and_some_are_drafts(demo_home: Path, pack: Path):
    standings = rule_standings(Config(home=demo_home / "home" / "demo", out=demo_home))
    signed = [row for row in standings if row["state"] == "signed"]
    assert 8 <= len(signed) <= 12
    assert {row["body"] for row in signed} == {"SYNTHETIC prescribing committee"}
    assert {row["state"] for row in standings} >= {"signed", "draft"}
    lines = pl.read_csv(pack / "data" / "opportunities.csv").filter(pl.col("gate") == "ranked")
    assert set(lines["is_draft"].cast(pl.String).str.to_lowercase()) == {"true", "false"}


def test_a_home_below_a_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "afile").touch()
    with pytest.raises(
        StoreError, match=r"^the folder demo: cannot be written to .*Choose another folder with --home\.$"
    ):
        write_demo(Config(home=tmp_path / "afile" / "x", out=tmp_path / "out"))
