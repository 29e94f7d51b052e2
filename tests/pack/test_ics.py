"""What the SRO's page adds: England as a landmark, places, returns that somebody sent in, restatements."""

import shutil
from dataclasses import replace

import pytest

from prescarbon.config import Config
from prescarbon.model.period import Period
from prescarbon.pack import write as outputs
from prescarbon.pack.england import england_figures
from prescarbon.pack.ics import gases
from prescarbon.pack.places import place_rows
from prescarbon.pack.views import make_views
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.kpis import held_against_targets
from prescarbon.reference.definitions import read_reference
from prescarbon.reference.files import find_reference
from prescarbon.tables.organisations import GROUP


@pytest.fixture(scope="module")
def evidence(home, tmp_path_factory) -> Evidence:
    config = Config(home=home, out=tmp_path_factory.mktemp("out"), scope=("gp",), is_scope_given=True)
    return gather(config, months=24)


def test_england_is_every_prescriber_together(evidence):
    """Where the scope is all there is, England is the sum of its practices."""
    period = evidence.period
    everyone = replace(evidence.config, scope=("all",))
    pages = make_views(gather(everyone, months=24)).pages
    england = england_figures(evidence, period, practices=12)
    kilograms, devices = sum(p.inhaler_kg.central for p in pages), sum(p.inhalers for p in pages)
    assert england.kg_per_inhaler == pytest.approx(kilograms / devices)
    people = evidence.list_sizes.filter(month=period.last)["patients"].sum()
    assert england.kg_per_1000 == pytest.approx(kilograms / people * 1000)


def test_part_of_england_is_no_england(evidence):
    assert england_figures(evidence, evidence.period) is None
    assert england_figures(evidence, evidence.period, practices=10_000) is None
    young = Period.ending(evidence.months[0], 12, evidence.months)
    assert (young.count, england_figures(evidence, young, practices=1)) == ("1 of 12 months", None)


def test_england_and_what_an_earlier_run_said_stand_on_the_pages(home, tmp_path, monkeypatch):
    monkeypatch.setattr("prescarbon.pack.findings.england_figures", lambda e, p: england_figures(e, p, practices=12))
    config = Config(home=home, out=tmp_path, scope=("gp",), is_scope_given=True)
    outputs.write_report(replace(config, gwp_basis="AR5"))
    pack = outputs.write_report(config)
    words = read_reference().wording
    assert words["beside"]["england"] in pack.pages[0].read_text("utf-8")
    assert words["beside"]["no_england"] not in pack.pages[0].read_text("utf-8")
    system = (pack.folder / "ics.html").read_text("utf-8")
    assert "gwp_basis was AR5, is AR6" in system
    assert words["ics"]["no_restatement"] not in system


def test_places_hold_their_practices_and_the_rest_is_counted_in_none(evidence, tmp_path):
    folder = shutil.copytree(find_reference(), tmp_path / "reference")
    codes = '", "'.join(evidence.practices["practice_code"][:4])
    source = next(iter(evidence.reference.sources))
    place = f'[here]\nname = "Here"\nsource_id = "{source}"\npractice_codes = ["{codes}"]\n'
    (folder / "organisations" / "places.toml").write_text(place)
    views = make_views(gather(replace(evidence.config, reference=folder), months=24))
    here, nowhere = place_rows(views.findings, views.pages)
    assert (here.name, here.practices, nowhere.practices) == ("Here", 4, 8)
    for row, pages in ((here, views.pages[:4]), (nowhere, views.pages[4:])):
        assert row.inhaler_kg.central == pytest.approx(sum(p.inhaler_kg.central for p in pages), abs=0.01)
        assert row.inhalers == pytest.approx(sum(p.inhalers for p in pages))


def test_no_listed_place_gives_no_row(evidence):
    views = make_views(evidence)
    assert list(place_rows(views.findings, views.pages)) == []


def test_a_return_that_was_sent_in_is_measured_and_the_others_wait(evidence, tmp_path):
    file = tmp_path / "returns.csv"
    file.write_text(
        "organisation_code,level,period_start,period_end,kpi_id,value\nQHG,icb,2025-04-01,2026-03-01,annex-2,0.4\n"
    )
    told = held_against_targets(gather(replace(evidence.config, kpi_returns=file), months=24), GROUP)
    rows = {r["kpi_id"]: r for r in told.rows}
    assert (rows["annex-2"]["value"], rows["annex-2"]["status"]) == (0.4, "measured")
    assert {rows[f"annex-{n}"]["status"] for n in (1, 3, 4, 5)} == {"awaiting return"}


def test_no_gas_in_the_rows_is_no_zero(evidence):
    assert gases(evidence, read_reference().wording) == read_reference().wording["ics"]["gases_none"]
