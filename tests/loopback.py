"""A web server on this machine alone, that serves what it is given and fails as it is told."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from chronoglot.data.fetch import stream
from chronoglot.runtime.errors import UserError


@dataclass
class Status:
    """A fault: this answer instead of the file."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Cut:
    """A fault: the connection ends after so many bytes of the answer."""

    after: int


@dataclass
class Served:
    """A file, and what befalls the requests for it, one fault a request until none is left.

    `times`: the content is served as often, one after the other. `tag`: None for a server that
    gives nothing to bind a range to.
    """

    content: bytes
    tag: str | None = '"first"'
    ranges: bool = True
    times: int = 1
    faults: list[Status | Cut] = field(default_factory=list)


@dataclass
class Asked:
    """A request, and how much of its answer the server sent before the client hung up."""

    path: str
    range: str | None
    status: int = 0
    length: int = 0
    sent: int = 0


class Server:
    """Files by path, and the requests that were made."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.waits: list[float] = []  # seconds that would have been waited
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def serve(self, path: str, content: bytes, **given: object) -> str:
        """Serve the content from now on; its URL."""
        self.files[path] = Served(content, **given)  # type: ignore[arg-type]
        return f"http://127.0.0.1:{self.http.server_address[1]}/{path}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = Asked(self.path.removeprefix("/"), self.headers.get("Range"))
                server.asked.append(asked)
                served = server.files.get(asked.path)
                fault = served.faults.pop(0) if served and served.faults else None
                if served is None:
                    fault = Status(404)
                if isinstance(fault, Status) or served is None:
                    assert isinstance(fault, Status)
                    asked.status = fault.code
                    self._head(fault.code, fault.headers | {"Content-Length": "0"})
                    return
                self._answer(served, asked, fault.after if fault else None)

            def _answer(self, served: Served, asked: Asked, cut: int | None) -> None:
                total = len(served.content) * served.times
                start, headers = 0, {} if served.tag is None else {"ETag": served.tag}
                bound = self.headers.get("If-Range") in (None, served.tag)
                if asked.range and served.ranges and bound:
                    match = re.fullmatch(r"bytes=(\d+)-", asked.range)
                    assert match is not None
                    start = int(match[1])
                    asked.status = 206 if start < total else 416
                    headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
                else:
                    asked.status = 200
                asked.length = max(0, total - start)
                self._head(asked.status, headers | {"Content-Length": str(asked.length)})
                try:
                    for block in _blocks(served, start, cut):
                        asked.sent += len(block)  # first: the client may be done before this is
                        self.wfile.write(block)
                except OSError:  # the client hung up
                    pass
                self.close_connection = True

            def _head(self, code: int, headers: dict[str, str]) -> None:
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _blocks(served: Served, start: int, cut: int | None) -> Iterator[bytes]:
    """The bytes from `start` on, at most `cut` of them."""
    left = len(served.content) * served.times - start if cut is None else cut
    turn, inside = divmod(start, len(served.content) or 1)
    while left > 0 and turn < served.times:
        block = served.content[inside : inside + min(left, 1 << 16)]
        yield block
        left -= len(block)
        inside += len(block)
        if inside == len(served.content):
            turn, inside = turn + 1, 0


@contextmanager
def loopback() -> Iterator[Server]:
    """A server while the context lasts, and nobody waits before asking it again."""
    server = Server()
    patch = pytest.MonkeyPatch()
    patch.setenv("NO_PROXY", "127.0.0.1")
    patch.setattr(stream, "sleep", server.waits.append)
    thread = Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()
        patch.undo()


def only(folder: Path, *names: str) -> None:
    """Assert that the folder holds these and nothing else, hidden or not."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def fail(match: str, call: Callable[..., object], *given: object, **named: object) -> str:
    """The message of the UserError that the call raises."""
    with pytest.raises(UserError, match=match) as caught:
        call(*given, **named)
    return str(caught.value)
