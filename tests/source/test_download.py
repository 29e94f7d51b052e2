"""Downloading a ZIP from a server that cuts, slices, republishes and lies."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from prescarbon.errors import InputError, PortalError
from prescarbon.source import download
from prescarbon.source.asking import polite_session
from prescarbon.source.download import Downloaded, download_zip
from tests.portal_server import CURRENT, Fault, Month, PortalServer, running, zipped

pytestmark = pytest.mark.loopback
ONE = zipped(b"".join(b"%06d one\n" % n for n in range(50_000)))
TWO = zipped(b"".join(b"%06d two\n" % n for n in range(50_000)))  # published over it: as long, other rows
HALF = len(ONE) // 2


@pytest.fixture
def server() -> Iterator[PortalServer]:
    with running() as portal:
        portal.add(Month("M", CURRENT, zipped=ONE))
        yield portal


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def fetch(server: PortalServer, waits: list[float], tmp_path: Path) -> Callable[[], Downloaded]:
    def address() -> str:
        token = f"t{len(server.addresses)}"
        server.addresses[token] = server.address_uses
        return f"{server.base.removesuffix('/api/3/action')}/files/{token}/M.ZIP?X-Amz-Signature={token}"

    return lambda: download_zip(polite_session(), address, tmp_path / "M.zip", wait=waits.append, tries=3)


def ranges(server: PortalServer) -> list[tuple[str | None, str | None, int]]:
    return [(a.headers.get("Range"), a.headers.get("If-Range"), a.status) for a in server.of("zip")]


def test_a_whole_zip_takes_its_name_and_leaves_nothing_beside_it(fetch, tmp_path):
    got = fetch()
    assert got.path.read_bytes() == ONE
    assert (got.bytes, got.address.rpartition("/")[2]) == (len(ONE), "M.ZIP")  # without its signature
    assert {p.name for p in tmp_path.iterdir()} <= {"M.zip", ".M.zip.lock"}


def test_a_file_published_over_while_it_came_is_fetched_anew_not_mixed(server, fetch):
    def republish() -> None:
        server.months["M"].zipped, server.months["M"].version = TWO, 2

    server.faults["zip"].append(Fault(cut_after=HALF, then=republish))
    assert fetch().path.read_bytes() == TWO
    first, second = ranges(server)
    assert first == (None, None, 200)
    assert second[1:] == ('"v1"', 200)  # continue only version one; the server sent version two whole


def test_a_server_that_answers_in_slices_is_asked_until_the_file_is_whole(server, fetch, waits):
    server.slice_bytes = 200_000
    server.faults["zip"].append(Fault(cut_after=HALF))
    assert fetch().path.read_bytes() == ONE
    assert len(ranges(server)) > 2
    assert len(waits) == len(ranges(server)) - 1


def test_a_part_that_a_stopped_run_left_is_continued(server, fetch, tmp_path):
    server.faults["zip"] += [Fault(cut_after=HALF), Fault(status=404)]
    with pytest.raises(PortalError, match="the server answered 404"):
        fetch()
    left = (tmp_path / ".M.zip.part").stat().st_size
    assert left > 0
    assert fetch().path.read_bytes() == ONE
    assert ranges(server)[-1] == (f"bytes={left}-", '"v1"', 206)


def test_a_part_that_is_whole_already_is_not_asked_for_again(server, fetch, monkeypatch):
    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "hash_of", stopped)
        with pytest.raises(KeyboardInterrupt):
            fetch()
    assert fetch().path.read_bytes() == ONE
    assert len(ranges(server)) == 1


@pytest.mark.parametrize("spoil", ["longer than the file", "no note", "a note that is none"])
def test_a_part_that_cannot_be_trusted_starts_anew(server, fetch, tmp_path, spoil):
    server.faults["zip"] += [Fault(cut_after=HALF), Fault(status=404)]
    with pytest.raises(PortalError):
        fetch()
    part, note = tmp_path / ".M.zip.part", tmp_path / ".M.zip.part.json"
    if spoil == "longer than the file":
        part.write_bytes(ONE + b"more")
    elif spoil == "no note":
        note.unlink()
    else:
        note.write_text("[")
    assert fetch().path.read_bytes() == ONE
    assert ranges(server)[-1] == (None, None, 200)


@pytest.mark.parametrize("has", ["no etag", "a weak etag"])
def test_a_file_without_a_strong_mark_is_never_continued(server, fetch, has):
    server.has_etag = has != "no etag"
    headers = {} if has == "no etag" else {"ETag": 'W/"v1"'}
    server.faults["zip"].append(Fault(cut_after=HALF, headers=headers))
    assert fetch().path.read_bytes() == ONE
    assert ranges(server) == [(None, None, 200)] * 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=416, body=b""),
        Fault(status=206, body=ONE[5:], headers={"Content-Range": f"bytes 5-{len(ONE) - 1}/{len(ONE)}"}),
        Fault(status=206, body=ONE[HALF:], headers={"Content-Range": f"bytes {HALF}-{len(ONE)}/{len(ONE) + 1}"}),
        Fault(status=206, body=ONE[HALF:]),
    ],
    ids=["416", "another place", "another length", "no place"],
)
def test_a_continuation_of_something_else_starts_anew(server, fetch, fault):
    server.faults["zip"] += [Fault(cut_after=HALF), fault]
    assert fetch().path.read_bytes() == ONE
    assert ranges(server)[-1] == (None, None, 200)


def test_a_length_that_is_no_number_is_not_relied_on(server, fetch):
    server.faults["zip"].append(Fault(headers={"Content-Length": "²"}, content_length=len(ONE) + 1))
    assert fetch().path.read_bytes() == ONE


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        ([Fault(status=503, headers={"Retry-After": "9"})] * 3, "the server answered 503 at each of 3 tries"),
        ([Fault(cut_after=0)] * 3, "at each of 3 tries"),
        ([Fault(status=403)] * 4, "the address is refused .403., and each of 3 fresh addresses too"),
        ([Fault(body=b"<html>")], "the server sent a web page .HTML., not a ZIP"),
        ([Fault(body=b"x")], "the server sent something else, not a ZIP"),
        ([Fault(body=b"PK but no more")], "what came is not a whole ZIP"),
        ([Fault(status=302, headers={"Location": "http://[bad"})], "cannot be fetched .ValueError."),
    ],
)
def test_a_fault_is_one_sentence_that_names_the_file_and_nothing_is_published(server, fetch, tmp_path, faults, says):
    server.faults["zip"] += faults
    with pytest.raises(PortalError, match=f"^M.zip: .*{says}") as caught:
        fetch()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "M.zip").exists()


def test_a_file_that_another_run_fetches_is_left_to_it(fetch, tmp_path):
    with (
        FileLock(tmp_path / ".M.zip.lock"),
        pytest.raises(InputError, match=r"M\.zip: is being fetched by another run\. Wait until it has ended\."),
    ):
        fetch()
    with zipfile.ZipFile(fetch().path) as archive:
        assert archive.testzip() is None
