"""The portal's answers, true and otherwise, over real HTTP on loopback."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest

from prescarbon.errors import InputError, PortalError
from prescarbon.source import portal_query
from prescarbon.source.portal import Fetched, Portal, PortalMonth, cheaper_route, needs_fetch
from tests.portal_server import CURRENT, RETIRED, Fault, Month, PortalServer, running, zipped

pytestmark = pytest.mark.loopback
ROWS = {"K81001": 3, "K81002": 1, "K81003": 2}  # rows of each practice in the month


def records(of: dict[str, int] = ROWS) -> list[dict[str, Any]]:
    return [
        {"PRACTICE_CODE": code, "ITEMS": n + 1, "UNIDENTIFIED": False, "YEAR_MONTH": "2026-01"}
        for code, rows in of.items()
        for n in range(rows)
    ]


@pytest.fixture
def server() -> Iterator[PortalServer]:
    with running() as portal:
        portal.add(Month("EPD_SNOMED_202601", CURRENT, records(), zipped(b"YEAR_MONTH\n")))
        yield portal


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def portal(server: PortalServer, waits: list[float]) -> Portal:
    return Portal(server.base, wait=waits.append, tries=3)


@pytest.fixture
def january(portal: Portal) -> PortalMonth:
    return next(m for m in portal.months() if m.month == date(2026, 1, 1))


def rows_of(got: Fetched) -> list[tuple[str, str]]:
    return [(r["PRACTICE_CODE"], r["ITEMS"]) for r in csv.DictReader(io.StringIO(got.path.read_text()))]


ALL = [(code, str(n + 1)) for code, rows in ROWS.items() for n in range(rows)]


# queries


@pytest.mark.parametrize("page_rows", [1, 2, 4, 100])
def test_pages_of_any_size_bring_the_same_bytes(server, january, tmp_path, page_rows):
    got = Portal(server.base, page_rows=page_rows).fetch_practices(january, ROWS, tmp_path)
    assert rows_of(got) == ALL
    assert (got.rows, got.practices_asked, got.route) == (6, tuple(ROWS), "query")
    whole = Portal(server.base).fetch_practices(january, reversed(list(ROWS)), tmp_path / "whole")
    assert whole.sha256 == got.sha256


def test_an_answer_that_is_flat_is_read_too(server, portal, january, tmp_path):
    server.is_flat = True
    assert rows_of(portal.fetch_practices(january, ROWS, tmp_path)) == ALL


def test_truths_are_written_as_files_have_them(portal, january, tmp_path):
    got = portal.fetch_practices(january, ["K81002"], tmp_path)
    assert pl.read_csv(got.path, infer_schema=False).row(0, named=True) == {
        "ITEMS": "1",
        "PRACTICE_CODE": "K81002",
        "UNIDENTIFIED": "N",
        "YEAR_MONTH": "2026-01",
    }


def test_a_page_of_fewer_rows_than_were_counted_is_asked_for_in_halves_and_then_refused(
    server, portal, january, tmp_path
):
    server.page_cap = 2
    with pytest.raises(PortalError, match=r"practice K81001: 2 rows came of 3 counted\. Fetch the whole month with"):
        portal.fetch_practices(january, ROWS, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert rows_of(portal.fetch_practices(january, ["K81002", "K81003"], tmp_path)) == ALL[3:]  # 3 rows, in two halves


def test_a_page_that_is_cut_with_a_word_is_asked_for_in_halves(server, portal, january, tmp_path):
    server.row_ceiling = 3
    assert rows_of(portal.fetch_practices(january, ROWS, tmp_path)) == ALL
    assert [s.count("'K") for s in server.statements() if s.startswith("SELECT *")] == [3, 1, 2]


def test_rows_of_a_practice_that_was_not_asked_for_are_not_taken(server, portal, january, tmp_path):
    stranger = [*records({"K81001": 3}), *records({"K99999": 1})]
    answer = json.dumps({"success": True, "result": {"records": stranger}}).encode()
    server.faults["datastore_search_sql"] += [Fault(), Fault(), Fault(body=answer)]
    with pytest.raises(PortalError, match="practice K81001: 4 rows came of 3 counted"):
        portal.fetch_practices(january, ["K81001"], tmp_path)


def test_pages_with_other_columns_are_refused(server, january, tmp_path):
    server.months["EPD_SNOMED_202601"].records[3]["NEW"] = "x"  # K81002's row alone
    narrow = Portal(server.base, page_rows=3)
    with pytest.raises(PortalError, match=r"EPD_SNOMED_202601: pages came with different columns\."):
        narrow.fetch_practices(january, ROWS, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", ["K81001') OR ('1'='1", "k81001", "../../x", "K81001 ", "\uff2b81001", ""])
def test_what_is_no_practice_code_never_reaches_a_query(server, portal, january, tmp_path, code):
    asked = len(server.asked)
    with pytest.raises(InputError, match=r"is not a practice code\. An ODS code looks like|no practice to ask for"):
        portal.fetch_practices(january, ["K81001", code] if code else [code], tmp_path)
    assert len(server.asked) == asked


def test_many_codes_are_counted_in_batches_and_add_up(portal, january, tmp_path, monkeypatch):
    monkeypatch.setattr(portal_query, "CODES_A_COUNT", 2)
    assert rows_of(portal.fetch_practices(january, ROWS, tmp_path)) == ALL


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([{"records": [{"PRACTICE_CODE": "K81001", "ROW_COUNT": 2}]}, {"records": [{"ROW_COUNT": 3}]}], "add up to 2 rows"),
        ([{"records": [{"PRACTICE_CODE": "K9", "ROW_COUNT": 3}]}, {"records": [{"ROW_COUNT": 3}]}], "add up to 3 rows"),
        ([{"records": [{"PRACTICE_CODE": "K81001", "ROW_COUNT": "x"}]}, {"records": []}], "counts cannot be read"),
        ([{"records": [{"CODE": 1}]}, {"records": [{"ROW_COUNT": 3}]}], "counts cannot be read"),
        ([{"records": [3]}], "answer holds no records"),
        ([{"success": False, "result": {}}], "could not answer the query"),
        (["text"], "answer holds no records"),
    ],
)  # fmt: skip
def test_counts_that_do_not_add_up_or_cannot_be_read_are_refused(server, portal, january, tmp_path, answers, says):
    bodies = [json.dumps({"success": True, "result": a}).encode() for a in answers]
    server.faults["datastore_search_sql"] += [Fault(body=body) for body in bodies]
    with pytest.raises(PortalError, match=says):
        portal.fetch_practices(january, ["K81001"], tmp_path)


def test_records_that_are_no_table_are_one_sentence(server, portal, january, tmp_path):
    answer = json.dumps({"success": True, "result": {"records": [{"CODE": "K81001"}]}}).encode()
    server.faults["datastore_search_sql"] += [Fault(), Fault(), Fault(body=answer)]
    with pytest.raises(PortalError, match="records cannot be read as a table"):
        portal.fetch_practices(january, ["K81001"], tmp_path)


# months


def test_a_month_in_both_datasets_is_the_current_ones_and_the_retired_may_be_gone(server, portal):
    server.add(Month("EPD_202601", RETIRED))
    server.add(Month("EPD_202506", RETIRED, size=12))
    assert [(m.name, m.size) for m in portal.months()] == [("EPD_202506", 12), ("EPD_SNOMED_202601", None)]
    server.gone_datasets = {RETIRED}
    assert [m.name for m in portal.months()] == ["EPD_SNOMED_202601"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"success": true, "result": {"resources": []}}', "lists no month of prescribing data"),
        (b'{"success": true, "result": {"resources": 5}}', "lists no files"),
        (b'{"success": true, "result": []}', "lists no files"),
        (b'{"success": false}', "has no result"),
        (b"[]", "has no result"),
    ],
)
def test_a_listing_that_is_none_is_one_sentence(server, portal, body, says):
    server.faults["package_show"] += [Fault(body=body)] * 2
    with pytest.raises(PortalError, match=says):
        portal.months()


def test_a_listing_with_odd_values_is_read_as_far_as_it_can_be(server, portal):
    odd = [
        {"id": "a", "name": "EPD_202501", "last_modified": ["2025"], "size": "²"},
        {"id": "", "name": "EPD_202502"},
        {"id": "c", "name": "Notes"},
        "text",
    ]
    body = json.dumps({"success": True, "result": {"resources": odd}}).encode()
    server.faults["package_show"] += [Fault(), Fault(body=body)]
    assert [(m.name, m.last_modified, m.size) for m in portal.months()] == [("EPD_202501", None, None)]


def test_a_month_is_fetched_where_the_dates_differ_or_none_is_known():
    def month(modified: str | None) -> PortalMonth:
        return PortalMonth(date(2026, 1, 1), "EPD_202601", "a", CURRENT, modified, None)

    assert needs_fetch(month("2026-02"), None)
    assert needs_fetch(month("2026-02"), "2026-01")
    assert not needs_fetch(month("2026-02"), "2026-02")
    assert not needs_fetch(month(None), "2026-02")
    assert [cheaper_route(n) for n in (None, 1, 150, 151)] == ["file", "query", "query", "file"]


# files


def test_a_whole_file_of_this_version_is_not_fetched_again(server, portal, january, tmp_path):
    (tmp_path / ".EPD_SNOMED_202601-20200101T000000.zip.part").write_text("of a version published over")
    first = portal.fetch_file(january, tmp_path)
    again = portal.fetch_file(january, tmp_path)
    assert len(server.of("zip")) == 1
    assert (again.sha256, again.bytes) == (first.sha256, first.bytes)
    assert not list(tmp_path.glob("*.part"))


def test_a_part_of_this_version_is_continued(server, portal, january, tmp_path):
    server.months["EPD_SNOMED_202601"].zipped = whole = zipped(bytes(range(256)) * 4_000)
    server.faults["zip"] += [Fault(cut_after=len(whole) // 2), Fault(status=404)]
    with pytest.raises(PortalError):
        portal.fetch_file(january, tmp_path)
    assert portal.fetch_file(january, tmp_path).path.read_bytes() == whole
    assert server.of("zip")[-1].status == 206


@pytest.mark.parametrize("spoil", [lambda b: b[:-9], lambda b: b.replace(b"YEAR_MONTH", b"YEAR_MOMTH", 1)])
def test_a_file_that_lies_there_damaged_is_fetched_again(server, portal, january, tmp_path, spoil):
    got = portal.fetch_file(january, tmp_path)
    got.path.write_bytes(spoil(got.path.read_bytes()))
    assert portal.fetch_file(january, tmp_path).sha256 == got.sha256
    assert len(server.of("zip")) == 2


@pytest.mark.parametrize("body", [b'{"success": true, "result": {"zip_url": ""}}', b'{"success": true, "result": []}'])
def test_an_answer_without_an_address_is_one_sentence(server, portal, january, tmp_path, body):
    server.faults["resource_show"].append(Fault(body=body))
    with pytest.raises(PortalError, match="gives no address of the ZIP"):
        portal.fetch_file(january, tmp_path)
