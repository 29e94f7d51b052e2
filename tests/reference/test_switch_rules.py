import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon.errors import DefinitionError, InputError
from prescarbon.model.opportunities.pairs import hand_over, resolve_pairs, search_words
from prescarbon.model.opportunities.rules import match_codes, pattern_table
from prescarbon.reference.checks import find_faults
from prescarbon.reference.definitions import read_reference
from prescarbon.reference.doses import facts_by_code
from prescarbon.reference.files import Files
from prescarbon.reference.formulary import formulary_of
from prescarbon.reference.keys import BANNED
from prescarbon.reference.local import LocalFiles, read_actions_log
from prescarbon.reference.switches import over_rules, read_switches
from tests.model.switch_builders import EASYHALER, SALAMOL, VENTOLIN, products, raw_rule, rule
from tests.parsed import parse_guard, parse_rule

REFERENCE = Path(__file__).resolve().parents[2] / "reference"


@pytest.fixture(scope="module")
def shipped():
    return read_switches(Files(REFERENCE))


# what a rule file may not say


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": "Bulk switch Ventolin to Salamol"}, "'Bulk switch' may not appear"),
        ({"caveats": "Blanket changes save most."}, "'Blanket change' may not appear"),
        ({"caveats": "Most patients agree."}, "'patients' may not appear"),
        ({"search": "Every patient with an issue"}, "'patient' may not appear"),
        ({"excluded": ["patients who object"]}, "'patients' may not appear"),
        ({"dose": {"words": "mass switch"}}, "may not appear"),
        ({"is_like_for_like": True, "dose": {"category_from": "low", "category_to": "high"}}, "across dose categories"),
        ({"to": {"words": "Salamol"}}, "must name its target"),
        ({"dose": {"ratio": 0.0}}, "dose equivalence"),
        ({"dose": None}, "dose equivalence"),
        ({"excluded": []}, "who it is not for"),
        ({"achievable": {"share": 0.3, "source": ""}}, "cite its source"),
        ({"achievable": {"share": 30.0, "source": "s"}}, "0 to 1"),
        ({"saving": {"kg_low": 2, "kg_co2e": 1, "kg_high": 3, "source": "s"}}, "low ≤ central ≤ high"),
        ({"evidence": {"words": ""}}, "evidence.words: is empty"),
        ({"evidence": {"url": "a book"}}, "no web address"),
        ({"kind": "nudge"}, "kind: 'nudge' is not one of over-use"),
        ({"commitment": ["d"]}, "commitment: 'd' is not one of a, b, c"),
        ({"commitment": []}, "commitment: is empty"),
        ({"from_": {"codes": ["Ventolin"]}}, "'Ventolin' is no BNF code"),
        ({"to": {"pairs": {"Ventolin": SALAMOL}}}, "to.pairs.Ventolin: 'Ventolin' is no BNF code"),
        ({"to": {"pairs": {VENTOLIN: "Salamol"}}}, f"to.pairs.{VENTOLIN}: 'Salamol' is no BNF code"),
        ({"from_": {"codes": []}}, "neither codes nor a drug_class"),
        ({"from_": {"device_type": ["puffer"]}}, "from.device_type: 'puffer' is not one of"),
        ({"review_by": None}, "review_by: is missing"),
        ({"draft": True}, "draft: 'True' is an unknown key"),
        ({"kind": "duration", "dose": None, "to": None}, "state its days"),
        ({"valid_to": date(2020, 1, 1)}, "valid_to comes before"),
        ({"is_on": False}, "off_because: a rule that is off must say why"),
        ({"is_on": False, "off_because": " "}, "off_because: a rule that is off must say why"),
        ({"dose": {"from_puffs": None, "to_puffs": None}}, "must state its regimen"),
        ({"dose": {"to_puffs": None}}, "must state its regimen"),
        ({"dose": {"to_puffs": 0}}, "dose.to_puffs: '0' must be above 0"),
        ({"dose": {"from_times": 2}}, "from_times and to_times stand together"),
        ({"title": "As DV14, at half the price"}, r"title: names a rule by its id \(DV14\)"),
        ({"excluded": ["people of TR01"]}, r"excluded: names a rule by its id \(TR01\)"),
        ({"checks": ["TR01 first"]}, r"checks: names a rule by its id \(TR01\)"),
        ({"caveats": "Extrafine trap as DV07."}, r"caveats: names a rule by its id \(DV07\)"),
        ({"dose": {"words": "as DV07"}}, r"dose.words: names a rule by its id \(DV07\)"),
        ({"caveats": "[C] half the carbon."}, r"caveats: has an author's mark \(\[C\]\)"),
        ({"evidence": {"words": "[S] a press release"}}, r"evidence.words: has an author's mark \(\[S\]\)"),
        ({"colour": "red"}, "colour: 'red' is an unknown key"),
        ({"from_": {"color": "red"}}, "from.color: 'red' is an unknown key"),
        ({"evidence": None}, "evidence: is missing"),
    ],
)
def test_a_wrong_rule_is_refused_at_load_with_file_and_reason(changes, said):
    with pytest.raises(DefinitionError, match=said) as refused:
        parse_rule(raw_rule(**changes), "BR01-ventolin.toml")
    assert str(refused.value).startswith("BR01-ventolin.toml: ")
    assert refused.value.exit_code == 5


