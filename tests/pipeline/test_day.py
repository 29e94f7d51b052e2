"""The day that rules, formulary and supply are read on: in the list, in what is held back, and in the note that says so."""

import warnings
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon import open_store
from prescarbon.config import Config
from prescarbon.errors import DefinitionError
from prescarbon.model.opportunities.rules import Signature
from prescarbon.pipeline.opportunities import find
from prescarbon.reference import definitions
from prescarbon.reference.files import Files, find_reference
from prescarbon.reference.switches import Switches, read_switches

LAST_DAY, DAY_AFTER = date(2027, 5, 24), date(2027, 5, 25)  # of reviews as shipped


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shipped rule with a signature that holds for ever, and no review of its own before 2090."""
    by = Signature("A committee", date(2026, 11, 24), date(2090, 1, 1), "pharmacist", "medical director", "12")

    def sign(files: Files, formulary: Path | None = None) -> Switches:
        found = read_switches(files, formulary)
        rules = tuple(replace(r, signature=by, review_by=date(2090, 1, 1)) for r in found.rules)
        return replace(found, rules=rules)

    monkeypatch.setattr(definitions, "read_switches", sign)


def config(home: Path, as_of: date, **others: object) -> Config:
    return Config(home=home, out=home / "out", scope=("gp",), is_scope_given=True, as_of=as_of, **others)


def lines(home: Path, as_of: date, **others: object) -> pl.DataFrame:
    return find(config(home, as_of), **others).lines


@pytest.mark.usefixtures("signed")
def test_the_list_is_the_same_up_to_the_last_day_and_no_longer(home: Path) -> None:
    first = lines(home, date(2026, 11, 24))
    assert not first["is_draft"].any()
    assert lines(home, LAST_DAY).equals(first)
    late = lines(home, DAY_AFTER)
    drafts = set(late.filter("is_draft")["rule_id"])
    assert "TR02" in drafts  # its relievers' propellant may be another by now
    assert drafts.isdisjoint({"SP01", "NI01", "NI02"})
    why = late.filter(pl.col("rule_id") == "TR02")["why_draft"].unique().to_list()
    assert len(why) == 1
    assert "was to be reviewed by 24 May 2027" in why[0]
    same = late.drop("is_draft", "why_draft")
    assert same.equals(first.drop("is_draft", "why_draft"))  # the numbers are those of the data's month


@pytest.mark.usefixtures("signed")
def test_what_is_overdue_is_held_back_like_any_draft(home: Path) -> None:
    shown = set(lines(home, LAST_DAY, include_drafts=False)["rule_id"])
    after = set(lines(home, DAY_AFTER, include_drafts=False)["rule_id"])
    assert after < shown
    assert shown - after == set(lines(home, DAY_AFTER).filter("is_draft")["rule_id"])


def test_an_overdue_formulary_gives_no_target(home: Path) -> None:
    has_target = pl.col("to_codes") != ""
    assert lines(home, date(2027, 11, 24)).filter(has_target).height
    assert lines(home, date(2027, 11, 25)).filter(has_target).height == 0


def test_one_sentence_says_what_is_overdue_and_since_when(home: Path) -> None:
    assert (
        find(config(home, LAST_DAY)).evidence.manifest("report").warnings
        == find(config(home, LAST_DAY)).evidence.warnings
    )
    evidence = find(config(home, DAY_AFTER)).evidence
    (told,) = set(evidence.manifest("report").warnings) - set(evidence.warnings)
    assert told.startswith("Overdue for review on 25 May 2027: BR01, BR02, BR03 and ")
    assert "(by 24 May 2027); the propellant of " in told
    assert "; the factor of " in told
    assert "; on the formulary Clenil Modulite 200" in told
    (later,) = find(config(home, date(2027, 11, 25))).evidence.overdue
    assert "(by 24 November 2027)" in later
    assert "\n" not in later


def test_a_hostile_name_of_an_own_formulary_steers_nothing(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    shipped = (find_reference() / "formulary" / "default.csv").read_text("utf-8")
    own.write_text(shipped.replace("Clenil Modulite 200", "\x1b[2J\u202e<b>200"), "utf-8")
    (told,) = find(config(home, DAY_AFTER, formulary=own)).evidence.overdue
    assert "on the formulary [2J<b>200micrograms/dose inhaler" in told
    assert told.isprintable()


def test_a_product_off_the_list_is_off_on_the_day_and_not_in_the_datas_month(home: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("bnf_code,off_from,off_to,reason\n0301011R0BIAFAP,2026-12-01,2026-12-31,supply notice\n")
    to_salamol = pl.col("to_codes") == "0301011R0BIAFAP"

    def found(day: date) -> int:
        return find(config(home, day, excluded_products=short)).lines.filter(to_salamol).height

    assert found(date(2026, 11, 30)) == found(date(2027, 1, 1)) > 0
    assert found(date(2026, 12, 1)) == found(date(2026, 12, 31)) == 0


def test_a_notebook_asks_of_a_day_and_is_told_once_what_is_overdue(home: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        early = open_store(home, as_of="2026-11-24").opportunities(scope="gp").collect()
    store = open_store(home, as_of=date(2027, 11, 25))
    with pytest.warns(UserWarning, match="Overdue for review on 25 November 2027"):
        late = store.opportunities(scope="gp").collect()
    assert late.height < early.height
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.opportunities(scope="gp").collect().equals(late)
    with pytest.raises(DefinitionError, match="as_of = '24/11/2026' is not allowed"):
        open_store(home, as_of="24/11/2026")
