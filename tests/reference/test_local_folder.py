"""What a place decides is laid over the shipped rules, and a signature holds only while the rule is what was signed."""

from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.opportunities.rules import Signature, SwitchRule
from prescarbon.pipeline.local import make_local_folder
from prescarbon.reference.checks import reference_faults
from prescarbon.reference.content import NOT_SEEN, content_hash, content_of, hash_of_content
from prescarbon.reference.definitions import read_reference, reference_of
from prescarbon.reference.local_folder import templates
from tests.model.switch_builders import rule

HEAD = "rule_id,content_hash,decision,author_role,approver_role,body,minute,date,review_by,note\n"
RULE = "DV04"  # any shipped rule with more than one exclusion


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = Config(home=tmp_path, out=tmp_path / "out")
    make_local_folder(config)
    return config


def hash_now(config: Config, rule_id: str = RULE) -> str:
    return hash_of_content(reference_of(config).contents[rule_id])


def sign(config: Config, *rows: str) -> None:
    (config.home / "local" / "signoff.csv").write_text(HEAD + "".join(f"{row}\n" for row in rows), "utf-8")


def row(content_hash: str, decision: str = "approved", on: str = "2026-10-05", review: str = "2027-10-05") -> str:
    roles = "respiratory pharmacist,medicines lead,Prescribing committee"
    return f"{RULE},{content_hash},{decision},{roles},5/26,{on},{review},"


def laid(config: Config, rule_id: str = RULE) -> SwitchRule:
    return next(r for r in reference_of(config).switches.rules if r.id == rule_id)


# the folder


def test_init_makes_every_file_once_and_overwrites_none(tmp_path):
    config = Config(home=tmp_path, out=tmp_path)
    first = make_local_folder(config)
    assert sorted(first["made"]) == sorted(templates())
    assert first["kept"] == []
    own = tmp_path / "local" / "campaigns.csv"
    own.write_text("rule_id,started,note\nBR01,2022-06-01,\n", "utf-8")
    (tmp_path / "local" / "excluded.csv").unlink()
    second = make_local_folder(config)
    assert second["made"] == ["excluded.csv"]
    assert "BR01" in own.read_text("utf-8")


def test_what_init_makes_is_sound_and_changes_nothing(config):
    assert reference_faults(config) == []
    bare = read_reference().switches
    assert reference_of(config).switches.rules == bare.rules
    assert reference_of(config).switches.formulary.collect().equals(bare.formulary.collect())


def test_the_folder_may_lie_elsewhere_and_a_named_file_wins(config, tmp_path):
    elsewhere = replace(config, local=tmp_path / "mine")
    make_local_folder(elsewhere)
    (tmp_path / "mine" / "campaigns.csv").write_text("rule_id,started,note\nBR01,2022-06-01,\n", "utf-8")
    assert reference_of(elsewhere).campaigns.collect()["rule_id"].to_list() == ["BR01"]
    named = tmp_path / "named.csv"
    named.write_text("rule_id,started,note\nDV04,2023-06-01,\n", "utf-8")
    both = replace(elsewhere, campaigns=named)
    assert reference_of(both).campaigns.collect()["rule_id"].to_list() == ["DV04"]


def test_what_is_laid_over_is_part_of_the_reference_data(config):
    before = reference_of(config).sha256
    assert before == reference_of(config).sha256
    for name in ("signoff.csv", "overrides.toml", "excluded.csv"):
        file = config.home / "local" / name
        file.write_text(file.read_text("utf-8") + "\n", "utf-8")
        after = reference_of(config).sha256
        assert after != before, name
        before = after


def test_a_formulary_with_rows_replaces_the_shipped_one_and_a_row_may_be_off(config):
    shipped = (read_reference().root / "formulary" / "default.csv").read_text("utf-8").splitlines()
    head, rows = shipped[0] + ",status", [f"{row},{'off' if n else 'on'}" for n, row in enumerate(shipped[1:3])]
    (config.home / "local" / "formulary.csv").write_text("\n".join([head, *rows]), "utf-8")
    assert reference_of(config).switches.formulary.collect()["bnf_code"].to_list() == [shipped[1].split(",")[0]]


# the content hash


def test_a_rule_edited_by_one_character_has_another_hash():
    before = rule(excluded=["aged under 12"])
    assert content_hash(before) == content_hash(rule(excluded=["aged under 12"]))
    assert content_hash(before) != content_hash(rule(excluded=["aged under 13"]))
    assert len(content_hash(before)) == 64


