import json
from datetime import date
from pathlib import Path

import pytest

from prescarbon.config import (
    Config,
    config_and_faults,
    config_from_settings,
    parse_month,
    parse_months,
    read_config,
    read_scope,
)
from prescarbon.errors import DefinitionError, Fault


def faults_of(file: Path) -> list[Fault]:
    return config_and_faults(file)[1]


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
    config = read_config(written(tmp_path, 'scope = ["pcn:U12345"]\nseed = 7'), home=tmp_path, scope="K81001, pcn:U1")
    assert config.scope == ("K81001", "pcn:U1")
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


@pytest.mark.parametrize("text", ["2025", "2025-13", "April 2025", "2025-09:2025-04", "", " "])
def test_a_month_that_is_none_is_refused(text):
    with pytest.raises(DefinitionError):
        parse_months(text)


# every key, a value of another type, and near it

WRONG = {
    "scope": [
        *("5", "[5]", '""', '[" "]', "true", '["x y"]', '["pcn:"]', '["pcn: "]', '"file:"', '["gp", "K81001"]'),
        *(
            '["all", "gp"]',
            '["planet:earth"]',
            '"K8"',
            '"K81001K81"',
            '["K81001", "Ä81001"]',
            '"sub-icb"',
            '"sub-icb: "',
        ),
    ],
    "factor_set": ["5", '""'],
    "as_of": [
        "5",
        '""',
        "true",
        '"24 November 2026"',
        '"2026-02-30"',
        '"2026-11"',
        "1999-12-31",
        "2026-11-24T09:00:00",
    ],
    "gwp_basis": ['"AR7"', "6"],
    "seed": ["true", "1.5", '"7"', "-1", "9223372036854775808"],
    "draws": ["true", "9", "100001", '"1000"'],
    "coverage_floor": ["true", "nan", "inf", "-0.1", '"0.9"'],
    "price_base": ["12", '"2024"', '"2024-04:"', '":2025-03"', '"2025-03:2024-04"', '"2024-13:2025-01"', '""'],
    "membership": ['"as ever"', "true"],
    "query_up_to": ["-1", "true"],
    "portal": ['"http://[bad"', '"opendata.nhsbsa.net"', '"ftp://x/y"', '"https://"', '"https://x:y/"', "5"],
    "brand_mix": ['"x"', '{"0301011R0AAAPAP" = nan}', '{"0301011R0AAAPAP" = true}', "[1]"],
    "formulary": ["5", '""', "true", '"a\\u0000b"'],
    "local": ["5", '""', "true"],
    "excluded_products": ["5", "[]"],
    "campaigns": ["1.5", '" "'],
    "kpi_returns": ["5", "2026-01-01"],
    "successors": ["5", '""'],
    "achievable_shares": ['"x"', "{BR01 = 2}", '{BR01 = "0.3"}'],
    "show_draft_rules": ['"no"', "0"],
    "reference": ["5", "{}"],
}


def test_every_key_is_tried():
    assert WRONG.keys() == Config.__dataclass_fields__.keys() - {"home", "out", "is_scope_given"}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_wrong_value_of_any_key_is_one_sentence_with_the_keys_own(tmp_path, key, value):
    file = written(tmp_path, f"{key} = {value}\n")
    (fault,) = faults_of(file)
    assert (fault.file, fault.column) == ("prescarbon.toml", key)
    assert Config.__dataclass_fields__[key].metadata["words"] in fault.reason
    with pytest.raises(DefinitionError, match=rf"^prescarbon\.toml: {key} = .* is not allowed: ") as caught:
        read_config(file, home=tmp_path)
    assert caught.value.exit_code == 5
    assert "\n" not in str(caught.value)


def test_all_faults_of_a_file_come_at_once(tmp_path):
    file = written(tmp_path, "colour = 1\ndraws = true\nscope = 5\n[brand_mix]\n0301 = 2\n")
    with pytest.raises(DefinitionError) as caught:
        read_config(file, home=tmp_path, gwp_basis="AR7")
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    for said in ("unknown key colour", "draws = True", "scope = 5", "brand_mix = {'0301': 2}", "gwp_basis = 'AR7'"):
        assert sum(said in line for line in lines) == 1
    assert lines[-1].startswith("the command line: ")


