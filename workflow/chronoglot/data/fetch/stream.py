"""The bytes at a URL, read to the end although connections fail and are cut."""

import sys
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from time import sleep, time
from typing import TypeVar

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from chronoglot.runtime.urls import is_open

TRIES = 6
"""Tries in a row without a byte before a source is given up."""

_LONGEST_WAIT = 120.0  # seconds
_TIMEOUT = (30, 60)  # seconds to connect, and between two bytes
_PASSING = {408, 425, 429, 500, 502, 503, 504}

Result = TypeVar("Result")


class Unavailable(Exception):
    """The source cannot be read; the message says why."""


class Passing(Unavailable):
    """A fault that may pass; `wait` is what the server asks for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class StartOver(Unavailable):
    """What was read before cannot be continued: it is no longer the same, or only given whole."""


def persist(kind: type[Unavailable], function: Callable[[], Result]) -> Result:
    """Call the function until it raises no fault of the kind, at most TRIES times.

    Between calls it waits 1, 2, 4, … seconds, or as long as the server asks for.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(kind),
        stop=stop_after_attempt(TRIES),
        wait=_wait,
        before_sleep=_say,
        sleep=lambda seconds: sleep(seconds),
        reraise=True,
    )
    return retrying(function)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, Passing) else None
    return min(2.0 ** (state.attempt_number - 1) if asked is None else asked, _LONGEST_WAIT)


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0
    print(f"{error}; again in {wait:.0f} s", file=sys.stderr, flush=True)


class Stream:
    """A file to read from, at byte `offset` of what a URL serves.

    A connection that fails or is cut is made again from the byte reached, by a range request that
    holds only while `tag` (an ETag or a date of change) is unchanged. `size` is the number of
    bytes in all; it and `tag` are None until the first byte is read, or where the server gives
    none. Unless what comes is `checked` afterwards, plain http is refused, redirects to it too.
    Reading raises StartOver where what comes does not continue what was read, and another
    Unavailable if the server refuses, or TRIES tries in a row bring nothing.
    """

    def __init__(
        self, url: str, *, offset: int = 0, tag: str | None = None, checked: bool = False
    ) -> None:
        self.url, self.offset, self.tag = url, offset, tag
        self._checked = checked
        self.size: int | None = None
        self._response: requests.Response | None = None

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, whatever has not been read."""
        if self._response is not None:
            self._response.close()
            self._response = None

    def read(self, size: int = 1 << 16) -> bytes:
        """At most `size` bytes; none at the end."""
        return persist(Passing, lambda: self._read(size))

    def _read(self, size: int) -> bytes:
        response = self._response = self._response or self._connect()
        try:
            data: bytes = response.raw.read(size)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.close()
            raise Passing(f"{self.url}: cut after {self.offset:,} bytes") from error
        if not data and self.size is not None and self.offset < self.size:
            self.close()
            raise Passing(f"{self.url}: cut after {self.offset:,} of {self.size:,} bytes")
        self.offset += len(data)
        return data

    def _connect(self) -> requests.Response:
        if self.offset and self.tag is None:
            raise StartOver(f"{self.url}: does not say whether it changed; starting over")
        # identity: ranges are of the bytes that are kept
        headers = {"Accept-Encoding": "identity", "User-Agent": "chronoglot"}
        if self.offset and self.tag:
            headers |= {"Range": f"bytes={self.offset}-", "If-Range": self.tag}
        try:
            response = requests.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise Passing(f"{self.url}: no connection ({_reason(error)})") from error
        except requests.RequestException as error:
            raise Unavailable(f"{self.url}: {error}") from error
        try:
            for step in () if self._checked else (*response.history, response):
                if is_open(step.url):
                    raise Unavailable(
                        f"{self.url}: goes over plain http ({step.url}), where others can change "
                        "it, and its sha256 is not known"
                    )
            self._check(response)
        except Unavailable:
            response.close()
            raise
        return response

    def _check(self, response: requests.Response) -> None:
        status = response.status_code
        said = f"{self.url}: the server says {status} {response.reason}"
        if status in _PASSING:
            raise Passing(said, _asked(response))
        tag = _tag(response)
        if self.offset:
            start, size = _content_range(response)
            if status == 416 or status == 200:
                raise StartOver(f"{self.url}: changed, or only given whole; starting over")
            if status == 206 and (start != self.offset or tag not in (None, self.tag)):
                raise StartOver(f"{self.url}: changed since it was begun; starting over")
        else:
            length = response.headers.get("Content-Length", "")
            size = int(length) if length.isdecimal() else None
        if status != (206 if self.offset else 200):
            raise Unavailable(said)
        self.tag, self.size = tag or self.tag, size


def _reason(error: BaseException) -> str:
    """The innermost cause, which is what a reader understands."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__


def _asked(response: requests.Response) -> float | None:
    """Seconds to wait, by Retry-After: a number or a date."""
    value = response.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None


def _tag(response: requests.Response) -> str | None:
    """What a range request can be bound to; a weak ETag (W/"…") cannot."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte and size in all, as in `bytes 100-199/200`; None where they are not given."""
    span, _, size = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    return (
        int(start) if start.isdecimal() else None,
        int(size) if size.isdecimal() else None,
    )