def test_every_field_but_those_for_the_author_is_in_the_hash():
    plain = rule()
    other = {str: "other", tuple: ("other",), bool: None, float: 9.75, int: 97, date: date(2031, 1, 1)}
    for f in fields(SwitchRule):
        now = getattr(plain, f.name)
        value = not now if isinstance(now, bool) else other.get(type(now), "other")
        value = {"a": "b"} if f.name == "to_pairs" else value
        is_other = content_hash(replace(plain, **{f.name: value})) != content_hash(plain)
        assert is_other is (f.name not in NOT_SEEN), f.name


def test_facts_of_the_products_are_in_the_hash_and_what_is_not_stated_is_not():
    assert content_hash(rule(), {"licence": {"X": [12, None]}}) != content_hash(rule(), {"licence": {"X": [18, None]}})
    assert content_hash(rule(), {"a_later_key": None, "another": ()}) == content_hash(rule())
    assert "to.words" in content_of(rule())


# signatures


def test_a_signature_is_laid_over_the_rule_it_was_given_to(config):
    sign(config, row(hash_now(config)))
    signed = laid(config)
    assert signed.signature == Signature(
        "Prescribing committee",
        date(2026, 10, 5),
        date(2027, 10, 5),
        "respiratory pharmacist",
        "medicines lead",
        "5/26",
    )
    assert signed.why_draft(date(2026, 11, 24)) is None
    assert laid(config, "DV05").why_draft(date(2026, 11, 24)) == "no clinical sign-off yet"


def test_the_digits_that_are_printed_are_enough(config):
    sign(config, row(hash_now(config)[:16]))
    assert laid(config).signature is not None


def test_a_changed_rule_is_a_draft_again_and_says_since_when(config):
    sign(config, row(hash_now(config)))
    (config.home / "local" / "overrides.toml").write_text(f'[{RULE}]\nexcluded = ["lives alone"]\n', "utf-8")
    lost = laid(config)
    assert lost.signature is None
    assert lost.why_draft(date(2026, 11, 24)) == "changed since it was signed on 5 October 2026"
    assert "lives alone" in lost.excluded


def test_a_licence_that_changes_takes_the_signature_away(config):
    target = laid(config).to_codes[0]
    shipped = (read_reference().root / "formulary" / "default.csv").read_text("utf-8")
    own = config.home / "local" / "formulary.csv"
    own.write_text(shipped, "utf-8")
    sign(config, row(hash_now(config)))
    assert laid(config).signature is not None
    (line,) = [text for text in shipped.splitlines() if text.startswith(target)]
    cells = line.split(",")
    cells[4] = str(int(cells[4] or 5) - 1)
    own.write_text(shipped.replace(line, ",".join(cells)), "utf-8")
    assert laid(config).signature_lost == "changed since it was signed on 5 October 2026"


@pytest.mark.parametrize(("decision", "words"), [("rejected", "rejected"), ("off", "switched off")])
def test_a_rejected_rule_is_off_also_after_it_changed(config, decision, words):
    sign(config, row("0" * 16, decision))
    said = f"{words} by Prescribing committee on 5 October 2026"
    assert (laid(config).is_on, laid(config).signature_lost, laid(config).off_because) == (False, said, said)


def test_the_newest_decision_holds_whatever_its_place_in_the_file(config):
    now = hash_now(config)
    sign(config, row(now, on="2026-11-02"), row(now, "rejected", on="2026-10-05"))
    assert laid(config).signature is not None
    sign(config, row(now), row(now, "rejected", on="2026-11-02"))
    assert laid(config).is_on is False


def test_a_signature_of_a_rule_that_is_no_more_stops_no_run(config):
    sign(config, row(hash_now(config)), row("0" * 16).replace(RULE, "OLD9"))
    assert laid(config).signature is not None
    assert reference_faults(config) == []


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"content_hash": "abc"}, "content_hash: 'abc' is no content hash"),
        ({"decision": "yes"}, "decision: 'yes' is none of approved, rejected, off"),
        ({"author_role": "Medicines  LEAD"}, "approver_role: 'medicines lead' is the author's role too"),
        ({"author_role": "Dr A Person"}, "looks like a person: write a role"),
        ({"approver_role": "a.person@example.org"}, "looks like a person"),
        ({"body": "=HYPERLINK(1)"}, "body: '=HYPERLINK(1)' begins like a formula"),
        ({"body": "<b>Committee</b>"}, "holds < or >"),
        ({"body": "Comm\u202eittee"}, "holds a control character"),
        ({"minute": "m" * 121}, "has 121 characters, at most 120 are kept"),
        ({"minute": "..."}, "says nothing"),
        ({"body": ""}, "body: is empty"),
        ({"date": "2999-01-01", "review_by": "2999-06-01"}, "date: '2999-01-01' is to come"),
        ({"review_by": "2026-10-05"}, "does not come after the date of the decision"),
        ({"review_by": "2028-10-06"}, "is more than 24 months after the decision, the most that our own policy allows"),
    ],
)
def test_a_wrong_cell_of_signoff_is_one_sentence_with_its_place(config, cells, said):
    names = HEAD.strip().split(",")
    good = dict(zip(names, row(hash_now(config)).split(","), strict=True))
    sign(config, ",".join({**good, **cells}[name] for name in names))
    with pytest.raises(InputError) as caught:
        laid(config)
    assert str(caught.value).startswith("signoff.csv: line 2, ")
    assert said in str(caught.value)
    assert [fault["line"] for fault in reference_faults(config)] == [2]