@pytest.mark.parametrize("text", [b"a = " + b"[" * 5000, b"a = " + b"9" * 5000, b"\xff", None])
def test_a_file_that_is_no_toml_is_one_sentence(tmp_path, text):
    file = tmp_path / "prescarbon.toml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(DefinitionError, match="cannot be read as TOML"):
        read_config(file, home=tmp_path)
    assert len(faults_of(file)) == 1


def test_a_long_value_is_shortened(tmp_path):
    shares = ", ".join(f"R{n} = 2" for n in range(200))
    faults = faults_of(written(tmp_path, f"achievable_shares = {{{shares}}}"))
    assert len(faults) == 200
    assert all(len(fault.value) < 120 for fault in faults)


def test_a_good_file_has_no_fault(tmp_path):
    assert faults_of(written(tmp_path, "coverage_floor = 1\nportal = 'http://127.0.0.1:8000/api'")) == []
    assert read_config(written(tmp_path, 'scope = "gp"'), home=tmp_path).scope == ("gp",)


@pytest.mark.parametrize(
    "scope",
    [("blmk",), ("gp",), ("all",), ("k81001", "Z99"), ("pcn:U12345", "sub-icb:M1J4Y", "icb:QHG", "file:my codes.txt")],
)
def test_every_kind_of_scope_is_taken(tmp_path, scope):
    assert read_config(written(tmp_path, f"scope = {json.dumps(scope)}"), home=tmp_path).scope == scope
    assert read_scope([*scope, f" {scope[0]} "]) == scope


def test_out_and_home_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PRESCARBON_OUT", str(tmp_path / "there"))
    monkeypatch.chdir(tmp_path)
    assert read_config().out == tmp_path / "there"


# a run can be made again from its settings


def test_settings_are_plain_values_of_every_key_but_home_and_out_and_lead_back(tmp_path):
    text = """
    scope = ["pcn:U12345", "file:codes.txt"]
    draws = 50
    coverage_floor = 1
    formulary = "own.csv"
    show_draft_rules = true
    brand_mix = {b = 0.5, a = 0.25}
    achievable_shares = {BR01 = 0.5}
    """
    config = read_config(written(tmp_path, text), home=tmp_path, out=tmp_path)
    settings = json.loads(json.dumps(config.settings()))
    assert settings == config.settings()
    assert settings.keys() == Config.__dataclass_fields__.keys() - {"home", "out"}
    assert list(settings["brand_mix"]) == ["a", "b"]
    assert settings["formulary"] == "own.csv"
    assert config_from_settings(settings, tmp_path, tmp_path) == config
    assert config_from_settings(Config(home=tmp_path, out=tmp_path).settings(), tmp_path, tmp_path) == Config(
        home=tmp_path, out=tmp_path
    )


def test_settings_that_are_none_of_ours_are_refused(tmp_path):
    with pytest.raises(DefinitionError, match=r"the settings: unknown key home") as caught:
        config_from_settings({"home": "x", "draws": "many", "is_scope_given": 1}, tmp_path, tmp_path)
    assert len(str(caught.value).splitlines()) == 3


def test_the_day_is_todays_unless_it_is_told_and_the_line_outranks_the_file(tmp_path, today):
    assert read_config(home=tmp_path).as_of == today
    file = written(tmp_path, "as_of = 2027-05-25")
    assert read_config(file, home=tmp_path).as_of == date(2027, 5, 25)
    assert read_config(file, home=tmp_path, as_of="2027-06-01").as_of == date(2027, 6, 1)
    assert read_config(file, home=tmp_path, as_of=date(2027, 6, 2)).settings()["as_of"] == "2027-06-02"


def test_a_day_that_was_not_told_is_kept_with_the_run(tmp_path, monkeypatch):
    settings = Config(home=tmp_path, out=tmp_path).settings()
    monkeypatch.setattr("prescarbon.config.today", lambda: date(2031, 1, 1))
    assert config_from_settings(settings, tmp_path, tmp_path).as_of < date(2031, 1, 1)
    assert Config(home=tmp_path, out=tmp_path).as_of == date(2031, 1, 1)


@pytest.mark.parametrize("text", ["99999999999-01", "1999-12", "2101-01", "0-1", "x" * 500])
def test_a_month_outside_the_years_is_one_sentence(text):
    with pytest.raises(DefinitionError, match=r"is not a month\. Write it as 2026-01\.") as caught:
        parse_month(text)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("text", ["2000-01", "2100-12"])
def test_the_first_and_the_last_month_are_taken(text):
    assert parse_month(text).strftime("%Y-%m") == text
