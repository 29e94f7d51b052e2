"""A portal on loopback: real HTTP, the true answer shapes, addresses that expire, and misbehaviour on demand."""

import io
import json
import re
import socket
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CURRENT = "english-prescribing-dataset-epd-with-snomed-code"
RETIRED = "english-prescribing-data-epd"


class Number(str):
    """A number as the text it stands in JSON with."""


@dataclass
class Fault:
    """One answer that goes wrong.

    cut_after  bytes of the body sent before the connection is cut
    then       called once the answer is sent: what changes at the portal behind a client's back
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut_after: int | None = None
    content_length: int | None = None
    then: Callable[[], None] | None = None


@dataclass
class Month:
    name: str
    dataset: str
    records: list[dict[str, Any]] = field(default_factory=list)
    zipped: bytes = b""
    last_modified: str | None = "2025-09-19T14:59:00.904819"
    created: str | None = "2025-09-15T14:59:00.904819"
    size: int | None = None
    version: int = 1

    @property
    def id(self) -> str:
        return f"id-{self.name}"


@dataclass
class Asked:
    kind: str
    params: dict[str, str]
    headers: dict[str, str]
    status: int = 0
    sent: int = 0


@dataclass
class PortalServer:
    """`faults[kind]` are used up one an answer; kinds: package_show, resource_show, datastore_search_sql, zip."""

    months: dict[str, Month] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    asked: list[Asked] = field(default_factory=list)
    addresses: dict[str, int] = field(default_factory=dict)  # token → uses left
    address_uses: int = 1_000
    row_cap: int | None = None  # records beyond it are left out without a word
    page_cap: int | None = None  # the same, of rows alone: counts stay true
    slice_bytes: int | None = None  # the most that an answer to a range holds, as a server may
    row_ceiling: int | None = None  # beyond it the answer says records_truncated and holds none
    is_flat: bool = False  # result.records instead of result.result.records
    has_ranges: bool = True
    has_etag: bool = True
    gone_datasets: set[str] = field(default_factory=set)
    base: str = ""

    def add(self, month: Month) -> Month:
        self.months[month.name] = month
        return month

    def expire(self) -> None:
        self.addresses = dict.fromkeys(self.addresses, 0)

    def of(self, kind: str) -> list[Asked]:
        return [a for a in self.asked if a.kind == kind]

    def statements(self) -> list[str]:
        return [a.params["sql"] for a in self.of("datastore_search_sql")]


def zipped(csv: bytes, name: str = "EPD.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(name), csv)
    return file.getvalue()


def read_records(text: str) -> list[dict[str, Any]]:
    """Records of a real answer, their numbers as the text they were written in."""
    return json.loads(text, parse_int=Number, parse_float=Number)["result"]["result"]["records"]


def as_json(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {as_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_json, value)) + "]"
    return json.dumps(value)


WHERE = r" FROM `(?P<table>\w+)` WHERE PRACTICE_CODE IN \((?P<codes>'[A-Z0-9]+'(?:, '[A-Z0-9]+')*)\)"
STATEMENTS = {
    "count": re.compile(r"SELECT COUNT\(\*\) AS ROW_COUNT" + WHERE),
    "counts": re.compile(r"SELECT PRACTICE_CODE, COUNT\(\*\) AS ROW_COUNT" + WHERE + " GROUP BY PRACTICE_CODE"),
    "rows": re.compile(r"SELECT \*" + WHERE),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    portal: PortalServer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        params = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        kind = "zip" if parts.path.startswith("/files/") else parts.path.rsplit("/", 1)[-1]
        self.asking = Asked(kind, params, dict(self.headers))
        self.portal.asked.append(self.asking)
        fault = self.portal.faults[kind].pop(0) if self.portal.faults[kind] else Fault()
        if fault.status is not None or fault.body is not None:
            body = b'{"success": false}' if fault.body is None else fault.body
            self.send(fault.status or 200, body, fault.headers, fault)
        elif kind == "zip":
            self.send_zip(parts.path, fault)
        else:
            status, answer = getattr(self, f"answer_{kind}", self.answer_unknown)(params)
            self.send(status, as_json(answer).encode(), {"Content-Type": "application/json"}, fault)

    def answer_unknown(self, _: dict[str, str]) -> tuple[int, Any]:
        return 404, {"success": False, "error": {"__type": "Not Found Error", "message": "Not found"}}

    def answer_package_show(self, params: dict[str, str]) -> tuple[int, Any]:
        if params["id"] in self.portal.gone_datasets | {""}:
            return self.answer_unknown(params)
        listed = [
            {"id": m.id, "name": m.name, "last_modified": m.last_modified, "created": m.created, "size": m.size}
            for m in self.portal.months.values()
            if m.dataset == params["id"]
        ]
        guide = {"id": "guide", "name": "Release guidance", "last_modified": None, "created": "2020-01-01T00:00:00"}
        return 200, {"success": True, "result": {"name": params["id"], "resources": [guide, *listed]}}

    def answer_resource_show(self, params: dict[str, str]) -> tuple[int, Any]:
        month = next((m for m in self.portal.months.values() if m.id == params["id"]), None)
        if month is None:
            return self.answer_unknown(params)
        token = f"t{len(self.portal.addresses)}"
        self.portal.addresses[token] = self.portal.address_uses
        root = self.portal.base.removesuffix("/api/3/action")
        address = f"{root}/files/{token}/{month.name}.ZIP?X-Amz-Expires=3600&X-Amz-Signature={token}"
        return 200, {"success": True, "result": {"id": month.id, "name": month.name, "zip_url": address}}

    def answer_datastore_search_sql(self, params: dict[str, str]) -> tuple[int, Any]:
        form, found = next(((f, m) for f, s in STATEMENTS.items() if (m := s.fullmatch(params["sql"]))), ("", None))
        if found is None or found["table"] != params["resource_id"]:
            words = f"Search Query is invalid: {params['sql']}"
            return 400, {"success": False, "error": {"__type": "Search Query Error", "message": words}}
        if found["table"] not in self.portal.months:
            return self.answer_unknown(params)
        wanted = set(re.findall(r"'(\w+)'", found["codes"]))
        rows = [r for r in self.portal.months[found["table"]].records if r["PRACTICE_CODE"] in wanted]
        if form == "count":
            rows = [{"ROW_COUNT": len(rows)}]
        elif form == "counts":
            codes = [r["PRACTICE_CODE"] for r in rows]
            rows = [{"PRACTICE_CODE": c, "ROW_COUNT": codes.count(c)} for c in dict.fromkeys(codes)]
        if self.portal.row_ceiling is not None and len(rows) > self.portal.row_ceiling:
            links = [{"url": "https://storage.example/rows.csv.gz"}]
            return 200, self.nested({"records_truncated": "true", "gc_urls": links})
        rows = rows[: self.portal.row_cap]
        return 200, self.nested({"records": rows[: self.portal.page_cap] if form == "rows" else rows, "fields": []})

    def nested(self, result: dict[str, Any]) -> dict[str, Any]:
        inner = result if self.portal.is_flat else {"help": "…", "success": "true", "result": result}
        return {"help": "…", "success": True, "result": inner}

    def send_zip(self, path: str, fault: Fault) -> None:
        _, _, token, name = path.split("/")
        if self.portal.addresses.get(token, 0) <= 0:
            self.send(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", {}, fault)
            return
        self.portal.addresses[token] -= 1
        month = self.portal.months[name.removesuffix(".ZIP")]
        body, mark = month.zipped, f'"v{month.version}"'
        headers = {"Content-Type": "application/zip"} | ({"ETag": mark} if self.portal.has_etag else {})
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and self.portal.has_ranges and self.headers.get("If-Range", mark) == mark:
            start = int(wanted[1])
            if start >= len(body):
                self.send(416, b"", {"Content-Range": f"bytes */{len(body)}"}, fault)
                return
            part = body[start:][: self.portal.slice_bytes]
            headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(body)}"
            self.send(206, part, headers, fault)
        else:
            self.send(200, body, headers, fault)

    def send(self, status: int, body: bytes, headers: dict[str, str], fault: Fault) -> None:
        self.asking.status = status
        self.send_response(status)
        length = len(body) if fault.content_length is None else fault.content_length
        for name, value in ({"Content-Length": str(length)} | headers | fault.headers).items():
            self.send_header(name, value)
        self.end_headers()
        part = body if fault.cut_after is None else body[: fault.cut_after]
        self.wfile.write(part)
        self.wfile.flush()
        self.asking.sent = len(part)
        if fault.then is not None:
            fault.then()
        if fault.cut_after is not None or length != len(body):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def running() -> Iterator[PortalServer]:
    portal = PortalServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("PortalHandler", (Handler,), {"portal": portal}))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that goes away is no fault here
    portal.base = f"http://127.0.0.1:{server.server_address[1]}/api/3/action"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield portal
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
