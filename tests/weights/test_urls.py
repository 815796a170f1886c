"""URLs of weights: those that are taken, and what messages show of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from styleclip.errors import WeightError
from styleclip.weights.cache import fetch
from styleclip.weights.catalog import weight
from styleclip.weights.http import DownloadError, _follow
from styleclip.weights.locate import generator_file
from styleclip.weights.urls import is_url, shown_url, weight_from_url
from tests.helpers.weight_server import CONTENT, OTHER, Answer, Server, known, left_over, refused

pytestmark = pytest.mark.usefixtures("cache")


def test_a_url(server: Server, cache: Path) -> None:
    url = server.url("my%20net.pt?key=1")
    path = fetch(weight_from_url(url))
    assert path.parent == cache and path.name.endswith("-my_net.pt") and path.read_bytes() == CONTENT
    assert fetch(weight_from_url(url), offline=True) == path and len(server.requests) == 1
    assert weight_from_url(url).path != weight_from_url(url + "2").path
    path.unlink()
    server.url("my%20net.pt?key=1", Answer(OTHER))
    with pytest.raises(WeightError, match="at first"):
        fetch(weight_from_url(url))
    assert not path.exists()


def test_a_file_url(tmp_path: Path) -> None:
    path = tmp_path / "a net.pt"
    path.write_bytes(CONTENT)
    assert fetch(weight_from_url(path.as_uri()), offline=True) == path
    with pytest.raises(WeightError, match="there is no file /nowhere/it.pt; check the URL"):
        fetch(weight_from_url("file:///nowhere/it.pt"))


@pytest.mark.parametrize(
    "link",
    [
        "https://drive.google.com/file/d/1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT/view?usp=sharing",
        "https://drive.google.com/uc?id=1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
        "https://drive.google.com/uc?export=download&id=1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
        "https://drive.google.com/open?id=1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
    ],
)
def test_a_link_that_google_drive_shares(link: str) -> None:
    assert weight_from_url(link).urls == weight("ffhq-rosinality").urls


@pytest.mark.parametrize("url", ["http://", "https://[::1", "http://no such host/x"])
def test_nonsense_for_a_url(url: str) -> None:
    with pytest.raises(WeightError):
        fetch(weight_from_url(url))


@pytest.mark.parametrize(
    "url", ["ftp://there/it.pt", "s3://bucket/it.pt", "gs://b/it", "ipfs://o/it", "data://x", "FTP://a/b"]
)
def test_other_schemes(url: str) -> None:
    assert is_url(url)
    with pytest.raises(WeightError, match=f"{url} is not fetched, only http and https are; download it"):
        generator_file(url)


def test_a_url_in_capitals_is_one() -> None:
    assert weight_from_url("HTTPS://There/it.pt").urls == ("HTTPS://There/it.pt",)
    assert not is_url("C:\\it.pt") and not is_url("c:/it.pt") and not is_url("a/b.pt")


@pytest.mark.parametrize(
    "url",
    ["http:///it.pt", "https://", "http://no such host/it.pt", "http://a..b/it.pt", f"http://{'a' * 300}.b/it.pt"],
)
def test_hosts_that_no_computer_has(url: str) -> None:
    with pytest.raises(WeightError, match=r"cannot be read as a URL \((it|its|a part of its).* host.*\); check it"):
        weight_from_url(url)


def test_a_file_of_another_machine() -> None:
    with pytest.raises(WeightError, match="there is no file /it.pt; check the URL"):
        weight_from_url("file://there/it.pt")


SECRET = "http://me:pw0rd@{}/it.pt?id=7&token=tick&sig=#part"


def test_what_is_shown_of_a_url() -> None:
    assert shown_url(SECRET.format("there")) == "http://there/it.pt?id=7&token=...&sig"
    assert shown_url("https://there/a@b.pt") == "https://there/a@b.pt"
    assert (
        shown_url("https://there/a;token=tick/b;sig=tick;x;v=/c.pt") == "https://there/a;token=.../b;sig=...;...;v/c.pt"
    )
    assert "tick" not in weight_from_url("https://there/it.pt;token=tick").file
    for entry in ("ffhq-rosinality", "landmarks-68"):
        assert all(shown_url(url) == url for url in weight(entry).urls)


def answers_with_secrets(server: Server) -> list[str]:
    """URLs with secrets that fail in different ways."""
    host = f"127.0.0.1:{server.server_port}"
    server.url("it.pt?id=7&token=tick&sig=", Answer(b"", 404))
    return [
        SECRET.format(host),
        SECRET.format("127.0.0.1:9"),
        SECRET.format("no such host"),
        SECRET.format("[::1"),
        SECRET.format("there:port"),
        SECRET.format(host).replace("http", "ftp"),
        SECRET.format("127.0.0.1:9/a;k=tick"),
    ]


@pytest.mark.parametrize("which", range(7))
@pytest.mark.parametrize("offline", [False, True])
def test_no_message_holds_a_secret(server: Server, cache: Path, which: int, offline: bool) -> None:
    url = answers_with_secrets(server)[which]
    with pytest.raises(WeightError) as caught:
        fetch(weight_from_url(url), offline=offline)
    message = str(caught.value)
    assert "it.pt?id=7&token=..." in message and "\n" not in message
    assert [word for word in ("me:", "pw0rd", "tick") if word in message] == []


def test_the_user_and_the_password_go_to_their_host_alone(server: Server, cache: Path) -> None:
    server.url("it.pt", Answer(stop=1000, location="http://localhost:9/x"))
    there = f"http://me:pw0rd@127.0.0.1:{server.server_port}/it.pt"
    refused(known(there), "the connection failed")
    server.url("it.pt", Answer(stop=1000), Answer())
    assert fetch(known(there)).read_bytes() == CONTENT
    assert {request.authorization for request in server.requests} == {"Basic bWU6cHcwcmQ="}
    server.requests.clear()
    server.url("moved", Answer(location=f"http://localhost:{server.server_port}/it.pt"))
    server.url("it.pt")
    assert fetch(known(there.replace("it.pt", "moved"), file="moved")).read_bytes() == CONTENT
    assert [request.authorization for request in server.requests] == ["Basic bWU6cHcwcmQ=", None]


def test_no_secret_is_kept_beside_a_part(server: Server, cache: Path) -> None:
    server.url("it.pt?token=tick", Answer(stop=1000, ranges=False))
    refused(known(f"http://me:pw0rd@127.0.0.1:{server.server_port}/it.pt?token=tick"), "the connection")
    assert left_over(cache) == ["it.pt.partial", "it.pt.partial.json"]
    note = (cache / "it.pt.partial.json").read_text()
    assert "tick" not in note and "pw0rd" not in note


def test_redirects(server: Server) -> None:
    server.url("it.pt")
    hops = [
        server.url(f"hop{i}", Answer(location=f"/hop{i + 1}", status=code)) for i, code in enumerate((301, 302, 307))
    ]
    server.url("hop2", Answer(location=f"http://127.0.0.1:{server.server_port}/it.pt", status=308))
    assert fetch(known(hops[0])).read_bytes() == CONTENT


def test_a_redirect_without_end(server: Server) -> None:
    refused(known(server.url("round", Answer(location="/round", content=OTHER))), "redirects more than 10 times")
    assert len(server.requests) == 11


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("file:///etc/passwd", "it redirects to file:, and only http and https are fetched"),
        ("ftp://there/it.pt", "it redirects to ftp:"),
        ("data:,x", "it redirects to data:"),
    ],
)
def test_a_redirect_elsewhere(server: Server, target: str, words: str) -> None:
    refused(known(server.url("it.pt", Answer(location=target))), words)


def test_a_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(DownloadError, match=r"from https to http \(there:80\), where anybody could change the file"):
        _follow("https://here/x", "http://me:pw0rd@there:80/x?token=tick")
    assert _follow("http://here/x", "https://there/x") == "https://there/x"
    assert (
        _follow("https://here/x", "//there/y") == "https://there/y" and _follow("https://h/a/b", "c") == "https://h/a/c"
    )
