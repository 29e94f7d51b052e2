"""What an answer means, how long to wait, and JSON that loses no digit."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from prescarbon.errors import PortalError
from prescarbon.source.asking import NotThereError, next_step, pause, polite_session, read_json
from tests.portal_server import Fault, PortalServer, running

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "step"),
    [(200, "take"), (206, "take"), (403, "new address"), (410, "new address"), (None, "wait"), (409, "wait"),
     (429, "wait"), (503, "wait"), (404, "give up"), (400, "give up"), (301, "give up")],
)  # fmt: skip
def test_each_status_has_one_meaning(status, step):
    assert next_step(status) == step


@pytest.mark.parametrize(
    ("attempt", "retry_after", "seconds"),
    [
        (0, None, 1),
        (3, None, 8),
        (20, None, 300),
        (0, "7", 7),
        (0, "86400", 300),  # a day: never longer than five minutes
        (0, "999999999", 300),
        (2, "soon", 4),
        (0, "Sun, 01 Feb 2026 12:00:30 GMT", 30),
        (0, "Sun, 01 Feb 2026 12:00:30", 30),  # no zone: UTC
        (0, "Mon, 02 Feb 2026 12:00:00 GMT", 300),
        (2, "Sun, 01 Feb 2026 11:00:00 GMT", 4),  # past: as long as without it
    ],
)
def test_the_pause_is_as_the_server_asks_but_never_above_five_minutes(attempt, retry_after, seconds):
    assert pause(attempt, retry_after, NOW) == seconds


@pytest.fixture
def server() -> Iterator[PortalServer]:
    with running() as portal:
        yield portal


@pytest.fixture
def waits() -> list[float]:
    return []


def ask(server: PortalServer, waits: list[float], kind: str = "package_show", tries: int = 3) -> object:
    return read_json(polite_session(), f"{server.base}/{kind}", {"id": "x"}, wait=waits.append, tries=tries)


@pytest.mark.loopback
def test_a_day_asked_for_in_retry_after_is_five_minutes(server, waits):
    server.faults["package_show"].append(Fault(status=503, headers={"Retry-After": "86400"}))
    ask(server, waits)
    assert waits == [300.0]


@pytest.mark.loopback
def test_numbers_come_as_the_text_they_are_written_in(server, waits):
    server.faults["package_show"].append(Fault(body=b'[0.1, 12345678901234567890, 1e-05, -2.5E2, NaN, "x"]'))
    assert ask(server, waits) == ["0.1", "12345678901234567890", "0.00001", "-250", None, "x"]


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(cut_after=3), "the connection broke or timed out at each of 3 tries"),
        (Fault(body=b'{"success": tru'), "JSON is broken or was cut short at each of 3 tries"),
        (Fault(body=b"[" * 100_000), "JSON is broken or was cut short at each of 3 tries"),
        (Fault(status=409, body=b'{"error": {"message": "busy\\n now"}}'), "the portal answered 409 .busy now. at each of"),
        (Fault(status=500, body=b'{"error": "text"}'), "the portal answered 500 at each of 3 tries"),
        (Fault(status=500, body=b"[" * 100_000), "the portal answered 500 at each of 3 tries"),
    ],
)  # fmt: skip
def test_a_passing_fault_is_waited_for_and_then_told_in_one_sentence(server, waits, fault, says):
    server.faults["package_show"] += [fault] * 3
    with pytest.raises(PortalError, match=f"^package_show: .*{says}") as caught:
        ask(server, waits)
    assert waits == [1.0, 2.0]
    assert "\n" not in str(caught.value)


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault(status=404), NotThereError, "the portal answered 404"),
        (Fault(status=400, body=b'{"error": {"message": "no such column"}}'), PortalError, "400 .no such column."),
        (Fault(body=b"\xef\xbb\xbf <html>"), PortalError, "a web page .HTML. instead of JSON"),
        (Fault(status=302, headers={"Location": "/again"}), PortalError, "cannot be asked .TooManyRedirects."),
    ],
)
def test_a_lasting_fault_is_told_at_once(server, waits, fault, kind, says):
    server.faults["package_show"].append(fault)
    server.faults["again"] += [fault] * 10
    with pytest.raises(kind, match=says):
        ask(server, waits)
    assert waits == []


def test_an_address_that_is_none_is_one_sentence():
    with pytest.raises(PortalError, match=r"^package_show: cannot be asked .InvalidURL."):
        read_json(requests.Session(), "http://[bad/package_show", {}, wait=lambda _: None)
