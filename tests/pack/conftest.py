"""Small stores for packs that are written again and again."""

import shutil
from pathlib import Path

import pytest

from prescarbon.config import Config
from prescarbon.reference.files import find_reference
from tests.homes import fill_home


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 14 SYNTHETIC months of 3 practices in 2 PCNs; months 13 and 14 wait in sample/, as do all files."""
    return fill_home(tmp_path_factory.mktemp("small"), practices=3, pcns=2, months=14)


@pytest.fixture
def config(small: Path, tmp_path: Path) -> Config:
    """Every GP practice of the small store, into a folder of the test's own."""
    return Config(home=small, out=tmp_path / "out", scope=("gp",), is_scope_given=True)


@pytest.fixture
def own_reference(tmp_path: Path) -> Path:
    """A copy of the reference folder that a test may change."""
    return shutil.copytree(find_reference(), tmp_path / "reference")
