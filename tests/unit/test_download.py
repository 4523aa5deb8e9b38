"""Downloads from a server on this machine: faults, and what is left behind."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from chronoglot.data.fetch import stream
from chronoglot.data.fetch.cc100 import fetch_text
from chronoglot.data.fetch.download import download
from loopback import Cut, Server, Status, fail, loopback, only

CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with loopback() as running:
        yield running


def test_a_file_comes_whole(server: Server, tmp_path: Path) -> None:
    url = server.serve("a.bin", CONTENT)
    path = tmp_path / "new" / "a.bin"
    seen: list[tuple[int, int | None]] = []
    download(url, path, sha256=SHA256, size=len(CONTENT), progress=lambda *now: seen.append(now))
    assert path.read_bytes() == CONTENT
    only(path.parent, "a.bin")
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(server.asked) == 1
    assert server.waits == []


@pytest.mark.parametrize("content", [b"", b"x"])
def test_a_small_file_comes_too(server: Server, tmp_path: Path, content: bytes) -> None:
    download(server.serve("a", content), tmp_path / "a", size=len(content))
    assert (tmp_path / "a").read_bytes() == content
    only(tmp_path, "a")


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    busy = [Status(503), Status(503), Status(429, {"Retry-After": "7"}), Status(502)]
    download(server.serve("a", CONTENT, faults=busy), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.waits == [1, 2, 7, 8]


def test_a_server_that_stays_down_is_given_up(server: Server, tmp_path: Path) -> None:
    url = server.serve("a.tgz", CONTENT, faults=[Status(503)] * 100)
    message = fail("503", download, url, tmp_path / "a.tgz")
    assert f"{url} → {tmp_path / 'a.tgz'}" in message
    assert server.waits == [1, 2, 4, 8, 16]
    only(tmp_path)


def test_no_server_at_all_is_given_up(server: Server, tmp_path: Path) -> None:
    url = server.serve("a", CONTENT)
    server.http.shutdown()
    server.http.server_close()
    assert "Connection refused" in fail("no connection", download, url, tmp_path / "a")
    assert len(server.waits) == stream.TRIES - 1


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final(server: Server, tmp_path: Path, code: int) -> None:
    url = server.serve("a", CONTENT, faults=[Status(code)])
    fail(f"the server says {code}", download, url, tmp_path / "a")
    assert server.waits == []
    only(tmp_path)


def test_a_cut_connection_is_continued(server: Server, tmp_path: Path) -> None:
    url = server.serve("a", CONTENT, faults=[Cut(100_000), Cut(0), Cut(50_000)])
    download(url, tmp_path / "a", sha256=SHA256)
    assert [asked.range for asked in server.asked] == [
        None,
        *("bytes=100000-", "bytes=100000-", "bytes=150000-"),
    ]
    assert sum(asked.sent for asked in server.asked) == len(CONTENT)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_many_cuts_are_no_failure_while_bytes_come(server: Server, tmp_path: Path) -> None:
    url = server.serve("a", CONTENT, faults=[Cut(10_000)] * 20)
    download(url, tmp_path / "a", sha256=SHA256)
    assert len(server.asked) == 21


def leave_part(server: Server, path: Path, **served: object) -> str:
    """Download the first 120,000 bytes and fail; the file's URL."""
    faults = [Cut(120_000), Status(404)]
    url = server.serve("a", CONTENT, faults=faults, **served)
    fail("404", download, url, path)
    assert path.with_name("a.part").stat().st_size == 120_000
    assert not path.exists()
    return url


def test_a_later_call_continues(server: Server, tmp_path: Path) -> None:
    url = leave_part(server, tmp_path / "a")
    download(url, tmp_path / "a", sha256=SHA256)
    assert server.asked[-1].range == "bytes=120000-"
    assert server.asked[-1].status == 206
    assert (tmp_path / "a").read_bytes() == CONTENT
    only(tmp_path, "a")


