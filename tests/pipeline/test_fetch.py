"""fetch as a user types it, against a real HTTP server on loopback in the portal's true answer shapes."""

import csv
import gzip
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.store.atomic import alone
from prescarbon.store.months import Store
from tests.portal_server import CURRENT, Fault, Month, PortalServer, read_records, running, zipped
from tests.source.test_files import text

pytestmark = pytest.mark.loopback
CODES = "K81001,K81002"


def record(month: str, practice: str, items: int = 3) -> dict[str, Any]:
    (row,) = csv.DictReader(
        io.StringIO(
            text(
                {"YEAR_MONTH": month, "PRACTICE_CODE": practice, "ITEMS": str(items), "TOTAL_QUANTITY": str(2 * items)}
            )
        )
    )
    return dict(row)


def month(name: str, when: str, practices: tuple[str, ...] = ("K81001", "K81002", "E81001")) -> Month:
    records = [record(when, practice) for practice in practices]
    whole = text(*({"YEAR_MONTH": when, "PRACTICE_CODE": p} for p in practices)).encode()
    return Month(name, CURRENT, records, zipped(whole))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PortalServer]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with running() as portal:
        portal.add(month("EPD_SNOMED_202512", "2025-12"))
        portal.add(month("EPD_SNOMED_202601", "2026-01"))
        yield portal


