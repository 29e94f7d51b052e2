from datetime import date
from pathlib import Path

import pytest

from prescarbon.config import parse_month, parse_months, read_config
from prescarbon.errors import DefinitionError


def written(folder: Path, text: str) -> Path:
    file = folder / "prescarbon.toml"
    file.write_text(text, "utf-8")
    return file


def test_every_key_has_a_default(tmp_path):
    config = read_config(home=tmp_path)
    assert config.scope == ("blmk",)
    assert not config.is_scope_given
    assert (config.factor_set, config.gwp_basis) == ("harmonised", "AR6")


def test_the_command_line_wins_over_the_file_and_says_the_scope_was_chosen(tmp_path):
    config = read_config(written(tmp_path, 'scope = ["pcn:U12345"]\nseed = 7'), home=tmp_path, scope="K81001, all")
    assert config.scope == ("K81001", "all")
    assert config.is_scope_given
    assert config.seed == 7


def test_home_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PRESCARBON_HOME", str(tmp_path / "here"))
    assert read_config().home == tmp_path / "here"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 1", "unknown key colour"),
        ('gwp_basis = "AR7"', "gwp_basis = 'AR7' is not allowed"),
        ("coverage_floor = 90", "coverage_floor = 90 is not allowed"),
        ("draws = true", "draws = True is not allowed"),
        ('brand_mix = {"0301011R0AAAPAP" = 2}', "brand_mix"),
        ("seed = ", "cannot be read as TOML"),
        ("scope = []", "scope"),
    ],
)
def test_a_wrong_file_gets_one_sentence_with_its_name(tmp_path, text, says):
    with pytest.raises(DefinitionError, match=r"prescarbon\.toml") as caught:
        read_config(written(tmp_path, text), home=tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_months_are_read_as_people_write_them():
    assert parse_month("2026-01") == date(2026, 1, 1)
    assert parse_months("2025-04:") == (date(2025, 4, 1), None)
    assert parse_months("2025-04:2025-09") == (date(2025, 4, 1), date(2025, 9, 1))
    assert parse_months("2025-04") == (date(2025, 4, 1), date(2025, 4, 1))


@pytest.mark.parametrize("text", ["2025", "2025-13", "April 2025", "2025-09:2025-04"])
def test_a_month_that_is_none_is_refused(text):
    with pytest.raises(DefinitionError):
        parse_months(text)
