"""The whole job on the SYNTHETIC sample."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from prescarbon.config import Config
from prescarbon.pack.folder import Pack
from prescarbon.pack.write import write_report
from prescarbon.pipeline.local import make_local_folder
from prescarbon.pipeline.signing import keep_decisions
from prescarbon.reference.content import hash_of_content
from prescarbon.reference.definitions import reference_of
from prescarbon.reference.files import find_reference
from prescarbon.reference.local_folder import SIGNOFF, local_folder
from prescarbon.reference.signoff import APPROVED, Decision
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.atomic import writing_to
from prescarbon.store.months import Store

DAY = date(2026, 11, 24)  # of every demo, so that its bytes never change
# rules that the demo shows as signed, where they are on: the others are drafts
SIGNED_IN_THE_DEMO = ("SA01", "TR01", "TR02", "BR01", "BR02", "DV04", "DV12", "DV22", "PK01", "NI03", "NI07", "SP01")
SIGNED_ON, REVIEW_BY = date(2026, 10, 5), date(2027, 10, 5)
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
        local=None,
    )
    root = find_reference(config.reference)
    with writing_to(demo.home, "Choose another folder with --home."):
        sample = write_sample(demo.home / "sample", root / "sample" / "catalogue.csv", seed=config.seed)
    import_organisations(sample.organisations, demo.home)
    for done, file in enumerate(sample.epd, start=1):
        take_file(Store(demo.home), file, replace=True)
        progress("months", done, len(sample.epd))
    sign_some(demo)
    return write_report(demo, progress=lambda done, of: progress("pages", done, of))


def sign_some(demo: Config) -> None:
    """The local folder of the demo, with SYNTHETIC signatures of the rules as they are now."""
    make_local_folder(demo)
    (local_folder(demo.home, demo.local) / SIGNOFF).unlink()  # of an earlier demo, whose rules may have been others
    reference = reference_of(demo)
    on = {rule.id for rule in reference.switches.rules if rule.is_on}
    signed = [
        Decision(
            rule_id=rule_id,
            content_hash=hash_of_content(reference.contents[rule_id]),
            decision=APPROVED,
            author_role="SYNTHETIC pharmacist",
            approver_role="SYNTHETIC respiratory lead",
            body="SYNTHETIC prescribing committee",
            minute="SYNTHETIC 1/26",
            date=SIGNED_ON,
            review_by=REVIEW_BY,
        )
        for rule_id in SIGNED_IN_THE_DEMO
        if rule_id in on
    ]
    keep_decisions(demo, reference, signed)