@pytest.fixture
def home(tmp_path: Path, server: PortalServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prescarbon.toml").write_text(f'portal = "{server.base}"\n')
    return tmp_path / "home"


def fetch(home: Path, *words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["fetch", "--home", str(home), *map(str, words)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout if code == 0 else result.stderr


def test_a_few_practices_come_by_query_and_all_of_england_by_file(server, home):
    fetch(home, "--months", "2026-01", "--scope", CODES)
    assert server.of("zip") == []
    assert [m.practices for m in Store(home).months()] == [2]
    fetch(home, "--months", "2025-12", "--scope", "all")
    assert [(m.month, m.practices, m.source) for m in Store(home).months()] == [
        ("2025-12", 3, "portal file"),
        ("2026-01", 2, "portal query"),
    ]


def test_fetching_twice_changes_nothing_and_asks_for_no_rows(server, home):
    fetch(home, "--months", "2025-12:", "--scope", CODES)
    before = {p.name: p.read_bytes() for p in (home / "months").iterdir()}
    asked = len(server.statements())
    assert fetch(home, "--months", "2025-12:", "--scope", CODES).count("unchanged") == 2
    assert {p.name: p.read_bytes() for p in (home / "months").iterdir()} == before
    assert len(server.statements()) == asked


def test_a_republished_month_is_restated_and_says_what_stood_before(server, home):
    fetch(home, "--months", "2026-01", "--scope", CODES)
    again = server.months["EPD_SNOMED_202601"]
    again.records = [record("2026-01", "K81001", items=9)]
    again.last_modified = "2026-05-01T00:00:00"
    assert "restated" in fetch(home, "--months", "2026-01", "--scope", CODES)
    (held,) = Store(home).months()
    assert (held.rows_used, held.replaces[0]["rows_used"]) == (1, 2)


def test_an_address_that_has_expired_is_asked_for_again(server, home):
    server.faults["zip"].append(Fault(status=403))
    fetch(home, "--months", "2026-01", "--scope", "all")
    assert len(server.of("resource_show")) == 2
    assert [m.rows_used for m in Store(home).months()] == [3]


def test_a_broken_connection_resumes_where_it_broke(server, home):
    rows = ({"YEAR_MONTH": "2026-01", "SNOMED_CODE": str(n * n * 7919)} for n in range(20_000))
    server.months["EPD_SNOMED_202601"].zipped = zipped(text(*rows).encode())
    whole = len(server.months["EPD_SNOMED_202601"].zipped)
    server.faults["zip"].append(Fault(cut_after=whole // 2))
    fetch(home, "--months", "2026-01", "--scope", "all")
    first, second = server.of("zip")
    start = int(second.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= first.sent
    assert start + second.sent == whole
    assert [m.rows_used for m in Store(home).months()] == [20_000]


@pytest.mark.parametrize(
    ("kind", "fault", "words", "says"),
    [
        ("package_show", Fault(body=b"<!DOCTYPE html><html>down</html>"), [], "HTML"),
        ("zip", Fault(body=b"<!DOCTYPE html><html>down</html>"), ["--scope", "all"], "HTML"),
    ],
)
def test_html_instead_of_an_answer_is_one_sentence(server, home, kind, fault, words, says):
    server.faults[kind] += [fault] * 20
    error = fetch(home, "--months", "2026-01", *words, code=4)
    assert says in error
    assert error.count("\n") == 1
    assert Store(home).months() == []


def test_a_server_that_is_busy_for_a_while_is_waited_for(server, home):
    server.faults["package_show"] += [Fault(status=503), Fault(status=429, headers={"Retry-After": "1"})]
    fetch(home, "--months", "2026-01", "--scope", CODES)
    assert len(Store(home).months()) == 1


@pytest.mark.usefixtures("server")
def test_a_month_that_does_not_exist_names_what_there_is(home):
    error = fetch(home, "--months", "2031-01", code=4)
    assert "the portal has no month 2031-01. It offers 2025-12 to 2026-01." in error


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--months", "2026-13"], 5, "'2026-13' is not a month. Write it as 2026-01."),
        (["--months", ""], 5, "'' is not a month. Write it as 2026-01."),
        (["--months", "2026-01:2025-01"], 5, "'2026-01:2025-01' ends before it begins."),
        (["--scope", "file:no.txt"], 3, "no.txt: this list of codes cannot be read"),
        (["--scope", "all", "--route", "query"], 3, "a query cannot bring every practice."),
    ],
)
def test_what_is_asked_wrongly_is_told_before_the_portal_is_asked(server, home, words, code, says):
    assert says in fetch(home, *words, code=code)
    assert server.of("package_show") == []


def test_rows_that_are_left_out_without_a_word_are_never_trusted(server, home):
    server.row_cap = 1
    error = fetch(home, "--months", "2026-01", "--scope", CODES, code=4)
    assert "counts by practice add up to 1 rows, one count of all says 2" in error
    assert Store(home).months() == []


def test_a_month_is_widened_by_the_practices_it_lacks_and_never_narrowed(server, home):
    fetch(home, "--months", "2026-01", "--scope", "K81001")
    assert "restated" in fetch(home, "--months", "2026-01", "--scope", "K81002")
    (held,) = Store(home).months()
    assert (held.practices_asked, held.practices, held.source) == (("K81001", "K81002"), 2, "portal query")
    asked = len(server.statements())
    assert "unchanged" in fetch(home, "--months", "2026-01", "--scope", "K81001")
    assert len(server.statements()) == asked
    assert "portal query of 2 practices" in CliRunner().invoke(cli, ["months", "--home", str(home)]).stdout


@pytest.mark.parametrize("words", [["--scope", "all", "--route", "file"], ["--scope", "all"]])
@pytest.mark.usefixtures("server")
def test_every_practice_after_a_query_of_one_is_the_file_and_then_holds_all(home, words):
    fetch(home, "--months", "2026-01", "--scope", "K81001")
    assert "restated" in fetch(home, "--months", "2026-01", *words)
    (held,) = Store(home).months()
    assert (held.practices, held.practices_asked, held.source) == (3, None, "portal file")
    assert held.replaces[0]["rows_used"] == 1
    assert "unchanged" in fetch(home, "--months", "2026-01", "--scope", CODES)


def test_a_month_held_whole_and_published_again_stays_whole(server, home):
    fetch(home, "--months", "2026-01", "--scope", "all")
    again = server.months["EPD_SNOMED_202601"]
    again.zipped = zipped(text({"ITEMS": "9", "TOTAL_QUANTITY": "18"}, {"PRACTICE_CODE": "E81001"}).encode())
    again.last_modified = "2026-05-01T00:00:00"
    error = fetch(home, "--months", "2026-01", "--scope", CODES, "--route", "query", code=3)
    assert "every practice is held; a query would leave most of them out. Use --route file." in error
    assert "restated" in fetch(home, "--months", "2026-01", "--scope", CODES)
    (held,) = Store(home).months()
    assert (held.practices, held.practices_asked, held.source) == (2, None, "portal file")


def test_without_months_the_newest_is_fetched_and_then_what_is_newer(server, home):
    fetch(home, "--scope", CODES)
    assert [m.month for m in Store(home).months()] == ["2026-01"]
    server.add(month("EPD_SNOMED_202602", "2026-02"))
    fetch(home, "--scope", CODES)
    assert [m.month for m in Store(home).months()] == ["2026-01", "2026-02"]


@pytest.mark.usefixtures("server")
def test_a_query_of_every_practice_is_refused_not_quietly_a_file(home):
    error = fetch(home, "--months", "2026-01", "--scope", "all", "--route", "query", code=3)
    assert "a query cannot bring every practice. Use --route file, or name a --scope." in error


def test_a_practice_without_a_row_is_asked_for_once(server, home):
    fetch(home, "--months", "2026-01", "--scope", "K81001")
    fetch(home, "--months", "2026-01", "--scope", "K81001,Z99999")
    asked = len(server.statements())
    fetch(home, "--months", "2026-01", "--scope", "K81001,Z99999")
    assert len(server.statements()) == asked
    assert [m.practices_asked for m in Store(home).months()] == [("K81001", "Z99999")]


def test_the_same_rows_under_a_new_date_are_asked_for_once(server, home):
    fetch(home, "--months", "2026-01", "--scope", CODES)
    server.months["EPD_SNOMED_202601"].last_modified = "2026-05-01T00:00:00"
    assert "unchanged" in fetch(home, "--months", "2026-01", "--scope", CODES)
    asked = len(server.statements())
    fetch(home, "--months", "2026-01", "--scope", CODES)
    assert len(server.statements()) == asked


def test_a_month_held_by_an_older_version_is_widened_by_the_practices_it_is_found_to_lack(server, home):
    fetch(home, "--months", "2026-01", "--scope", "K81001")
    file = home / "months" / "2026-01.json"
    old = json.loads(file.read_text())
    for field in ("practices_asked", "is_synthetic", "data_hash", "rejects_hash"):
        del old[field]
    file.write_text(json.dumps(old))
    asked = len(server.statements())
    assert "unchanged" in fetch(home, "--months", "2026-01", "--scope", "K81001")
    assert len(server.statements()) == asked
    fetch(home, "--months", "2026-01", "--scope", "K81002")
    assert [m.practices_asked for m in Store(home).months()] == [("K81001", "K81002")]


def test_what_was_taken_is_told_when_a_later_month_fails(server, home):
    server.add(month("EPD_SNOMED_202602", "2026-02"))
    server.months["EPD_SNOMED_202601"].zipped = b"no zip"
    result = CliRunner().invoke(cli, ["fetch", "--home", str(home), "--months", "2025-12:", "--scope", "all"])
    assert result.exit_code == 4
    assert "2025-12 published" in result.stdout
    assert result.stderr.count("prescarbon: ") == 1
    assert "the server sent something else, not a ZIP" in result.stderr
    assert [m.month for m in Store(home).months()] == ["2025-12"]  # a portal that fails is not asked for more


def test_a_month_that_cannot_be_used_does_not_cost_the_later_ones(server, home):
    server.months["EPD_SNOMED_202512"].records = []
    result = CliRunner().invoke(cli, ["fetch", "--home", str(home), "--months", "2025-12:", "--scope", CODES, "--json"])
    assert result.exit_code == 3
    told = [(t["file_name"], t["status"]) for t in json.loads(result.stdout)]
    assert told == [("EPD_SNOMED_202512", "refused"), ("EPD_SNOMED_202601.practices.csv", "published")]
    assert result.stderr.startswith(
        "prescarbon: EPD_SNOMED_202512: the portal has no row of the 2 practices asked for."
    )


def test_run_tells_what_was_taken_and_makes_no_report_of_what_failed(server, home, tmp_path):
    server.faults["zip"] += [Fault(body=b"no zip")] * 20
    words = ["run", "--home", str(home), "--months", "2026-01", "--scope", "all", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 4
    assert "not a ZIP" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_month_of_another_name_is_refused_also_when_its_file_is_held(server, home):
    fetch(home, "--months", "2025-12", "--scope", "all")
    server.months["EPD_SNOMED_202601"].zipped = server.months["EPD_SNOMED_202512"].zipped
    error = fetch(home, "--months", "2026-01", "--scope", "all", code=3)
    assert "holds 2025-12, not 2026-01" in error


@pytest.mark.parametrize("bad", [text({"YEAR_MONTH": "2025-11"}), text({}).replace('"NIC"', '"NIC_GBP"')])
def test_a_download_that_import_refuses_is_not_kept_for_the_next_fetch(server, home, bad):
    january = server.months["EPD_SNOMED_202601"]
    good, january.zipped = january.zipped, zipped(bad.encode())
    fetch(home, "--months", "2026-01", "--scope", "all", code=3)
    january.zipped = good  # put right under the same date
    fetch(home, "--months", "2026-01", "--scope", "all")
    assert [m.rows_used for m in Store(home).months()] == [3]


def test_a_download_that_found_the_store_busy_is_kept(server, home):
    home.mkdir()
    with alone(home):
        assert "another prescarbon is writing" in fetch(home, "--months", "2026-01", "--scope", "all", code=3)
    fetch(home, "--months", "2026-01", "--scope", "all")
    assert len(server.of("zip")) == 1


@pytest.mark.usefixtures("server")
def test_a_scope_without_a_row_is_one_sentence(home):
    result = CliRunner().invoke(cli, ["fetch", "--home", str(home), "--months", "2026-01", "--scope", "Z12345"])
    assert result.exit_code in (3, 4)
    assert result.stderr.count("\n") == 1
    assert Store(home).months() == []


@pytest.mark.real
def test_the_real_answer_comes_through_to_the_digit(server, home, real):
    records = read_records(
        gzip.decompress(
            (real / "nhsbsa-ckan-answer-2020-01" / "answer_EPD_202001_13T00_paracetamol.json.gz").read_bytes()
        ).decode()
    )
    server.add(Month("EPD_202001", CURRENT, records))
    codes = sorted({r["PRACTICE_CODE"] for r in records})
    fetch(home, "--months", "2020-01", "--scope", ",".join(codes))
    (held,) = [m for m in Store(home).months() if m.month == "2020-01"]
    assert (held.rows_used, held.practices) == (1978, 72)
    assert str(held.nic_gbp_used) == "108009.76"


@pytest.mark.usefixtures("server")
def test_run_fetches_and_reports(home, tmp_path):
    result = CliRunner().invoke(
        cli,
        ["run", "--home", str(home), "--months", "2026-01", "--scope", CODES, "--out", str(tmp_path / "out"), "--json"],
    )
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["pages"]) == 2


def test_one_record_without_nic_among_others_is_said_and_is_not_zero_pounds(server, home):
    lacks = record("2026-01", "K81001") | {"NIC": None}
    server.months["EPD_SNOMED_202601"].records = [record("2026-01", "K81001"), lacks]
    said = fetch(home, "--scope", CODES, "--months", "2026-01", "--route", "query")
    assert "2 rows in = 2 used + 0 rejected; NIC £9.00 in = £9.00 used" in said
    assert "mind: 1 of 2 used rows have no NIC; £ are of the others." in said
    assert Store(home).months()[0].rows_used_without_nic == 1


def test_records_without_any_nic_have_no_pounds(server, home):
    server.months["EPD_SNOMED_202601"].records = [record("2026-01", "K81001") | {"NIC": None}]
    said = fetch(home, "--scope", CODES, "--months", "2026-01", "--route", "query")
    assert "NIC not known" in said
    assert "£0" not in said


def test_a_line_end_in_a_record_breaks_no_row(server, home):
    odd = record("2026-01", "K81001") | {"ADDRESS_1": "1 ROAD\r\nTOWN", "PRACTICE_NAME": "A\nSURGERY"}
    server.months["EPD_SNOMED_202601"].records = [odd, record("2026-01", "K81002")]
    said = fetch(home, "--scope", CODES, "--months", "2026-01", "--route", "query")
    assert "2 rows in = 2 used + 0 rejected" in said
    assert "mind: 1 names or codes held control characters; they were cleaned." in said
    assert "A SURGERY" in Store(home).scan().collect()["practice_name"].to_list()
