import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"

settings.register_profile("here", deadline=None, max_examples=40)  # a busy machine is no failure
settings.load_profile("here")


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
