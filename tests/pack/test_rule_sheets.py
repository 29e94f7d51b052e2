"""A pack goes to the committee and comes back: written, filled in, read, told, shown; or refused with a sentence a cell."""

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path

import openpyxl
import pypdf
import pytest
from click.testing import CliRunner

from prescarbon.cli.app import cli
from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.pack.rule_sheets import NO_MONTHS, rule_pack, write_rule_pack
from prescarbon.pack.rule_words import taken
from prescarbon.pipeline.local import make_local_folder
from prescarbon.pipeline.rule_standing import rule_changes, rule_standings
from prescarbon.pipeline.signing import read_sheets, sign_rules
from prescarbon.reference.definitions import reference_of
from prescarbon.reference.local_folder import SIGNOFF
from prescarbon.reference.signoff import today
from prescarbon.report.views.rule_sheet import ANSWERS, HASH_LABEL, RULE_LABEL

TOMORROW = today() + timedelta(days=2)  # wherever the clock stands
ONE, OTHER = "DV04", "BR01"
GOOD = {
    "decision": "approved",
    "author_role": "Respiratory pharmacist",
    "approver_role": "Medicines optimisation lead",
    "body": "Area prescribing committee",
    "minute": "5/26",
    "date": date(2026, 10, 5),
    "review_by": date(2027, 10, 5),
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(home=tmp_path / "home", out=tmp_path / "out")


@pytest.fixture
def sent(config: Config, tmp_path: Path) -> Path:
    """The workbook of two rules, as it is sent out."""
    write_rule_pack(config, tmp_path, (ONE, OTHER))
    return tmp_path / "rules.xlsx"


def fill(file: Path, of_rule: str, /, **answers: object) -> None:
    """Write answers into the boxes of a rule's sheet, or another text beside a label of it."""
    book = openpyxl.load_workbook(file)
    sheet = book[of_rule]
    rows = {cell.value: cell.row for cell in sheet["A"] if cell.value}
    labels = {**ANSWERS, "rule_id": RULE_LABEL, "content_hash": HASH_LABEL}
    for key, value in answers.items():
        sheet.cell(rows[labels[key]], 2, value)
    book.save(file)


def state(config: Config, rule_id: str) -> dict[str, object]:
    return next(row for row in rule_standings(config) if row["rule_id"] == rule_id)


def refused(config: Config, file: Path) -> str:
    """What is said; nothing may have been written."""
    with pytest.raises(InputError) as caught:
        sign_rules(config, file)
    assert not (config.home / "local" / SIGNOFF).exists()
    assert not (config.home / "local" / "signed").exists()
    return str(caught.value)


# what is sent out


def test_a_sheet_a_rule_in_both_forms_with_all_that_a_signer_has_to_see(config, tmp_path):
    told = write_rule_pack(config, tmp_path)
    rules = [rule for rule in reference_of(config).switches.rules if rule.is_on]
    assert told["rules"] == [rule.id for rule in rules]
    pages = ["".join(page.extract_text().split()) for page in pypdf.PdfReader(told["pdf"]).pages]
    assert len(pages) == len(rules)
    book = openpyxl.load_workbook(told["workbook"])
    assert book.sheetnames[1:] == [rule.id for rule in rules]
    for rule, page in zip(rules, pages, strict=True):
        cells = "".join("".join(str(c.value).split()) for row in book[rule.id] for c in row if c.value)
        content_hash = state(config, rule.id)["content_hash"]
        for words in (
            *(rule.title, rule.from_words, rule.to_words, rule.dose_words, rule.caveats, rule.evidence),
            *(rule.evidence_url, *rule.excluded, *rule.checks, str(content_hash)),
        ):
            assert "".join(words.split()) in cells, (rule.id, words)
            assert "".join(words.split()) in page.replace("\u200b", ""), (rule.id, words)
        for label in ANSWERS.values():
            assert "".join(label.split()) in page


def test_without_months_the_pack_says_so_and_with_months_it_says_what_is_local(config, home, tmp_path):
    assert rule_pack(config, [ONE]).local_words == NO_MONTHS
    full = rule_pack(
        Config(home=home, out=tmp_path, scope=("gp",), is_scope_given=True, local=tmp_path / "none"), [ONE]
    )
    (local,) = [fact for fact in full.sheets[0].about if fact.label == "Local"]
    assert "in 12 practices" in local.lines[0]
    assert "kg CO2e less" in local.lines[1]
    assert full.is_synthetic


def test_a_rule_that_is_off_is_on_a_sheet_when_it_is_asked_for(config):
    off = next(rule for rule in reference_of(config).switches.rules if not rule.is_on)
    (sheet,) = rule_pack(config, [off.id]).sheets
    assert sheet.standing.startswith("off: ")
    assert off.id not in {s.rule_id for s in rule_pack(config).sheets}


def test_a_rule_that_is_none_is_one_sentence(config):
    with pytest.raises(InputError, match=r"there is no rule ZZ99\. `prescarbon rules status` lists them"):
        rule_pack(config, ["ZZ99"])


def test_the_same_pack_has_the_same_bytes(config, tmp_path):
    for name in ("a", "b"):
        write_rule_pack(config, tmp_path / name, (ONE,))
    for name in ("rules.pdf", "rules.xlsx"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("puffs", "times", "words"),
    [(2, 2, "2 puffs, twice a day"), (1, 1, "1 puff, once a day"), (2, None, "2 puffs, as needed"),
     (1, 4, "1 puff, 4 times a day"), (None, None, "not stated in the rule")],
)  # fmt: skip
def test_a_regimen_in_words(puffs, times, words):
    assert taken(puffs, times) == words


# what comes back


def test_the_round_trip_through_the_workbook(config, sent):
    assert state(config, ONE)["state"] == "draft"
    fill(sent, ONE, **GOOD, note="Adults only.")
    told = sign_rules(config, sent)
    assert [(d["rule_id"], d["decision"]) for d in told["signed"]] == [(ONE, "approved")]
    assert told["blank"] == 1
    now = state(config, ONE)
    assert (now["state"], now["body"], now["signed_on"]) == ("signed", "Area prescribing committee", date(2026, 10, 5))
    assert state(config, OTHER)["state"] == "draft"
    (decided,) = reference_of(config).decisions
    assert (decided.note, decided.minute, len(decided.content_hash)) == ("Adults only.", "5/26", 64)
    assert rule_changes(config) == []


def test_days_may_be_written_as_people_write_them(config, sent):
    fill(sent, ONE, **GOOD | {"date": "5 October 2026", "review_by": "04/10/2027"})
    sign_rules(config, sent)
    (decided,) = reference_of(config).decisions
    assert (decided.date, decided.review_by) == (date(2026, 10, 5), date(2027, 10, 4))


def test_a_csv_like_signoff_is_read_too_and_its_blank_rows_are_skipped(config, tmp_path):
    hashes = {rule: state(config, rule)["content_hash"] for rule in (ONE, OTHER)}
    out = io.StringIO()
    writer = csv.DictWriter(out, ["rule_id", "content_hash", *ANSWERS])
    writer.writeheader()
    writer.writerow({"rule_id": ONE, "content_hash": hashes[ONE], **GOOD})
    writer.writerow({"rule_id": OTHER, "content_hash": hashes[OTHER]})
    file = tmp_path / "back.csv"
    file.write_text(out.getvalue(), "utf-8")
    assert sign_rules(config, file)["blank"] == 1
    assert state(config, ONE)["state"] == "signed"


def test_history_is_kept_and_a_later_decision_supersedes(config, sent):
    fill(sent, ONE, **GOOD)
    sign_rules(config, sent)
    fill(sent, ONE, decision="rejected", date=date(2026, 11, 2), minute="7/26")
    sign_rules(config, sent)
    now = state(config, ONE)
    assert (now["state"], now["why"]) == ("off", "rejected by Area prescribing committee on 2 November 2026")
    assert [d.decision for d in reference_of(config).decisions] == ["approved", "rejected"]


def test_the_same_sheet_twice_is_refused(config, sent):
    fill(sent, ONE, **GOOD)
    sign_rules(config, sent)
    before = (config.home / "local" / SIGNOFF).read_bytes()
    with pytest.raises(InputError, match="does not come after the decision of 5 October 2026 that stands"):
        sign_rules(config, sent)
    assert (config.home / "local" / SIGNOFF).read_bytes() == before


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"approver_role": None}, "(Approver's role): is empty"),
        ({"minute": None}, "(Minute): is empty"),
        ({"decision": "yes"}, "(Decision): 'yes' is none of approved, rejected, off"),
        ({"approver_role": "respiratory  PHARMACIST"}, "is the author's role too: two roles sign"),
        ({"author_role": "Mrs Someone"}, "looks like a person"),
        ({"date": TOMORROW, "review_by": TOMORROW + timedelta(days=9)}, "is to come"),
        ({"date": "last week"}, "(Date of the decision): 'last week' is no date"),
        ({"date": "10/13/2026"}, "(Date of the decision): '10/13/2026' is no date"),
        ({"review_by": date(2026, 10, 4)}, "does not come after the date of the decision"),
        ({"review_by": date(2028, 10, 6)}, "is more than 24 months after the decision, the most that our own policy"),
        ({"body": "=cmd|' /C calc'!A0"}, "holds a formula in DV04 B"),
        ({"body": "=1+1"}, "holds a formula in DV04 B"),
        ({"body": "@SUM(1)"}, "(Body that decided): '@SUM(1)' begins like a formula"),
        ({"body": "<script>x</script>"}, "holds < or >"),
        ({"body": "Area\u202e committee"}, "holds a control character"),
        ({"body": "a" * 5000}, "has 5000 characters, at most 120 are kept"),
        ({"note": "n" * 501}, "(Comment): 'n"),
        ({"content_hash": "0" * 64}, "is not the rule as it is now: print it again with `prescarbon rules pack --rule DV04`"),
        ({"content_hash": "none"}, "is no content hash"),
        ({"rule_id": "ZZ99"}, "(Rule): 'ZZ99' is no rule of reference/switches"),
    ],
)  # fmt: skip
def test_a_hostile_or_half_filled_sheet_is_one_sentence_and_nothing_is_written(config, sent, answers, said):
    fill(sent, OTHER, **GOOD)  # also the good sheet is not
    fill(sent, ONE, **GOOD | answers)
    assert said in refused(config, sent)