def test_a_note_to_the_author_may_name_rules_and_a_guideline_is_no_rule():
    told = rule(note="as DV14 [C]", caveats="NG245 1.7.11: step down first.", is_on=False, off_because="too dear")
    assert (told.note, told.is_on) == ("as DV14 [C]", False)


def test_insulin_needs_no_puffs():
    pens = rule(
        kind="device reuse", from_={"words": "pens", "codes": ["0601012V0BBAEAD"]},
        dose={"from_puffs": None, "to_puffs": None},
    )  # fmt: skip
    assert pens.from_puffs is None


def test_every_fault_of_a_file_is_named_at_once():
    with pytest.raises(DefinitionError, match=r"kind.*effort.*commitment"):
        parse_rule(raw_rule(kind="nudge", effort="none", commitment=["z"]), "x.toml")


BANDS = {"low": (400.0, 500.0), "moderate": (800.0, 1000.0), "high": (1600.0, 2000.0)}


def faults(rules, facts=None, licences=None):
    return "\n".join(map(str, over_rules(rules, facts or {}, BANDS, licences or {})))


def test_a_strength_change_under_a_like_for_like_label_is_seen_from_the_codes():
    across = rule(
        is_like_for_like=True,
        from_={"words": "Seretide 125", "codes": ["0302000N0BCAEBF"]},
        to={"words": "Accuhaler 500", "codes": ["0302000N0BCACAZ"]},
        dose={"category_from": "moderate", "category_to": "moderate"},
    )
    facts = facts_by_code(Files(REFERENCE))
    doubled = replace(across, from_puffs=2, from_times=2, to_puffs=2, to_times=2)
    assert "0302000N0BCACAZ stands for 4000 to 4000 micrograms a day" in faults([doubled], facts)  # 500 FP × 2 × 4
    fewer = replace(across, from_puffs=2, from_times=2, to_puffs=1, to_times=2)
    assert "changes the strength" in faults([fewer], facts)
    other = replace(across, to_codes=("0302000K0BDABAM",))
    assert "is another medicine" in faults([other], facts)


def test_a_ratio_that_the_doses_do_not_give_is_a_fault():
    facts = facts_by_code(Files(REFERENCE))
    clenil = rule(
        from_={"words": "Clenil 100", "codes": ["0302000C0BPABBF"]},
        to={"words": "Easyhaler Beclometasone 200", "codes": ["0302000C0BNAABU"]},
        dose={"ratio": 0.5, "from_puffs": 2, "from_times": 2, "to_puffs": 1, "to_times": 2},
    )
    assert faults([clenil], facts) == ""  # 200 doses ÷ 4 a day = 50 days; 200 ÷ 2 = 100 days: half a device
    assert "is 1, but doses a device and regimen give 0.50" in faults([replace(clenil, ratio=1.0)], facts)
    too_many = replace(clenil, to_codes=("0302000C0BRABCA",), to_puffs=3, ratio=None)  # 6 a day, licensed for 4
    assert "at most 4" in faults([too_many], facts)


