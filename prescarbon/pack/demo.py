"""The whole job on the SYNTHETIC sample."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from prescarbon.config import Config
from prescarbon.pack.folder import Pack
from prescarbon.pack.write import write_report
from prescarbon.reference.files import find_reference
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.atomic import writing_to
from prescarbon.store.months import Store

DAY = date(2026, 11, 24)  # of every demo, so that its bytes never change
Named = Callable[[str, int, int], None]


def show_nothing(name: str, done: int, of: int) -> None:
    """A progress that shows nothing."""


def write_demo(config: Config, *, as_of: date = DAY, progress: Named = show_nothing) -> Pack:
    """The whole job on the SYNTHETIC sample, in a store and a report folder of their own, never mixed with real months.

    as_of  the day its rules are read on, whatever the configuration says

    Raises:
        StoreError: a folder cannot be written to.
    """
    demo = replace(
        config,
        home=config.home / "demo",
        out=config.out / "demo",
        scope=("gp",),
        is_scope_given=True,
        show_draft_rules=True,
        as_of=as_of,
    )
    root = find_reference(config.reference)
    with writing_to(demo.home, "Choose another folder with --home."):
        sample = write_sample(demo.home / "sample", root / "sample" / "catalogue.csv", seed=config.seed)
    import_organisations(sample.organisations, demo.home)
    for done, file in enumerate(sample.epd, start=1):
        take_file(Store(demo.home), file, replace=True)
        progress("months", done, len(sample.epd))
    return write_report(demo, progress=lambda done, of: progress("pages", done, of))
