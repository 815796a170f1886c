"""One HTTP request for a file: redirects, the body as it arrives, and errors as sentences."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, LineTooLong, RemoteDisconnected
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.utils import get_auth_from_url, urldefragauth

from styleclip.weights.urls import host_of

CHUNK = 1 << 16  # bytes
HEAD = 512  # bytes of a file that are looked at before it is written
TIMEOUT = (10.0, 60.0)  # seconds to connect, seconds between two bytes
HEAD_SECONDS = 90.0  # for the head of an answer
LEAST_SPEED = (20_000, 60.0)  # bytes that must come in these seconds
MAX_REDIRECTS = 10
UNREADABLE = "an address cannot be read, that of the file or of a proxy in the environment"
REASONS: dict[type[Exception], str] = {  # by exceptions whose text is not for people, or may hold a part of a password
    RemoteDisconnected: "the server closed it without an answer",
    urllib3.exceptions.IncompleteRead: "the file broke off",
    HTTPException: "the server's answer is damaged",
    urllib3.exceptions.LocationValueError: UNREADABLE,
    requests.exceptions.InvalidURL: UNREADABLE,
}


class DownloadError(Exception):
    """The file cannot be had from this URL; another URL may work."""


class TransientError(DownloadError):
    """The connection or the server failed; another attempt may succeed."""


@contextmanager
def open_url(url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    """The answer of the server to a GET, after redirects; its body is read by `read_body`.

    User and password of the URL go to its own host only. Raises DownloadError for more than MAX_REDIRECTS redirects,
    and for one from https to another scheme.
    """
    auth, first = get_auth_from_url(url), url
    headers = {"Accept-Encoding": "identity", "Connection": "close", **headers}
    with _translate_errors(), requests.Session() as session:
        for _ in range(MAX_REDIRECTS + 1):
            own = auth if any(auth) and host_of(url) == host_of(first) else None
            request = _get(session, urldefragauth(url), headers=headers, auth=own)
            with request as response:
                if not response.is_redirect:
                    yield response
                    return
                url = _follow(url, session.get_redirect_target(response) or "")
            session.close()  # the connection, whose rest is not read; cookies stay
        raise DownloadError(f"it redirects more than {MAX_REDIRECTS} times")


def _get(session: requests.Session, url: str, **options: Any) -> requests.Response:
    """The head of the answer, which must be whole within HEAD_SECONDS; TIMEOUT holds between two bytes only."""
    answers: SimpleQueue[requests.Response | BaseException] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(session.get(url, stream=True, timeout=TIMEOUT, allow_redirects=False, **options))
        except BaseException as error:
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=HEAD_SECONDS)
    except Empty as error:
        raise DownloadError(f"its answer does not begin within {HEAD_SECONDS:g} seconds") from error
    if isinstance(answer, ValueError) and not isinstance(answer, requests.RequestException | UnicodeError):
        raise DownloadError("it redirects to an address that cannot be read") from answer  # read by requests
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _follow(url: str, location: str) -> str:
    """The URL that a redirect names."""
    target = urljoin(url, location)
    scheme = urlsplit(target).scheme
    if scheme not in ("http", "https"):
        raise DownloadError(f"it redirects to {scheme}:, and only http and https are fetched")
    if urlsplit(url).scheme == "https" and scheme == "http":
        raise DownloadError(f"it redirects from https to http ({host_of(target)}), where anybody could change the file")
    return target


def read_body(response: requests.Response) -> Iterator[bytes]:
    """The body in pieces as they arrive, without a compression of the transfer; the first has HEAD bytes or more.

    Raises TransientError where the connection breaks, DownloadError where it is slower than LEAST_SPEED.
    """
    pieces, head = _arriving(response), b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD:
            break
    yield head
    yield from pieces


def _arriving(response: requests.Response) -> Iterator[bytes]:
    came, waited = 0, 0.0  # since the last look at the speed
    least, period = LEAST_SPEED
    while True:
        began = time.monotonic()
        with _translate_errors():
            piece: bytes = response.raw.read1(CHUNK, decode_content=True)
        if not piece:
            return
        came, waited = came + len(piece), waited + time.monotonic() - began
        if waited >= period:
            if came < least:
                raise DownloadError(f"it sends fewer than {least:,} bytes in {period:g} seconds")
            came, waited = 0, 0.0
        yield piece


def status_of(response: requests.Response) -> str:
    """Such as `HTTP 404 Not Found`."""
    return f"HTTP {response.status_code} {' '.join((response.reason or '').split())[:60]}".rstrip()


def is_page(start: bytes) -> bool:
    """Whether these are the first bytes of a web page or of another message in words, which no weight begins with."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith((b"<", b"version https://git-lfs")) or re.match(rb'\{\s*"(error|message)', text) is not None


def why_no_file(response: requests.Response, first: bytes) -> str:
    """The reason why a response is not the file. Google Drive gives reasons only as HTML pages."""
    page = first.lower() if is_page(first) else b""
    if response.status_code not in (200, 401, 403):
        return status_of(response)
    if b"quota" in page or b"too many users" in page:
        return "a page came instead, saying that the download quota of this file is used up for now"
    if b"accounts.google.com" in page or b"sign in" in page:
        return "a page came instead, asking to sign in"
    if response.status_code != 200:
        return status_of(response)
    if b"git-lfs" in page:
        return "a Git LFS pointer came instead of the file; use the link that downloads it"
    return "a web page came instead of the file" if page else "nothing came"


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn exceptions of requests and urllib3 into DownloadError; some are OSErrors, which stand for disk errors."""
    try:
        yield
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        if type(_innermost(error)) in (HTTPException, LineTooLong):  # a head that is too long, by intention
            raise DownloadError(_root_cause(error)) from error
        raise TransientError(f"the connection failed, {_root_cause(error)}") from error
    except urllib3.exceptions.DecodeError as error:
        raise DownloadError("its compression is damaged") from error
    except urllib3.exceptions.HTTPError as error:
        raise TransientError(f"the connection failed, {_root_cause(error)}") from error
    except (requests.RequestException, UnicodeError) as error:
        raise DownloadError(_root_cause(error)) from error


def _innermost(error: BaseException) -> BaseException:
    while inner := next((each for each in (error.__cause__, *error.args) if isinstance(each, Exception)), None):
        error = inner
    return error


def _root_cause(error: BaseException) -> str:
    """The reason inside the exceptions of requests and urllib3: the message of a system error, else one of REASONS."""
    error = _innermost(error)
    if found := next((text for kind, text in REASONS.items() if isinstance(error, kind)), None):
        return found
    return " ".join((getattr(error, "strerror", None) or str(error)).split())[:200]