@pytest.mark.parametrize("words", ["spacer users", "aged under 12 (NHS England advice)"])
def test_a_target_outside_its_licence_age_needs_its_words(words):
    assert "licensed from 18" in faults([rule(excluded=[words])], {}, {SALAMOL: (18, None)})
    adults = rule(excluded=[words, "aged under 18 (target not licensed)"])
    assert faults([adults], {}, {SALAMOL: (18, None)}) == ""


def test_a_target_licensed_for_one_disease_needs_its_name():
    assert "licensed for COPD only" in faults([rule()], {}, {SALAMOL: (None, "COPD")})
    assert faults([rule(excluded=["not confirmed COPD"])], {}, {SALAMOL: (None, "COPD")}) == ""


def test_two_rules_may_not_share_an_id_and_an_alternative_must_exist():
    assert "X1: two rules have this id" in faults([rule(), rule()])
    assert "alternative_to DV99 is no other rule" in faults([rule(alternative_to="DV99")])


@pytest.mark.parametrize(
    ("guard", "said"),
    [
        ({"id": "NG1", "reason": "r", "from_codes": ["0302"]}, "evidence_url: is missing"),
        ({"id": "NG1", "reason": "r", "from_codes": [], "evidence_url": "u"}, "from_codes: is empty"),
        ({"id": "NG1", "reason": "r", "from_codes": ["Qvar"], "evidence_url": "u"}, "'Qvar' is no BNF code"),
        ({"id": "NG1", "reason": "r", "from_codes": ["0302"], "evidence_url": "u", "to": []}, "to: is an unknown key"),
    ],
)
def test_a_wrong_guard_is_refused(guard, said):
    with pytest.raises(DefinitionError, match=said):
        parse_guard(guard, "guards.toml")


# patterns and hand-over


def test_codes_match_whole_by_prefix_and_by_pattern():
    named = {"whole": [VENTOLIN], "prefix": ["0301011R0B"], "pattern": ["0407010F0%AC"]}
    codes = pl.LazyFrame({"bnf_code": [VENTOLIN, SALAMOL, "0407010F0AAACAC", "0407010F0AAADAD", "2101023010"]})
    got = match_codes(pattern_table(named), codes).sort("rule_id", "bnf_code").collect().rows()
    assert got == [("pattern", "0407010F0AAACAC"), ("prefix", VENTOLIN), ("prefix", SALAMOL), ("whole", VENTOLIN)]


def test_the_hand_over_lists_codes_names_snomed_and_a_search():
    snomed = pl.LazyFrame({"bnf_code": [VENTOLIN], "snomed_code": ["39113611000001102"]})
    got = hand_over([rule()], products(), snomed).collect()
    assert got.select("side", "bnf_code", "product_name", "snomed_code").rows() == [
        ("from", VENTOLIN, "Ventolin", "39113611000001102"),
        ("to", SALAMOL, "Salamol", None),
    ]
    assert got["search"][0].startswith("People with an issue of Ventolin Evohaler 100 in the last 12 months")
    assert "Leave out: known intolerance of an excipient." in got["search"][0]


def test_the_hand_over_opens_a_prefix_as_the_rule_narrows_it_and_keeps_what_is_no_inhaler():
    salbutamol = rule(
        from_={"words": "pMDI", "codes": ["0301011R0"], "device_type": ["pMDI"]}, to=None, dose=None, kind="safety"
    )
    by_class = rule(
        id="X2",
        from_={"words": "pMDI", "codes": [], "drug_class": ["ICS"], "device_type": ["pMDI"]},
        to=None,
        dose=None,
        kind="safety",
    )
    soluble = rule(id="X3", from_={"words": "soluble", "codes": ["0407010F0%AC"]}, to=None, dose=None, kind="form")
    got = hand_over([salbutamol, by_class, soluble], products()).collect()
    assert got.select("rule_id", "bnf_code").rows() == [
        ("X1", VENTOLIN), ("X1", SALAMOL), ("X2", "0302000C0BPABBF"), ("X3", "0407010F0%AC"),
    ]  # fmt: skip


def test_a_rules_own_search_wording_comes_first():
    assert (
        search_words(rule(search="People with asthma and 3 or more issues."))
        == "People with asthma and 3 or more issues."
    )


# the shipped rules


