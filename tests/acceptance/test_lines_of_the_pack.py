"""The ranked lines of the SYNTHETIC pack: what it takes to act safely is on every face, and the codes are handed over."""

import html
import json
import re
from pathlib import Path

import openpyxl
import polars as pl
import pypdf
import pytest
from click.testing import CliRunner

from prescarbon.cli import cli

PRACTICES = ["Z90003", "Z90051", "Z90090"]
SAFETY = (
    "title", "from_products", "to_words", "dose_from", "dose_to", "dose_words", "licence", "why_draft", "signed_by",
)  # fmt: skip
SEVERAL = ("not_for", "checks")


def bare(text: str) -> str:
    return re.sub(r"[\s\u200b\u2068\u2069]+", "", text)


@pytest.fixture(scope="module")
def ranked(pack: Path) -> pl.DataFrame:
    table = pl.read_parquet(pack / "data" / "opportunities.parquet")
    return table.filter((pl.col("gate") == "ranked") & (pl.col("rank") <= 5) & (pl.col("level") == "practice"))


def must_be_read(line: dict) -> list[str]:
    is_derived = line["dose_from"] and line["dose_to"]  # then the rule's own words would say it twice
    whole = [line[c] for c in SAFETY if line[c] and c != "from_products" and not (is_derived and c == "dose_words")]
    return [*whole, *(part for c in SEVERAL if line[c] for part in line[c].split("; "))]


def on_the_screen(pack: Path, code: str) -> str:
    page = (pack / "practice" / f"{code}.html").read_text("utf-8")
    page = re.sub(r'<(span|p) class="onpaper[^>]*>.*?</\1>', "", page)
    return bare(html.unescape(re.sub(r"<[^>]+>", "", page)))


def on_paper(pack: Path, code: str) -> str:
    return bare("".join(s.extract_text() for s in pypdf.PdfReader(pack / "pdf" / "practice" / f"{code}.pdf").pages))


def in_the_workbook(pack: Path, code: str) -> str:
    cells = openpyxl.load_workbook(pack / "workbook" / "practice" / f"{code}.xlsx")["What next"].iter_rows(
        values_only=True
    )
    return bare(" ".join(str(cell) for row in cells for cell in row if cell is not None))


@pytest.mark.parametrize("code", PRACTICES)
def test_every_safety_fact_of_every_ranked_line_is_on_page_pdf_and_workbook(code, pack, ranked):
    lines = ranked.filter(organisation_code=code).sort("rank").to_dicts()
    paper = on_paper(pack, code)
    printed = [line for line in lines if bare(line["title"]) in paper]
    assert len(printed) >= min(3, len(lines))  # as many whole lines as fit, and at least three
    missing = len(lines) - len(printed)
    assert (bare(f"{missing} more in the workbook") in paper) == (missing > 0)
    for text, told in (
        (on_the_screen(pack, code), lines), (paper, printed), (in_the_workbook(pack, code), lines),
    ):  # fmt: skip
        for line in told:
            assert [fact for fact in must_be_read(line) if bare(fact) not in text] == []
    for line in lines:
        for name in line["from_products"].split("; "):
            assert bare(name) in on_the_screen(pack, code)
            assert bare(name) in in_the_workbook(pack, code)


def test_the_evidence_of_a_line_is_a_link(pack, ranked):
    for code in PRACTICES:
        page = (pack / "practice" / f"{code}.html").read_text("utf-8")
        for url in ranked.filter(organisation_code=code)["evidence_url"]:
            assert f'href="{html.escape(url)}"' in page


@pytest.mark.parametrize("code", PRACTICES)
def test_terminal_and_json_say_the_same(code, demo_home, ranked):
    asked = ["opportunities", "--organisation", code, "--scope", "gp", "--home", str(demo_home / "home" / "demo")]
    text = CliRunner().invoke(cli, asked, catch_exceptions=False).stdout
    told = json.loads(CliRunner().invoke(cli, [*asked, "--json"], catch_exceptions=False).stdout)["opportunities"]
    by_rule = {line["rule_id"]: line for line in told}
    for line in ranked.filter(organisation_code=code).to_dicts():
        assert [fact for fact in must_be_read(line) if bare(fact) not in bare(text)] == []
        assert line["evidence_url"] in text
        same = ("not_for", "checks", "dose_from", "licence", "evidence_url", "month_price_words", "review_by")
        assert {c: by_rule[line["rule_id"]][c] for c in same} == {
            c: line[c].isoformat() if c == "review_by" else line[c] for c in same
        }


def test_no_tile_no_slide_and_no_first_sentence_speaks_of_those_who_attend(pack):
    for page in pack.glob("practice/*.html"):
        head = page.read_text("utf-8").split('<section aria-labelledby="next">')[0]
        assert "attend" not in head
    assert "attends" not in (pack / "index.html").read_text("utf-8")


def test_what_those_who_attend_could_save_is_never_above_the_peers_nor_all_nor_the_union(pack):
    lines = pl.read_parquet(pack / "data" / "opportunities.parquet")
    known = lines.filter(pl.col("kg_attended").is_not_null())
    assert known.height > 50
    assert known.filter(pl.col("kg_attended") > pl.col("kg_to_peer")).is_empty()
    assert known.filter(pl.col("kg_attended") > pl.col("kg_theoretical")).is_empty()
    assert known["achievable_source"].null_count() == 0
    whole = ["kg_attended_counted", "kg_to_peer_counted", "kg_theoretical_counted"]
    unions = lines.group_by("level", "organisation_code").agg(pl.col(whole).cast(pl.Float64).fill_null(0).sum())
    attended, to_peer, of_all = (pl.col(c) for c in whole)
    assert unions.filter((attended > to_peer + 1e-3) | (to_peer > of_all + 1e-3)).is_empty()


def test_every_line_of_a_page_has_its_codes_as_a_file_with_bnf_and_snomed(pack, ranked):
    rows = {file.stem: pl.read_csv(file, infer_schema=False) for file in (pack / "codes").glob("*.csv")}
    assert set(ranked["rule_id"]) <= rows.keys()
    for rule, codes in rows.items():
        assert codes.columns == ["rule_id", "side", "bnf_code", "product_name", "snomed_code", "search"]
        assert set(codes["rule_id"]) == {rule}
        assert codes["search"].null_count() == 0
    assert sum(codes["snomed_code"].drop_nulls().len() for codes in rows.values()) > 10
    for line in ranked.filter(organisation_code="Z90051").to_dicts():
        page = (pack / "practice" / "Z90051.html").read_text("utf-8")
        assert f'href="../codes/{line["rule_id"]}.csv"' in page
        here = set(rows[line["rule_id"]]["bnf_code"])
        assert set(line["from_codes"].split()) | set((line["to_codes"] or "").split()) <= here


def test_the_codes_of_a_rule_go_to_a_file(demo_home, tmp_path):
    home = str(demo_home / "home" / "demo")
    file = tmp_path / "codes.csv"
    done = CliRunner().invoke(
        cli, ["rules", "codes", "BR01", "--home", home, "--to", str(file)], catch_exceptions=False
    )
    assert done.exit_code == 0
    listed = pl.read_csv(file, infer_schema=False)
    told = json.loads(CliRunner().invoke(cli, ["rules", "codes", "BR01", "--home", home, "--json"]).stdout)
    assert listed.rows(named=True) == told
    assert listed["snomed_code"].drop_nulls().len() > 0  # from the rows of the loaded months