def test_a_file_that_changed_is_begun_anew(server: Server, tmp_path: Path) -> None:
    url = leave_part(server, tmp_path / "a")
    changed = CONTENT[::-1]
    server.serve("a", changed, tag='"second"')
    download(url, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == changed


def test_a_file_that_changes_between_two_parts_is_begun_anew(
    server: Server, tmp_path: Path
) -> None:
    changed = CONTENT[::-1]
    url = server.serve("a", CONTENT, faults=[Cut(120_000)])

    def change(done: int, size: int | None) -> None:
        server.serve("a", changed, tag='"second"')

    download(url, tmp_path / "a", progress=change)
    assert (tmp_path / "a").read_bytes() == changed


@pytest.mark.parametrize("served", [{"ranges": False}, {"tag": None}])
def test_a_server_without_ranges_serves_anew(
    server: Server, tmp_path: Path, served: dict[str, object]
) -> None:
    url = server.serve("a", CONTENT, faults=[Cut(120_000), Cut(1)], **served)
    download(url, tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked[-1].sent == len(CONTENT)


def test_a_server_without_ranges_that_always_cuts_is_given_up(
    server: Server, tmp_path: Path
) -> None:
    url = server.serve("a", CONTENT, ranges=False, faults=[Cut(120_000)] * 1000)
    fail("starting over", download, url, tmp_path / "a")
    only(tmp_path)


def test_a_part_of_another_url_is_not_continued(server: Server, tmp_path: Path) -> None:
    leave_part(server, tmp_path / "a")
    other = server.serve("other", CONTENT[::-1])
    download(other, tmp_path / "a")
    assert server.asked[-1].range is None
    assert (tmp_path / "a").read_bytes() == CONTENT[::-1]


def test_a_part_that_is_whole_is_not_asked_for(server: Server, tmp_path: Path) -> None:
    """As after a power cut between the last byte and the renaming."""
    url = leave_part(server, tmp_path / "a")
    (tmp_path / "a.part").write_bytes(CONTENT)
    before = len(server.asked)
    download(url, tmp_path / "a", sha256=SHA256)
    assert len(server.asked) == before
    only(tmp_path, "a")


def test_a_part_longer_than_the_file_is_begun_anew(server: Server, tmp_path: Path) -> None:
    url = leave_part(server, tmp_path / "a")
    (tmp_path / "a.part").write_bytes(CONTENT + b"more")
    download(url, tmp_path / "a", sha256=SHA256)
    assert [asked.status for asked in server.asked[-2:]] == [416, 200]


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    url = server.serve("a", CONTENT)
    wrong = "0" * 64
    assert SHA256 in fail(f"not {wrong}", download, url, tmp_path / "a", sha256=wrong)
    only(tmp_path)
    download(url, tmp_path / "a", sha256=SHA256)


def test_a_damaged_part_is_found_by_the_checksum(server: Server, tmp_path: Path) -> None:
    url = leave_part(server, tmp_path / "a")
    (tmp_path / "a.part").write_bytes(bytes(120_000))
    fail("sha256", download, url, tmp_path / "a", sha256=SHA256)
    download(url, tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_wrong_size_is_found_before_all_has_come(server: Server, tmp_path: Path) -> None:
    url = server.serve("a", CONTENT, times=1_000_000)
    fail("has 300,000,000,000 bytes, not 5:", download, url, tmp_path / "a", size=5)
    only(tmp_path)


def test_a_file_in_place_survives_a_failure(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    fail("404", download, server.serve("a", b"", faults=[Status(404)]), tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"


def _open(url: str) -> str:
    """The same server under an address that is not the loopback's."""
    return url.replace("127.0.0.1", "0.0.0.0")


def test_plain_http_needs_a_checksum(server: Server, tmp_path: Path) -> None:
    url, path = _open(server.serve("file", b"content")), tmp_path / "file"
    fail("plain http", download, url, path)
    only(tmp_path)
    fail("plain http", fetch_text, url, path, max_characters=10)
    download(url, path, sha256=hashlib.sha256(b"content").hexdigest())
    assert path.read_bytes() == b"content"


def test_a_redirect_to_plain_http_is_not_followed(server: Server, tmp_path: Path) -> None:
    target = _open(server.serve("there", b"content"))
    url, path = server.serve("here", b""), tmp_path / "file"
    server.files["here"].faults += [Status(302, {"Location": target})] * 3
    fail("goes over plain http", download, url, path)
    fail("goes over plain http", fetch_text, url, path, max_characters=10)
    only(tmp_path)
    download(url, path, sha256=hashlib.sha256(b"content").hexdigest())
    assert path.read_bytes() == b"content"
