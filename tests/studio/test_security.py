"""Who may use the studio: hosts, origins, tokens and cookies, before any route is reached."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from styleclip.errors import UsageError
from styleclip.studio.web.security import OWN_COMPUTER, Access, Guard, SecurityHeaders, host_name, is_loopback
from tests.helpers.support import is_one_sentence

OWN = "http://127.0.0.1:8765"
TOKEN = "a token of more than eight characters"


async def tell_session(request: Request) -> JSONResponse:
    return JSONResponse(request.state.session)


async def tell_session_and_close(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json(socket.state.session)
    await socket.close()


def client(access: Access = OWN_COMPUTER, url: str = OWN, prefix: str = "", **options: Any) -> TestClient:
    routes = [
        Route("/", tell_session, methods=["GET", "POST"]),
        Route("/api/thing", tell_session, methods=["GET", "POST"]),
        WebSocketRoute("/ws", tell_session_and_close),
    ]
    guarded = Mount("", routes=routes, middleware=[Middleware(Guard, access=access)])
    app = Starlette(routes=[guarded], middleware=[Middleware(SecurityHeaders)])
    if prefix:
        app = Starlette(routes=[Mount(prefix, app)])
    return TestClient(app, base_url=url, follow_redirects=False, **options)


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765", "127.3.2.1"])
def test_names_of_this_computer_are_answered(host: str) -> None:
    assert client().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8765", "192.168.1.5:8765", "localhost.evil"])
def test_other_names_are_refused_without_a_token(host: str) -> None:
    """A page of another site whose name leads here (DNS rebinding) has its own name in `Host`."""
    answer = client().get("/api/thing", headers={"Host": host})
    assert answer.status_code == 403 and "STYLECLIP_STUDIO_HOSTS" in answer.json()["error"]
    assert client(Access(hosts=(host_name(host),))).get("/", headers={"Host": host}).status_code == 200
    assert client(Access(hosts=("*",))).get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["", "a b", "x/y", "user@localhost", "localhost:port", "[::1"])
def test_damaged_hosts_are_refused(host: str) -> None:
    assert client(Access(TOKEN)).get("/", headers={"Host": host}).status_code == 400


ORIGINS = {
    OWN: 200,
    "http://127.0.0.1:8766": 403,
    "http://127.0.0.1": 403,
    "http://localhost:8765": 403,
    "http://evil.example": 403,
    "http://127.0.0.1:8765.evil.example": 403,
    "null": 403,
    "": 403,
    "file://": 403,
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_only_pages_of_ours_may_post(origin: str) -> None:
    answer = client().post("/api/thing", headers={"Origin": origin})
    assert answer.status_code == ORIGINS[origin]


@pytest.mark.parametrize("origin", ORIGINS)
def test_only_pages_of_ours_may_open_a_websocket(origin: str) -> None:
    connection = client().websocket_connect("ws://127.0.0.1:8765/ws", headers={"Origin": origin})
    if ORIGINS[origin] == 200:
        with connection as socket:
            assert isinstance(socket.receive_json(), str)
    else:
        with pytest.raises(WebSocketDisconnect) as caught, connection:
            pass
        assert caught.value.code == 1008


@pytest.mark.parametrize(
    ("host", "origin"), [("a.example", "https://a.example"), ("a.example:443", "https://A.example")]
)
def test_the_default_port_need_not_be_said(host: str, origin: str) -> None:
    answer = client(Access(hosts=("*",))).post("/", headers={"Host": host, "Origin": origin})
    assert answer.status_code == 200


def test_a_post_without_an_origin_is_refused() -> None:
    assert client().post("/api/thing").status_code == 403


@pytest.mark.parametrize(("site", "mode", "status"), [("cross-site", "no-cors", 403), ("same-site", "cors", 403)])
def test_pictures_of_ours_are_for_no_other_page(site: str, mode: str, status: int) -> None:
    """`same-site` is another port of this computer."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
    assert client().get("/api/thing", headers=headers).status_code == status
    assert client().get("/", headers={**headers, "Sec-Fetch-Mode": "navigate"}).status_code == 200  # a link to here