def test_the_shipped_rules_load_and_are_drafts_until_someone_signs(shipped):
    assert len(shipped.rules) == 67
    assert all(r.why_draft(date(2026, 11, 24)) == "no clinical sign-off yet" for r in shipped.rules)
    families = {r.family for r in shipped.rules}
    assert {
        "SABA over-reliance", "SABA pMDI", "HFA-227ea ICS/LABA", "ICS pMDI", "ICS/LABA pMDI", "LABA pMDI",
        "triple and LAMA pMDI", "reusable Respimat", "insulin pens", "spacer gap", "medicines of low value",
        "script duration", "soluble and liquid forms",
    } <= families  # fmt: skip
    assert shipped.rules[0].family == "SABA over-reliance"


OFF = {
    "BR03", "DR01", "DR05", "DR07", "DR10", "DR13", "DV02", "DV09", "DV10", "DV11", "DV14", "DV16", "DV17", "DV20", "DV21",
    "DV24", "NI08", "NI12", "NI15", "NI21", "NI23", "NI24",
}  # fmt: skip


def test_the_rules_that_are_off_are_these_and_each_says_why(shipped):
    off = {r.id: r.off_because for r in shipped.rules if not r.is_on}
    assert off.keys() == OFF
    assert all(len(why) > 40 for why in off.values())


def test_every_inhaler_switch_has_who_it_is_for_and_what_to_check(shipped):
    switches = [r for r in shipped.rules if r.kind == "product switch"]
    assert len(switches) == 39
    assert [r.id for r in switches if not (r.indication and r.from_age and r.checks and r.excluded)] == []
    for r in switches:
        ages = [int(found) for text in (*r.excluded, r.caveats) for found in re.findall(r"under (\d+)", text)]
        assert max(ages) >= r.from_age, r.id


def test_the_ratio_of_every_pair_is_that_of_its_regimen(shipped):
    """Days a source device lasts ÷ days a target device does, where the products' doses are known."""
    facts = facts_by_code(Files(REFERENCE))
    doses = {code: row["doses_per_device"] for code, row in facts.items() if row["doses_per_device"]}
    seen = set()
    for r in (r for r in shipped.rules if r.from_puffs):
        pairs = r.to_pairs.items() or [(a, b) for a in r.from_codes for b in r.to_codes]
        for source, target in pairs:
            if source in doses and target in doses:
                before = doses[source] / (r.from_puffs * (r.from_times or 1))
                after = doses[target] / (r.to_puffs * (r.to_times or 1))
                assert r.ratio == pytest.approx(before / after, rel=1e-3), (r.id, source, target)
                seen.add(r.id)
    assert {"DV02", "DV04", "DV08", "DV23", "DR03", "DV21", "BR03"} <= seen


def test_nothing_that_changes_drug_or_strength_is_called_like_for_like(shipped):
    like = {r.id for r in shipped.rules if r.is_like_for_like}
    assert not like & {"DV02", "DV04", "DV05", "DV07", "DV08", "DV18", "DV19", "DV23", "BR03"}
    assert not [name for name in like if name.startswith("DR")]


def test_generic_beclometasone_100_and_50_are_no_source_because_they_may_be_clenil_or_qvar(shipped):
    either = {"0302000C0AABFBF", "0302000C0AABEBE"}
    assert [r.id for r in shipped.rules if r.kind == "product switch" and either & {*r.from_codes}] == []


def test_a_pack_whose_doses_cannot_be_told_is_no_target_of_a_rule_that_is_on(shipped):
    """Fobumix 160/4.5 has packs of 60 and 120 under one code; WockAIR 160/4.5 holds 60 where its rules counted 120."""
    on = [r for r in shipped.rules if r.is_on and r.kind == "product switch"]
    assert not {"0302000K0BIABAM", "0302000K0BJAAAM"} & {c for r in on for c in r.to_codes}


def test_insulin_that_is_going_or_short_is_no_source_and_no_target(shipped):
    on = [r for r in shipped.rules if r.is_on and r.kind == "device reuse"]
    named = {code for r in on for pair in r.to_pairs.items() for code in pair} | {c for r in on for c in r.from_codes}
    gone = {
        "0601012V0AAADAD",
        "0601011A0BBAEAC",
        "0601011L0BCACAF",
        "0601012S0BGADAL",
        "0601012S0BGAFAI",
        "0601012Z0BBABAB",
    }
    assert not named & gone  # generic glargine, NovoRapid FlexTouch, lispro Sanofi, Humulin I, Tresiba FlexTouch


