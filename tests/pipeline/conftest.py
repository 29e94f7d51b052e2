from pathlib import Path

import pytest

from prescarbon.reference import find_reference
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.months import Store


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 26 SYNTHETIC months of 12 practices in 3 PCNs."""
    home = tmp_path_factory.mktemp("home")
    sample = write_sample(
        home / "sample", find_reference() / "sample" / "catalogue.csv", practices=12, pcns=3, months=26
    )
    import_organisations(sample.organisations, home)
    for file in sample.epd:
        take_file(Store(home), file)
    return home
