import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import settings

from prescarbon.pack.demo import DAY
from tests.homes import fill_home
from tests.kinds import kind_of

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"

settings.register_profile("here", deadline=None, max_examples=40)  # a busy machine is no failure
settings.load_profile("here")


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with its kind, so that `-m unit` and its like choose without marks written by hand."""
    for item in items:
        assert isinstance(item, pytest.Function)
        marks = {mark.name for mark in item.iter_markers()}
        kind = kind_of(item.path, item.obj, vars(item.module), marks)
        if kind not in marks:
            item.add_marker(kind)


@pytest.fixture(scope="session", autouse=True)
def today() -> Iterator[date]:
    """One day for every run that is told none, so that no test says otherwise when a review falls due."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prescarbon.config.today", lambda: DAY)
        yield DAY


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real rows that nobody here wrote; read, never copied."""
    if not REAL.is_dir():
        pytest.skip("no ../shared/real beside the checkout: the real rows are read from there")
    return REAL


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `prescarbon demo` ran once for all tests that look at its pages: home/ and out/."""
    home = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "prescarbon", "demo", "-q", "--home", home / "home", "--out", home / "out"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"MPLBACKEND": "Agg"}, check=False)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def pack(demo_home: Path) -> Path:
    """The run folder of the SYNTHETIC sample."""
    (index,) = demo_home.glob("out/**/index.html")
    return index.parent


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 26 SYNTHETIC months of 12 practices in 3 PCNs."""
    return fill_home(tmp_path_factory.mktemp("home"), practices=12, pcns=3, months=26)