def test_every_wrong_cell_of_every_sheet_is_told_at_once(config, sent):
    fill(sent, ONE, decision="approved")
    fill(sent, OTHER, note="we shall see")
    told = refused(config, sent)
    assert told.count("is empty") == 6 + 7
    assert f"rules.xlsx, sheet {ONE}: B" in told
    assert f"rules.xlsx, sheet {OTHER}: B" in told


def test_a_sheet_printed_before_the_rule_changed_is_refused(config, sent):
    fill(sent, ONE, **GOOD)
    make_local_folder(config)
    (config.home / "local" / SIGNOFF).unlink()
    (config.home / "local" / "overrides.toml").write_text(f'[{ONE}]\nexcluded = ["lives alone"]\n', "utf-8")
    assert "is not the rule as it is now" in refused(config, sent)


def test_a_sheet_whose_label_is_gone_is_not_skipped(config, sent):
    fill(sent, ONE, **GOOD)
    book = openpyxl.load_workbook(sent)
    for cell in book[ONE]["A"]:
        cell.value = "Verdict" if cell.value == "Decision" else cell.value
    book.save(sent)
    assert f"sheet {ONE}: Decision: is not in column A" in refused(config, sent)


def test_a_rule_on_two_sheets_is_refused(config, sent):
    fill(sent, ONE, **GOOD)
    fill(sent, OTHER, **GOOD, rule_id=ONE, content_hash=next(s.content_hash for s in rule_pack(config, [ONE]).sheets))
    assert "stands on two sheets: decide once" in refused(config, sent)


