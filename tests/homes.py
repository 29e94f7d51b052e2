"""SYNTHETIC stores for tests that need one on disk."""

from pathlib import Path

from prescarbon.reference.files import find_reference
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.months import Store


def fill_home(home: Path, *, practices: int, pcns: int, months: int) -> Path:
    """Write a sample to sample/ of the home and take all its months and organisations into the store."""
    catalogue = find_reference() / "sample" / "catalogue.csv"
    sample = write_sample(home / "sample", catalogue, practices=practices, pcns=pcns, months=months)
    import_organisations(sample.organisations, home)
    for file in sample.epd:
        take_file(Store(home), file)
    return home