def test_no_text_that_a_page_may_show_has_a_banned_word(shipped):
    texts = [
        text
        for r in shipped.rules
        for text in (
            *(r.title, r.caveats, r.off_because, r.evidence, search_words(r), r.saving_source, r.achievable_source),
            *r.checks,
        )
    ]
    texts += [g.reason for g in shipped.guards]
    assert [t for t in texts if BANNED.search(t)] == []


def test_every_target_of_a_shipped_rule_is_on_the_default_formulary(shipped):
    listed = set(shipped.formulary.collect()["bnf_code"])
    changes = [r for r in shipped.rules if r.kind in ("product switch", "refill", "device reuse")]
    assert {c for r in changes for c in (*r.to_codes, *r.to_pairs.values())} <= listed


def test_each_of_the_never_rules_is_a_guard_and_no_shipped_rule_breaks_one(shipped):
    assert {g.id for g in shipped.guards} >= {f"NG{n:02d}" for n in range(1, 12)}
    every_source = pl.LazyFrame({"bnf_code": sorted({c for r in shipped.rules for c in r.from_codes if len(c) == 15})})
    every_target = sorted({c for r in shipped.rules for c in (*r.to_codes, *r.to_pairs.values())})
    known = pl.LazyFrame({"bnf_code": sorted(set(every_target))}).with_columns(
        drug_class=pl.lit("SABA"), device_type=pl.lit("DPI"), propellant=pl.lit("none"),
        valid_from=pl.lit(date(2010, 1, 1)), valid_to=pl.lit(date(9999, 12, 31)),
    )  # fmt: skip
    # sources of any device, so that only the guards speak
    pairs = resolve_pairs(
        [r for r in shipped.rules if r.kind != "safety"], shipped.guards, every_source,
        known, no_factors(), shipped.formulary, pl.LazyFrame(schema={"bnf_code": pl.String, "off_from": pl.Date, "off_to": pl.Date, "reason": pl.String}),
        month=date(2026, 9, 1), read_on=date(2026, 11, 1),
    ).collect()  # fmt: skip
    assert pairs.filter(pl.col("refused").str.starts_with("NG")).height == 0


def no_factors() -> pl.LazyFrame:
    return pl.LazyFrame(
        schema={
            "key": pl.String, "key_kind": pl.String, "kg_low": pl.Float64, "kg_co2e": pl.Float64, "kg_high": pl.Float64,
            "valid_from": pl.Date, "valid_to": pl.Date,
        }
    )  # fmt: skip


HOSTILE = {
    "NG01": ("0302000C0BQAABX", "0302000C0BUAABX", 1.0),  # Fostair to Luforbec: no carbon in it
    "NG02": ("0302000C0BPABBF", "0302000C0BTACBF", 1.0),  # Clenil to Soprobec
    "NG03": (SALAMOL, "0301011R0BMAAAP", 1.0),  # Salamol to Airomir, both small cans
    "NG04": ("0302000AABBABAB", "0302000AABBACAC", 1.0),  # asthma-only Trimbow to a COPD device
    "NG05": ("0302000Y0BBAAAA", "0302000AABBACAC", 1.0),  # Trixeo as a high-carbon source
    "NG06": ("0302000N0BDAABJ", "0302000N0BDADBP", 1.0),  # Flutiform to K-haler
    "NG07": ("0302000C0BPAABE", "0302000C0BNAABU", 0.5),  # a children's pMDI to a DPI
    "NG08": ("0302000C0BRAABY", "0302000V0BBABAB", 1.0),  # MART user to Relvar
    "NG09": ("0302000C0BRAABY", "0302000C0BRABCA", 0.5),  # MART strength to one that is not
    "NG10": ("0302000C0BJABBF", "0302000C0BPABBF", 1.0),  # Qvar 100 to Clenil 100: half the dose
    "NG11": ("0302000N0BCAFBG", "0302000N0BCABAY", 1.0),  # Seretide 250 to Accuhaler 250: half the dose
    "NI05": ("0601012X0BBABAB", "0601012X0BBAAAA", 1.0),  # detemir pen to cartridge
}