def test_nothing_filled_in_no_workbook_and_another_kind_of_file(config, sent, tmp_path):
    assert "no sheet of it is filled in" in refused(config, sent)
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 no workbook")
    assert "broken.xlsx: is no workbook that can be read" in refused(config, broken)
    other = tmp_path / "rules.docx"
    other.write_bytes(b"")
    assert "rules.docx: is neither .xlsx nor .csv" in refused(config, other)
    text = tmp_path / "other.csv"
    text.write_text("rule,decision\nDV04,approved\n", "utf-8")
    assert "is missing or is no column of signoff.csv" in refused(config, text)


def test_an_empty_sheet_that_a_program_adds_is_no_rule(config, sent):
    fill(sent, ONE, **GOOD)
    book = openpyxl.load_workbook(sent)
    book.create_sheet("Sheet1")
    book.save(sent)
    assert len(sign_rules(config, sent)["signed"]) == 1


def test_a_blank_sheet_reads_as_blank(sent):
    assert [one.is_blank for one in read_sheets(sent)] == [True, True]


# after an upgrade


def test_what_changed_since_the_signature_is_told_key_by_key(config, sent):
    fill(sent, ONE, **GOOD)
    sign_rules(config, sent)
    overrides = config.home / "local" / "overrides.toml"
    overrides.write_text(f'[{ONE}]\nexcluded = ["lives alone"]\n', "utf-8")
    (row,) = rule_changes(config)
    (change,) = row["changes"]
    assert (row["rule_id"], change["key"], change["new"]) == (ONE, "excluded", [*change["old"], "lives alone"])
    assert state(config, ONE)["why"] == "changed since it was signed on 5 October 2026"


