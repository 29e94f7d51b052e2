import importlib.util
import re
import tomllib
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
OLD = "# Versions the tests pass with, as of 2026-11-23. Ranges are in pyproject.toml.\nalpha==1.0\nbeta==2.0\n"


@pytest.fixture
def pins() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pins", ROOT / ".ci" / "pins.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_new_versions_stand_in_order_under_the_old_header_with_todays_date(pins):
    frozen = "gamma==1.0\nBeta==2.1.post1\nalpha-runtime==1.0\nalpha==1.2\n\n"
    assert pins.constraints(OLD, frozen, date(2026, 12, 1)) == (
        "# Versions the tests pass with, as of 2026-12-01. Ranges are in pyproject.toml.\n"
        "alpha-runtime==1.0\nalpha==1.2\nBeta==2.1.post1\ngamma==1.0\n"
    )


@pytest.mark.parametrize(
    "frozen", ["", "alpha==1.0\n-e /a/folder", "alpha @ file:///a/folder", "alpha>=1.0", "alpha==1.0 # why"]
)
def test_what_nobody_else_could_install_is_refused(pins, frozen):
    with pytest.raises(ValueError, match="no pins of published versions"):
        pins.constraints(OLD, frozen, date(2026, 12, 1))


def test_everything_we_ask_for_is_pinned(pins):
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    named = {plain(line.split("==")[0]) for line in lines if pins.PIN.fullmatch(line)}
    assert len(named) == len([line for line in lines if line and not line.startswith("#")])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert {plain(re.match(r"[\w.-]+", requirement)[0]) for requirement in asked} <= named


def plain(name: str) -> str:
    """A package's name as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
