from datetime import date
from pathlib import Path

import polars as pl
import pytest

from prescarbon.errors import DefinitionError, InputError
from prescarbon.model.opportunities.pairs import hand_over, resolve_pairs, search_words
from prescarbon.model.opportunities.rules import match_codes, pattern_table
from prescarbon.reference.checks import find_faults
from prescarbon.reference.definitions import read_reference
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


def test_every_fault_of_a_file_is_named_at_once():
    with pytest.raises(DefinitionError, match=r"kind.*effort.*commitment"):
        parse_rule(raw_rule(kind="nudge", effort="none", commitment=["z"]), "x.toml")


def faults(rules, dose_categories=None, licences=None):
    return "\n".join(map(str, over_rules(rules, dose_categories or {}, licences or {})))


def test_a_strength_change_under_a_like_for_like_label_is_seen_from_the_codes():
    across = rule(
        is_like_for_like=True,
        from_={"words": "Seretide 125", "codes": ["0302000N0BCAEBF"]},
        to={"words": "Accuhaler 500", "codes": ["0302000N0BCACAZ"]},
        dose={"category_from": "moderate", "category_to": "moderate"},
    )
    doses = {"0302000N0BCAEBF": "moderate", "0302000N0BCACAZ": "high"}
    assert "across dose categories" in faults([across], doses)
    assert faults([across], {"0302000N0BCAEBF": "moderate"}) == ""


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
    assert len(shipped.rules) == 52
    assert all(r.why_draft(date(2026, 11, 24)) == "no clinical sign-off yet" for r in shipped.rules)
    families = {r.family for r in shipped.rules}
    assert {
        "SABA over-reliance", "SABA pMDI", "HFA-227ea ICS/LABA", "ICS pMDI", "ICS/LABA pMDI", "LABA pMDI",
        "triple and LAMA pMDI", "reusable Respimat", "insulin pens", "spacer gap", "medicines of low value",
        "script duration", "soluble and liquid forms",
    } <= families  # fmt: skip
    assert shipped.rules[0].family == "SABA over-reliance"


def test_no_text_that_a_page_may_show_has_a_banned_word(shipped):
    texts = [
        text
        for r in shipped.rules
        for text in (r.title, r.caveats, r.evidence, search_words(r), r.saving_source, r.achievable_source)
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
            "review_by": [date(9999, 12, 31)],
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