# overrides


def override(config: Config, text: str) -> None:
    (config.home / "local" / "overrides.toml").write_text(text, "utf-8")


def test_overrides_switch_order_narrow_and_add(config):
    plain = laid(config)
    override(config, f"[{RULE}]\nis_on = {'false' if plain.is_on else 'true'}\nachievable_share = 0.15\n")
    changed = laid(config)
    assert (changed.is_on, changed.achievable_share) == (not plain.is_on, 0.15)
    assert changed.achievable_source == "agreed locally (overrides.toml)"
    assert changed.excluded == plain.excluded


def test_targets_may_be_put_in_order_or_left_out_but_never_added(config):
    several = next(r for r in read_reference().switches.rules if len(r.to_codes) > 1)
    override(config, f"[{several.id}]\nto_codes = {list(reversed(several.to_codes))}\n")
    assert laid(config, several.id).to_codes == tuple(reversed(several.to_codes))
    override(config, f"[{several.id}]\nto_codes = ['{several.to_codes[1]}']\n")
    assert laid(config, several.id).to_codes == (several.to_codes[1],)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"[{RULE}]\nratio = 2\n", "may not override ratio"),
        (f"[{RULE}]\nfrom_codes = ['0301011R0BEAIAP']\n", "another dose, ratio or product is a new rule"),
        (f"[{RULE}.dose]\nratio = 2\n", "may not override dose"),
        (
            f"[{RULE}]\nto_codes = ['0301011R0BEAIAP']\n",
            "is none of the rule's own targets: another target is a new rule",
        ),
        (f"[{RULE}]\nto_codes = []\n", "to_codes: is empty"),
        (f"[{RULE}]\nexcluded = ['most patients']\n", "may not appear on a page"),
        (f"[{RULE}]\nachievable_share = 20\n", "must be 1.0 or less"),
        (f"[{RULE}]\nis_on = 'no'\n", "must be true or false"),
        ("[ZZ99]\nis_on = false\n", "ZZ99: is no rule of reference/switches"),
        ("[DV04\n", "cannot be read as TOML"),
    ],
)
def test_a_wrong_override_is_refused_with_its_key(config, text, said):
    override(config, text)
    with pytest.raises(InputError) as caught:
        laid(config)
    assert str(caught.value).startswith("overrides.toml: ")
    assert said in str(caught.value)
    assert said in "\n".join(
        fault["reason"] if said in fault["reason"] else f"{fault['column']}: {fault['reason']}"
        for fault in reference_faults(config)
    )


def test_a_target_that_stands_twice_in_an_override_is_named(config):
    target = laid(config).to_codes[0]
    text = f'[{RULE}]\nto_codes = ["{target}", "{target}"]\n'
    (config.home / "local" / "overrides.toml").write_text(text, "utf-8")
    with pytest.raises(InputError, match="stands twice"):
        laid(config)


def test_a_formulary_that_is_no_text_is_one_sentence_and_not_taken_for_an_empty_one(config):
    (config.home / "local" / "formulary.csv").write_bytes(b"bnf_code\xff\xfe\n")
    with pytest.raises(InputError, match=r"formulary\.csv"):
        laid(config)


def test_a_signature_is_to_be_reviewed_on_its_own_day():
    by = Signature(
        "prescribing committee", date(2025, 1, 5), date(2026, 1, 5), "pharmacist", "respiratory lead", "1/25"
    )
    signed = replace(rule(), signature=by)
    assert signed.why_draft(date(2026, 1, 5)) is None
    assert signed.why_draft(date(2026, 1, 6)) == "the sign-off was to be reviewed by 5 January 2026"
