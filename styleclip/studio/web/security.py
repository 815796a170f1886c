"""Who may use the studio: hosts, origins, the token, the cookies of sessions, and the headers of every answer.

A page of another site can make a browser send requests here. On loopback such a page is told by its `Host` (after DNS
rebinding) and its `Origin`; on other hosts a token is needed as well.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from styleclip.errors import UsageError

MIN_TOKEN_CHARS = 8
SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")  # of secrets.token_urlsafe(32)
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
OWN_SITE = ("same-origin", "none")  # of Sec-Fetch-Site: our page, and an address that was typed
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ENTRY = '<!doctype html><title>Studio</title><script src="static/enter.js"></script><a href="./">Open the studio</a>'
NO_TOKEN = "the studio needs its token; open the address that was printed where it was started"
CROSS_SITE = "this request comes from a page of another site; open the studio by its own address"


class Refusal(Exception):
    """A request that is not answered: the HTTP status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True)
class Access:
    """Who may use the studio.

    Args:
        token: the secret that opens it; None for none. At least 8 characters.
        hosts: names beside those of loopback at which it is reached without a token, as in the `Host` header; "*" for
            any name.

    Example:
        Access(); Access(token=secrets.token_urlsafe(32)); Access(hosts=("studio.example.org",))
    """

    token: str | None = None
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < MIN_TOKEN_CHARS:
            raise UsageError(f"the token is shorter than {MIN_TOKEN_CHARS} characters; pass a longer one")

    @property
    def token_hash(self) -> str:
        """The value of the token's cookie."""
        return hashlib.sha256(f"styleclip studio {self.token}".encode()).hexdigest()

    def is_token(self, given: str) -> bool:
        return self.token is not None and secrets.compare_digest(given.encode(), self.token.encode())

    def has_cookie(self, cookies: Mapping[str, str], port: int) -> bool:
        """Whether the browser was given the token's cookie; true where there is no token."""
        given = cookies.get(f"styleclip-token-{port}", "")
        return self.token is None or secrets.compare_digest(given.encode(), self.token_hash.encode())

    def check_host(self, host: str) -> None:
        """Raise Refusal for a `Host` header that is not a name of ours. Behind a token any name will do."""
        name = host_name(host)
        if not name:
            raise Refusal(HTTPStatus.BAD_REQUEST, "the Host header is missing or damaged; open the studio in a browser")
        if self.token is None and not (is_loopback(name) or "*" in self.hosts or name in self.hosts):
            remedy = "use the printed address, or add the name to STYLECLIP_STUDIO_HOSTS"
            raise Refusal(HTTPStatus.FORBIDDEN, f"the studio is not at {name[:100]}; {remedy}")


OWN_COMPUTER = Access()


class Guard:
    """ASGI middleware that lets requests of the studio's own page through, each with its session in `scope["state"]`.

    A GET with `?token=` is answered by a page that goes on without it, once its cookie is set. A redirect would not do:
    browsers withhold cookies with SameSite=Strict from a redirected request where the link was on another site.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            entry = self._check(connection)
        except Refusal as refusal:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.sentence[:120]})
                return
            is_page = "text/html" in connection.headers.get("accept", "")
            answer = page_of_refusal(refusal) if is_page else error_response(refusal.status, refusal.sentence)
            await answer(scope, receive, send)
            return
        if entry is not None:
            await entry(scope, receive, send)
            return
        name = f"styleclip-session-{port_of(connection)}"
        session = connection.cookies.get(name, "")
        cookie = None
        if not SESSION_ID.fullmatch(session):  # that of an earlier run is taken over, so pages outlive a restart
            session = secrets.token_urlsafe(32)
            cookie = cookie_header(connection, name, session)
        scope.setdefault("state", {})["session"] = session
        await self.app(scope, receive, with_headers(send, [("set-cookie", cookie)] if cookie else []))

    def _check(self, connection: HTTPConnection) -> Response | None:
        """Raise Refusal for what may not pass; the page of entry where the token was given."""
        headers, port = connection.headers, port_of(connection)
        self.access.check_host(headers.get("host", ""))
        is_read = connection.scope.get("method") in ("GET", "HEAD")
        if not is_read:
            check_origin(headers)
        given = connection.query_params.get("token")
        if is_read and given is not None and connection.scope["path"].endswith("/") and self.access.is_token(given):
            cookie = cookie_header(connection, f"styleclip-token-{port}", self.access.token_hash)
            return HTMLResponse(ENTRY, headers={"Set-Cookie": cookie, "Cache-Control": "no-store"})
        if not self.access.has_cookie(connection.cookies, port):
            raise Refusal(HTTPStatus.UNAUTHORIZED, NO_TOKEN)
        is_page = headers.get("sec-fetch-mode") == "navigate"
        if is_read and not is_page and headers.get("sec-fetch-site", "none") not in OWN_SITE:
            raise Refusal(HTTPStatus.FORBIDDEN, CROSS_SITE)
        return None


class SecurityHeaders:
    """ASGI middleware that adds SECURITY_HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, with_headers(send, SECURITY_HEADERS.items()))


def with_headers(send: Send, more: Iterable[tuple[str, str]]) -> Send:
    """`send` that appends headers to the answer, or to that of the handshake of a websocket."""
    more = list(more)

    async def wrapped(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            for name, value in more:
                headers.append(name, value)
        await send(message)

    return wrapped


def check_origin(headers: Headers) -> None:
    """Raise Refusal unless the page that sends a POST or opens a websocket is of this host and port."""
    origin = urlsplit(headers.get("origin", ""))
    port = DEFAULT_PORTS.get(origin.scheme)
    theirs, ours = ((host_name(place), port_in(place) or port) for place in (origin.netloc, headers.get("host", "")))
    if port is None or theirs != ours:
        raise Refusal(HTTPStatus.FORBIDDEN, CROSS_SITE)


def page_of_refusal(refusal: Refusal) -> Response:
    """The sentence for someone who opened the address in a browser."""
    sentence = refusal.sentence[0].upper() + refusal.sentence[1:] + ".\n"
    return PlainTextResponse(sentence, refusal.status, headers={"Cache-Control": "no-store"})


def error_response(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, headers={"Cache-Control": "no-store"})


def cookie_header(connection: HTTPConnection, name: str, value: str) -> str:
    """A cookie for this app only, out of reach of scripts. Browsers share cookies among ports, hence those in names."""
    path = connection.scope.get("root_path", "").rstrip("/") + "/"
    secure = "; Secure" if connection.scope["scheme"] in ("https", "wss") else ""
    return f"{name}={value}; Path={path}; HttpOnly; SameSite=Strict{secure}"


def port_of(connection: HTTPConnection) -> int:
    """The port by which the browser reaches the studio."""
    return port_in(connection.headers.get("host", "")) or DEFAULT_PORTS[connection.scope["scheme"]]


def host_name(host: str) -> str:
    """The name in HOST or HOST:PORT, in small letters; "" for what is neither."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", host)
    return match[1].strip("[]").lower().rstrip(".") if match else ""


def port_in(host: str) -> int | None:
    match = re.search(r"(?<=[^:]):(\d{1,5})$", host)
    return int(match[1]) if match else None


def is_loopback(name: str) -> bool:
    """Whether a name or address is this computer's own, which only its users reach."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