@pytest.mark.parametrize("guard_id", sorted(HOSTILE))
def test_each_guard_refuses_the_pair_it_is_there_for(shipped, guard_id):
    source, target, ratio = HOSTILE[guard_id]
    hostile = rule(
        from_={"words": "source", "codes": [source]}, to={"words": "target", "codes": [target]}, dose={"ratio": ratio}
    )
    facts = pl.LazyFrame(
        {"bnf_code": [source, target], "drug_class": ["ICS"] * 2, "device_type": ["pMDI", "DPI" if guard_id != "NG03" else "pMDI"],
         "propellant": ["HFA-134a"] * 2, "valid_from": [date(2010, 1, 1)] * 2, "valid_to": [date(9999, 12, 31)] * 2}
    )  # fmt: skip
    every = pl.LazyFrame(
        {
            "bnf_code": [target],
            "on_from": [date(2010, 1, 1)],
            "on_to": [date(9999, 12, 31)],
            "review_by": [date(2099, 1, 1)],
        }
    )
    off = pl.LazyFrame(schema={"bnf_code": pl.String, "off_from": pl.Date, "off_to": pl.Date, "reason": pl.String})
    pairs = resolve_pairs(
        [hostile], shipped.guards, pl.LazyFrame({"bnf_code": [source]}), facts, no_factors(), every, off,
        month=date(2025, 9, 1), read_on=date(2025, 11, 1),
    ).collect()  # fmt: skip
    assert pairs["refused"][0].startswith(f"{guard_id}: ")


# local files


def test_local_files_are_typed_and_a_wrong_cell_is_named(tmp_path):
    log = tmp_path / "actions.csv"
    log.write_text("practice_code,rule_id,started,owner_role\nK81001,BR01,2026-03-01,PCN pharmacist\n")
    assert read_actions_log(log, read_reference().rule_ids).collect().row(0) == (
        "K81001",
        "BR01",
        date(2026, 3, 1),
        "PCN pharmacist",
    )
    log.write_text("practice_code,rule_id,started,owner_role\nK81001,BR01,March,PCN pharmacist\n")
    with pytest.raises(InputError, match=r"actions.csv: line 2, started: 'March' is no date such as 2026-01-31"):
        read_actions_log(log, read_reference().rule_ids)
    log.write_text("practice_code,rule_id,started,owner_role\nK81001,,2026-03-01,PCN pharmacist\n")
    with pytest.raises(InputError, match=r"actions.csv: line 2, rule_id: is empty"):
        read_actions_log(log, read_reference().rule_ids)
    log.write_text("practice,rule\nK81001,BR01\n")
    with pytest.raises(InputError, match="The columns should be practice_code, rule_id, started, owner_role"):
        read_actions_log(log, read_reference().rule_ids)


def test_excluded_products_and_campaigns_read_and_a_doubled_formulary_line_is_refused(tmp_path):
    file = tmp_path / "local.csv"
    file.write_text(f"bnf_code,off_from,off_to,reason\n{EASYHALER},2026-01-01,2026-06-30,shortage\n")
    assert read_reference(local=LocalFiles(excluded_products=file)).excluded.collect()["reason"].to_list() == [
        "shortage"
    ]
    file.write_text("rule_id,started,note\nBR01,2022-06-01,announced by BLMK in 2022\n")
    assert read_reference(local=LocalFiles(campaigns=file)).campaigns.collect()["started"].to_list() == [
        date(2022, 6, 1)
    ]
    text = (REFERENCE / "formulary" / "default.csv").read_text("utf-8")
    file.write_text(text + text.splitlines()[1] + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="stands twice"):
        formulary_of(Files(REFERENCE), file)


def test_faults_of_several_files_come_together(tmp_path):
    folder = tmp_path / "switches"
    folder.mkdir()
    (folder / "a.toml").write_text("id = 'A1'\n")
    (folder / "b.toml").write_text("id = \n")
    with pytest.raises(DefinitionError) as refused:
        read_switches(Files(tmp_path))
    assert "a.toml: " in str(refused.value)
    assert "switches/b.toml: line 1: cannot be read as TOML" in str(refused.value)
    assert find_faults(read_reference(REFERENCE)) == []


def test_a_good_guard_is_taken():
    raw = {"id": "NG1", "reason": "r", "from_codes": ["0302"], "evidence_url": "https://example.org", "at_ratio": 1}
    assert parse_guard(raw, "guards.toml").at_ratio == 1.0
