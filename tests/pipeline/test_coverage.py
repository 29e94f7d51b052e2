"""The coverage floor as a user meets it: exit code 6, what is missing by name, and the edge of the floor."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from tests.source.test_files import put, text

NEW = "0302000ZZAAZZZZ"  # a respiratory code that no reference holds
NOT_AN_INHALER = "0212000B0AAABAB"  # atorvastatin carries kilograms by its cost and is no inhaler


def run(tmp_path: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*words, "--home", str(tmp_path / "home")])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout if code == 0 else result.stderr


@pytest.fixture
def nine_of_ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one month of one practice: 9 inhaler items with a factor, 1 without, and 50 items of no inhaler."""
    rows = [
        {"ITEMS": "9", "TOTAL_QUANTITY": "18"},
        {"BNF_PRESENTATION_CODE": NEW, "BNF_PRESENTATION_NAME": "Breathewell", "ITEMS": "1", "TOTAL_QUANTITY": "2"},
        {"BNF_PRESENTATION_CODE": NOT_AN_INHALER, "QUANTITY": "28", "ITEMS": "50", "TOTAL_QUANTITY": "1400"},
    ]
    monkeypatch.chdir(tmp_path)
    run(tmp_path, "import", str(put(tmp_path, text(*rows))))
    return tmp_path


def floor(folder: Path, value: str) -> None:
    (folder / "prescarbon.toml").write_text(f'scope = "all"\ncoverage_floor = {value}\n')


@pytest.mark.parametrize("command", [("explain", "K81001"), ("report",)])
def test_too_much_without_a_factor_stops_with_code_6_and_names_it(nine_of_ten: Path, command: tuple[str, ...]):
    floor(nine_of_ten, "0.91")
    said = run(nine_of_ten, *command, code=6)
    assert said.startswith(
        "prescarbon: only 90.0% of inhaler items carry a factor, the floor is 91%. "
        f"Without one: Breathewell ({NEW}, 1 items)."
    )
    assert "lower coverage_floor" in said
    assert "Traceback" not in said
    assert not list(nine_of_ten.glob("reports/*"))


def test_exactly_the_floor_is_enough(nine_of_ten: Path):
    floor(nine_of_ten, "0.9")
    assert "18 inhalers" in run(nine_of_ten, "explain", "K81001")


def test_a_month_without_inhalers_lacks_no_factor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    rows = {"BNF_PRESENTATION_CODE": NOT_AN_INHALER, "QUANTITY": "28", "ITEMS": "50", "TOTAL_QUANTITY": "1400"}
    run(tmp_path, "import", str(put(tmp_path, text(rows))))
    floor(tmp_path, "1.0")
    run(tmp_path, "explain", "K81001")
