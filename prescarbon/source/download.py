"""Downloading a ZIP: how a cut download goes on, when an address has died, what is no ZIP."""

import json
import os
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests
from filelock import FileLock, Timeout

from prescarbon.errors import InputError, PortalError
from prescarbon.source.asking import LATER, TIMEOUTS, TRIES, Broken, PassingError, Wait, is_html, next_step, pause
from prescarbon.store.atomic import writing_to
from prescarbon.store.months import hash_of

NEW_ADDRESSES = 3  # in a row that bring nothing new
READ_AT_ONCE = 1 << 18
NO_ROOM = "Free some space or choose another folder; what was fetched so far is kept and continued."

Progress = Callable[[int, int | None], None]


class _AddressDiedError(Exception):
    """The address holds no longer: ask for a fresh one."""


def show_nothing(done: int, total: int | None) -> None:
    """A progress that shows nothing."""


@dataclass(frozen=True)
class Downloaded:
    """A whole file: where it lies, the address without its signature, its hash and size."""

    path: Path
    address: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class _Held:
    """What a part belongs to: the server's mark of this version of the file (for If-Range) and its whole size."""

    mark: str | None
    total: int | None


def download_zip(
    session: requests.Session,
    find_address: Callable[[], str],
    final: Path,
    *,
    wait: Wait = time.sleep,
    progress: Progress = show_nothing,
    tries: int = TRIES,
) -> Downloaded:
    """Fetch a ZIP. It takes its name only when whole; until then it grows in a hidden neighbour, which the next run continues.

    find_address  a fresh address; asked again when the address has expired
    progress      called with bytes so far and bytes in all (None where the server does not say)

    Raises:
        PortalError: the server refuses, fails at every try, or what it sends is no whole ZIP.
        InputError: the folder cannot be written to, or another run is fetching the same file.
    """
    with writing_to(final.parent, NO_ROOM):
        lock = FileLock(final.with_name(f".{final.name}.lock"), timeout=0)
        try:
            with lock:
                return _Part(final).complete(session, find_address, wait, progress, tries)
        except Timeout as error:
            raise InputError(
                "is being fetched by another run.", where=final.name, remedy="Wait until it has ended."
            ) from error


class _Part:
    """The hidden neighbour a download grows in, and a note beside it of what it is a part of."""

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = final.with_name(f".{final.name}.part")
        self.note = final.with_name(f".{final.name}.part.json")

    def complete(
        self,
        session: requests.Session,
        find_address: Callable[[], str],
        wait: Wait,
        progress: Progress,
        tries: int,
    ) -> Downloaded:
        address, most, failures, refusals = find_address(), self.size, 0, 0
        while True:
            try:
                self._receive(session, address, progress)
                return self._publish(address)
            except PassingError as fault:
                failures, refusals = (failures + 1, refusals) if self.size <= most else (1, 0)
                if failures >= tries:
                    raise PortalError(
                        f"{fault} at each of {tries} tries.", where=self.final.name, remedy=LATER
                    ) from fault
                wait(pause(failures - 1, fault.retry_after, datetime.now(UTC)))
            except _AddressDiedError as died:
                refusals = refusals + 1 if self.size <= most else 1
                if refusals > NEW_ADDRESSES:
                    raise PortalError(
                        f"{died}, and each of {NEW_ADDRESSES} fresh addresses too.", where=self.final.name, remedy=LATER
                    ) from died
                address = find_address()
            most = max(most, self.size)

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _receive(self, session: requests.Session, address: str, progress: Progress) -> None:
        """Take what is missing; afterwards the part has the size that was promised."""
        held, start = self._held(), self.size
        if held.mark is None or (held.total is not None and start > held.total):
            start = 0
        if start and start == held.total:
            return
        headers = {"Accept-Encoding": "identity"}
        if start and held.mark:
            headers |= {"Range": f"bytes={start}-", "If-Range": held.mark}
        try:
            with session.get(address, headers=headers, stream=True, timeout=TIMEOUTS) as answer:
                held = self._begin(answer, held, start)
                self._take(answer, held, progress)
        except Broken as error:
            raise PassingError("the connection broke or timed out") from error
        except (requests.RequestException, ValueError) as error:  # a redirect to no address is a ValueError
            raise PortalError(
                f"cannot be fetched ({type(error).__name__}).", where=self.final.name, remedy=LATER
            ) from error
        if held.total is not None and self.size != held.total:
            raise PassingError(f"{self.size:,} bytes came of {held.total:,}")

    def _begin(self, answer: requests.Response, held: _Held, start: int) -> _Held:
        """What the answer is a part of; the part starts anew unless the answer continues it."""
        step, status = next_step(answer.status_code), answer.status_code
        if step == "new address":
            raise _AddressDiedError(f"the address is refused ({status})")
        if step == "wait":
            raise PassingError(f"the server answered {status}", answer.headers.get("Retry-After"))
        if status == 416:
            self.drop()
            raise PassingError("the server cannot continue the part")
        if step == "give up":
            raise PortalError(f"the server answered {status}.", where=self.final.name, remedy=LATER)
        if status == 206:
            place = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
            if not (start and place and int(place[1]) == start and place[2] in ("*", str(held.total))):
                self.drop()
                raise PassingError("the server continued at another place")
            return held
        self.drop()
        length = answer.headers.get("Content-Length", "")
        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if mark and mark.startswith("W/"):  # a weak mark may not be used to continue (RFC 9110, 13.1.5)
            mark = None
        held = _Held(mark, int(length) if length.isascii() and length.isdigit() else None)
        self.note.write_text(json.dumps(asdict(held)), "utf-8")
        return held

    def _take(self, answer: requests.Response, held: _Held, progress: Progress) -> None:
        done = self.size
        progress(done, held.total)
        with self.path.open("ab") as file:
            for piece in answer.iter_content(READ_AT_ONCE):
                if not done:
                    self._look_at(piece)
                file.write(piece)
                done += len(piece)
                progress(done, held.total)

    def _look_at(self, piece: bytes) -> None:
        if piece[:2] != b"PK"[: len(piece)]:
            self.drop()
            what = "a web page (HTML)" if is_html(piece) else "something else"
            raise PortalError(f"the server sent {what}, not a ZIP.", where=self.final.name, remedy=LATER)

    def _held(self) -> _Held:
        try:
            return _Held(**json.loads(self.note.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return _Held(None, None)

    def _publish(self, address: str) -> Downloaded:
        if not zipfile.is_zipfile(self.path):
            self.drop()
            raise PortalError("what came is not a whole ZIP.", where=self.final.name, remedy=LATER)
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        sha256, size = hash_of(self.path), self.size
        self.path.replace(self.final)
        self.drop()
        return Downloaded(self.final, without_signature(address), sha256, size)

    def drop(self) -> None:
        """Forget the part; first the bytes, so that a kill in between leaves no bytes under another's note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def without_signature(address: str) -> str:
    """The address without query and fragment: a signed address changes at every asking."""
    return urlunsplit(urlsplit(address)._replace(query="", fragment=""))
