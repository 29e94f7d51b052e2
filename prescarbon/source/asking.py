"""Asking over HTTP, politely: what each answer means, when to try again, and JSON that loses no digit."""

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import requests

from prescarbon import __version__
from prescarbon.errors import PortalError

AGENT = f"prescarbon/{__version__} (+open prescribing carbon analysis)"
TIMEOUTS = (10, 120)  # seconds to connect, seconds between bytes
REDIRECTS = 5
TRIES = 6  # in a row that bring nothing new
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds
LATER = "Try again later, or import the month's file by hand."

Wait = Callable[[float], None]
Broken = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class NotThereError(PortalError):
    """The portal says that there is no such thing (404)."""


class PassingError(Exception):
    """Another try may end well; `retry_after` is the server's own word on when."""

    def __init__(self, words: str, retry_after: str | None = None) -> None:
        """Say what went wrong."""
        super().__init__(words)
        self.retry_after = retry_after


def polite_session() -> requests.Session:
    """A session that says who we are and follows few redirects."""
    session = requests.Session()
    session.headers["User-Agent"] = AGENT
    session.max_redirects = REDIRECTS
    return session


def next_step(status: int | None) -> Literal["take", "new address", "wait", "give up"]:
    """What an answer means to us. None: the connection broke or timed out.

    That the portal answers 403 or 410 for an address that has expired is an assumption: here is where to change it.
    """
    if status in (200, 206):
        return "take"
    if status in (403, 410):
        return "new address"
    if status is None or status in (408, 409, 429, 500, 502, 503, 504):  # CKAN words a passing search error as 409
        return "wait"
    return "give up"


def pause(attempt: int, retry_after: str | None, now: datetime) -> float:
    """Seconds before the next try: as the server asks (seconds or a date), else twice as long each time; never above 300.

    attempt  0 after the first failure
    """
    backed_off = min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE)
    if retry_after is None:
        return backed_off
    if re.fullmatch(r"[0-9]{1,9}", retry_after.strip()):
        return min(float(retry_after), LONGEST_PAUSE)
    try:
        asked = parsedate_to_datetime(retry_after)
    except ValueError:
        return backed_off
    if asked.tzinfo is None:
        asked = asked.replace(tzinfo=UTC)
    return min(max((asked - now).total_seconds(), backed_off), LONGEST_PAUSE)


def read_json(
    session: requests.Session, address: str, params: Mapping[str, str], *, wait: Wait = time.sleep, tries: int = TRIES
) -> Any:
    """The JSON at an address. Numbers come as the text they are written in, so that none goes through a float.

    Raises:
        NotThereError: 404.
        PortalError: the server refuses, sends a web page, or fails at every try.
    """
    name = address.rstrip("/").rpartition("/")[2]
    for attempt in range(tries):
        try:
            return _ask_json(session, address, params, name)
        except PassingError as fault:
            if attempt + 1 == tries:
                raise PortalError(f"{fault} at each of {tries} tries.", where=name, remedy=LATER) from fault
            wait(pause(attempt, fault.retry_after, datetime.now(UTC)))
    raise AssertionError("tries is at least 1")  # pragma: no cover  # the loop returns or raises


def _ask_json(session: requests.Session, address: str, params: Mapping[str, str], name: str) -> Any:
    try:
        answer = session.get(address, params=params, timeout=TIMEOUTS)
    except Broken as error:
        raise PassingError("the connection broke or timed out") from error
    except (requests.RequestException, ValueError) as error:  # a redirect to no address is a ValueError
        raise PortalError(f"cannot be asked ({type(error).__name__}).", where=name, remedy=LATER) from error
    step, status = next_step(answer.status_code), answer.status_code
    if step == "wait":
        raise PassingError(f"the portal answered {status}{_own_words(answer)}", answer.headers.get("Retry-After"))
    if step != "take":
        kind = NotThereError if status == 404 else PortalError
        raise kind(f"the portal answered {status}{_own_words(answer)}.", where=name, remedy=LATER)
    if is_html(answer.content):
        raise PortalError("the portal sent a web page (HTML) instead of JSON.", where=name, remedy=LATER)
    try:
        return json.loads(answer.content, parse_int=str, parse_float=_plain, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise PassingError("the portal's JSON is broken or was cut short") from error


def _plain(number: str) -> str:
    """The number's text; 1e-05 is written out, for CSV readers know no exponents."""
    return format(Decimal(number), "f") if "e" in number.lower() else number


def _own_words(answer: requests.Response) -> str:
    try:
        words = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f" ({' '.join(str(words).split())[:200]})"


def is_html(start: bytes) -> bool:
    """True where the bytes begin like a web page."""
    return start[:256].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"
