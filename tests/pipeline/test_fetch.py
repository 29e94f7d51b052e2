"""fetch as a user types it, against a real HTTP server on loopback in the portal's true answer shapes."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from prescarbon.cli import cli
from prescarbon.source import portal as portal_module
from prescarbon.store.months import Store
from tests.portal_server import CURRENT, Fault, Month, PortalServer, read_records, running, zipped
from tests.source.test_files import text

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
    monkeypatch.setattr(portal_module.time, "sleep", lambda _: None)
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


def test_rows_that_are_left_out_without_a_word_are_never_trusted(server, home):
    server.row_cap = 1
    fetch_or_refuse = CliRunner().invoke(cli, ["fetch", "--home", str(home), "--months", "2026-01", "--scope", CODES])
    if fetch_or_refuse.exit_code == 0:
        assert [m.rows_used for m in Store(home).months()] == [2]
    else:
        assert fetch_or_refuse.exit_code == 4
        assert Store(home).months() == []


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
