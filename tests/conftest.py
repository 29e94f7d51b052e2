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