def test_a_content_that_is_gone_or_tampered_with_is_said_to_be(config, sent):
    fill(sent, ONE, **GOOD)
    sign_rules(config, sent)
    (config.home / "local" / "overrides.toml").write_text(f'[{ONE}]\nexcluded = ["lives alone"]\n', "utf-8")
    (kept,) = (config.home / "local" / "signed").iterdir()
    kept.write_text(json.dumps({**json.loads(kept.read_text("utf-8")), "title": "Another"}), "utf-8")
    assert rule_changes(config)[0]["why"] == "what is kept in the local folder is not what was signed"
    kept.unlink()
    assert rule_changes(config)[0]["why"] == "what was signed is not kept in the local folder"


def test_a_target_that_cannot_be_had_blocks_a_signed_rule(config, sent):
    fill(sent, ONE, **GOOD)
    sign_rules(config, sent)
    rule = next(r for r in reference_of(config).switches.rules if r.id == ONE)
    rows = "".join(f"{code},2026-01-01,9999-12-31,supply notice\n" for code in rule.to_codes)
    (config.home / "local" / "excluded.csv").write_text(f"bnf_code,off_from,off_to,reason\n{rows}", "utf-8")
    now = state(config, ONE)
    assert now["state"] == "supply-blocked"
    assert "supply notice until 31 December 9999" in str(now["why"])
    assert now["body"] == "Area prescribing committee"


# commands and pages


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [str(w) for w in words])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout + result.stderr


def test_the_commands_tell_it_in_words_and_as_json(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = ("--home", config.home)
    assert "1 rules in" in run("rules", "pack", "--rule", ONE, "--to", "sheets", *home)
    fill(Path("sheets/rules.xlsx"), ONE, **GOOD)
    assert "DV04: approved by Area prescribing committee on 5 October 2026" in run(
        "rules", "sign", "sheets/rules.xlsx", *home
    )
    assert "does not come after" in run("rules", "sign", "sheets/rules.xlsx", *home, code=3)
    assert "1 signed" in run("rules", "status", *home)
    assert {r["rule_id"]: r["state"] for r in json.loads(run("rules", "status", "--json", *home))}[ONE] == "signed"
    assert run("rules", "diff", *home) == "Every rule that was decided on is as it was then.\n"
    (config.home / "local" / "overrides.toml").write_text(f'[{ONE}]\nexcluded = ["lives alone"]\n', "utf-8")
    assert "  excluded: " in run("rules", "diff", *home)
    assert json.loads(run("rules", "diff", "--json", *home))[0]["changes"][0]["key"] == "excluded"
    assert "left as they are: signoff.csv, overrides.toml" in run("local", "init", *home)


def test_a_practice_page_shows_what_is_signed_and_a_pack_without_a_signature_says_what_to_do(
    home, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("prescarbon.toml").write_text('local = "mine"\nscope = "gp"\n', "utf-8")
    words = ("report", "--practice", "Z90003", "--home", home)
    run(*words, "--out", "before")
    before = page(Path("before"))
    assert "Run `prescarbon rules pack`, take the sheets to the prescribing committee" in before
    assert '<ol class="actions">' not in before
    (index,) = Path("before").glob("*/index.html")
    assert "No rule is signed here yet" in index.read_text("utf-8")
    run("rules", "pack", "--to", "sheets", "--home", home)
    for rule_id in (ONE, OTHER, "TR02"):
        fill(Path("sheets/rules.xlsx"), rule_id, **GOOD)
    run("rules", "sign", "sheets/rules.xlsx", "--home", home)
    run(*words, "--out", "after")
    after = page(Path("after"))
    assert "No rule is signed here yet" not in after
    assert '<ol class="actions">' in after
    assert 'class="unsigned"' not in after
    run(*words, "--drafts", "--out", "drafts")
    drafts = page(Path("drafts"))
    assert 'class="unsigned"' in drafts
    (pdf,) = Path("drafts").glob("*/pdf/practice/*.pdf")
    assert "DRAFT" in pypdf.PdfReader(pdf).pages[0].extract_text()
    (clean,) = Path("after").glob("*/pdf/practice/*.pdf")
    assert "DRAFT" not in pypdf.PdfReader(clean).pages[0].extract_text()


def page(out: Path) -> str:
    (file,) = out.glob("*/practice/*.html")
    return file.read_text("utf-8")
