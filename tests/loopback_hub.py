"""A hub of models on this machine alone, that fails as it is told."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub(ThreadingHTTPServer):
    """Serves what the client of the hub asks for; each commit is the hash of its revision."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name  # of its one repository
        self.revisions: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.failures: list[int] = []  # statuses of the next answers
        self.cuts = 0  # answers to come that end in the middle

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


def commit_of(revision: str) -> str:
    return hashlib.sha1(revision.encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.server
        hub.asked.append(f"{self.command} {self.path}")
        if hub.failures:
            return self._answer(hub.failures.pop(0), b"")
        by_commit = {commit_of(revision): revision for revision in hub.revisions}
        before, _, revision = self.path.partition(f"/api/models/{hub.name}/revision/")
        if not before and revision:
            return self._info(revision)
        if self.path.startswith("/api/models/"):
            return self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        before, _, rest = self.path.partition(f"/{hub.name}/resolve/")
        commit, _, file = rest.partition("/")
        content = hub.revisions.get(by_commit.get(commit, ""), {}).get(file)
        if before or content is None:
            return self._answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        etag = hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._answer(206 if start else 200, content[start:], headers)

    def _info(self, revision: str) -> None:
        by_commit = {commit_of(name): name for name in self.server.revisions}
        revision = by_commit.get(revision, revision)
        files = self.server.revisions.get(revision)
        if files is None:
            return self._answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        siblings = [{"rfilename": name} for name in files]
        info = {"id": self.server.name, "sha": commit_of(revision), "siblings": siblings}
        return self._answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.server.cuts and len(content) > 300:
            self.server.cuts -= 1
            self.wfile.write(content[:100])
            self.close_connection = True
            return
        self.wfile.write(content)


@contextmanager
def loopback_hub(name: str) -> Iterator[Hub]:
    """A hub with one repository while the context lasts."""
    hub = Hub(name)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    yield hub
    hub.shutdown()
    hub.server_close()