def test_the_session_stays_the_same_for_a_browser() -> None:
    browser = client()
    first = browser.get("/")
    cookie = first.headers["set-cookie"]
    assert (
        cookie.startswith("styleclip-session-8765=") and "HttpOnly; SameSite=Strict" in cookie and "Path=/;" in cookie
    )
    again = browser.post("/api/thing", headers={"Origin": OWN})
    assert again.json() == first.json() and "set-cookie" not in again.headers
    assert client().get("/").json() != first.json()


@pytest.mark.parametrize("value", ["", "short", "x" * 44, "../../etc/passwd" + "x" * 27])
def test_a_session_that_is_none_of_ours_is_replaced(value: str) -> None:
    answer = client().get("/", headers={"Cookie": f"styleclip-session-8765={value}"})
    assert answer.json() != value and len(answer.json()) == 43


def test_a_websocket_without_a_session_gets_one() -> None:
    with client().websocket_connect("ws://127.0.0.1:8765/ws", headers={"Origin": OWN}) as socket:
        assert len(socket.receive_json()) == 43
        assert any(name == b"set-cookie" for name, _ in socket.extra_headers or ())


def test_nothing_is_reached_without_the_token() -> None:
    browser = client(Access(TOKEN), url="http://studio.example:8765")
    for path in ("/", "/api/thing", "/?token=wrong", "/?token="):
        answer = browser.get(path)
        assert answer.status_code == 401 and "token" in answer.json()["error"]
    with pytest.raises(WebSocketDisconnect) as caught:
        browser.websocket_connect(
            "ws://studio.example:8765/ws", headers={"Origin": "http://studio.example:8765"}
        ).__enter__()
    assert caught.value.code == 1008


def test_someone_without_the_token_reads_a_sentence() -> None:
    answer = client(Access(TOKEN)).get("/", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 401 and answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("The studio needs its token; open the address") and answer.text.endswith(".\n")


def test_the_token_in_the_address_becomes_a_cookie() -> None:
    browser = client(Access(TOKEN), url="http://studio.example:8765")
    entry = browser.get("/", params={"token": TOKEN})
    assert entry.status_code == 200 and "static/enter.js" in entry.text
    assert "HttpOnly; SameSite=Strict" in entry.headers["set-cookie"] and TOKEN not in entry.headers["set-cookie"]
    assert browser.get("/").status_code == 200
    assert browser.post("/api/thing", headers={"Origin": "http://studio.example:8765"}).status_code == 200
    assert browser.post("/api/thing", headers={"Origin": "http://evil.example"}).status_code == 403
    assert (
        client(Access(TOKEN + "!"), url=OWN).get("/", headers={"Cookie": entry.headers["set-cookie"]}).status_code
        == 401
    )


def test_cookies_are_secure_where_the_address_is() -> None:
    browser = client(Access(TOKEN), url="https://studio.example")
    assert "; Secure" in browser.get("/", params={"token": TOKEN}).headers["set-cookie"]
    assert browser.get("/").headers["set-cookie"].startswith("styleclip-session-443=")


def test_cookies_are_for_the_prefix() -> None:
    assert "Path=/faces/;" in client(prefix="/faces").get("/faces/").headers["set-cookie"]
    assert "Path=/faces/;" in client(root_path="/faces").get("/").headers["set-cookie"]


def test_every_answer_has_the_headers() -> None:
    for answer in (client().get("/"), client().get("/", headers={"Host": "evil.example"}), client().get("/nothing")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_short_token_is_refused() -> None:
    with pytest.raises(UsageError, match="longer") as caught:
        Access("1234567")
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize(("name", "own"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False)])
def test_addresses_of_this_computer(name: str, own: bool) -> None:
    assert is_loopback(name) is own
