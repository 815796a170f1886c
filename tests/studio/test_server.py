"""The routes of the studio on the demo models, as the page uses them, and as it does not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Mount

import styleclip
from styleclip.models import Models
from styleclip.studio.engine import Engine
from styleclip.studio.sessions import Upload
from styleclip.studio.web.about import SAMPLE_PX, examples
from styleclip.studio.web.security import Access
from styleclip.studio.web.server import create_app
from tests.helpers.studio_client import StudioClient, answer_to, frame, sentence_in
from tests.helpers.support import assert_is_one_sentence
from tests.helpers.tiny import tiny_models


def picture(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_the_page_and_its_files(client: StudioClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html") and 'src="static/js/main.js"' in page.text
    script = client.get("/static/js/main.js")
    assert (
        script.headers["content-type"].startswith("text/javascript") and script.headers["cache-control"] == "no-cache"
    )
    again = client.get("/static/js/main.js", headers={"If-None-Match": script.headers["etag"]})
    assert again.status_code == 304 and client.get("/healthz").text == "ok"


@pytest.mark.parametrize(
    "path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/js", "/static//etc/passwd"]
)
def test_only_files_of_the_page_are_served(client: StudioClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_paths_and_methods_that_are_not_there(client: StudioClient) -> None:
    assert_is_one_sentence(sentence_in(client.get("/nothing")))
    assert_is_one_sentence(sentence_in(client.post("/api/about")))


def test_about(client: StudioClient, demo: Models) -> None:
    about = client.get("/api/about").json()
    assert about["model"]["name"] == "demo" and about["model"]["faces"]
    assert about["model"]["size"] == [*demo.generator.image_size]
    assert about["clip"]["words"] == len(demo.clip.vocabulary or ()) and "a face with red hair" in about["examples"]
    assert {"name": "demo-old", "prompt": "an old face"} in about["mappers"]
    assert about["relevance"] == ["regression", "table"] and about["limits"]["photo_bytes"] == 64 << 20


def test_examples_are_in_words_that_the_clip_knows() -> None:
    assert examples(tiny_models()) == ["a face with red hair", "an old face"]


def test_thumbnails(client: StudioClient, demo: Models) -> None:
    first, other = (client.get("/api/thumbnail", params={"seed": seed, "psi": 0.7}) for seed in (3, 4))
    side = min(demo.generator.resolution, SAMPLE_PX)
    assert picture(first.content).size == (side, side) and first.content != other.content
    assert client.get("/api/thumbnail").status_code == 422


@pytest.mark.parametrize(
    "query", [{"seed": "x"}, {"seed": "-1"}, {"seed": "1e400"}, {"seed": "nan"}, {"psi": "9", "seed": "1"}]
)
def test_thumbnails_of_nonsense(client: StudioClient, query: dict[str, str]) -> None:
    answer = client.get("/api/thumbnail", params=query)
    assert answer.status_code == 422
    assert_is_one_sentence(sentence_in(answer))


def state(**values: Any) -> dict[str, Any]:
    return frame(0, **values)["state"]


def test_an_exported_picture_restores_its_state(client: StudioClient, demo: Models) -> None:
    rows = [{"id": "r1", "kind": "mapper", "on": True, "strength": 0.5, "name": "demo-old"}]
    answer = client.post("/api/export", json={"state": state(rows=rows), "what": "png"})
    assert answer.headers["content-type"] == "image/png"
    assert picture(answer.content).size == demo.generator.image_size
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    restored = client.upload("/api/restore", answer.content, "any.png").json()["state"]
    assert restored["rows"] == rows and restored["face"] == {"seed": 3, "psi": 1.0}


@pytest.mark.parametrize("what", ["command", "python"])
def test_lines(client: StudioClient, what: str) -> None:
    rows = [{"id": "r1", "kind": "mapper", "on": True, "strength": 0.5, "name": "demo-old"}]
    answer = client.post("/api/export", json={"state": state(rows=rows), "what": what}).json()
    assert "demo-old" in answer["text"] and answer["files"] == []


def test_a_strip_is_a_job(client: StudioClient, demo: Models) -> None:
    rows = [{"id": "r1", "kind": "mapper", "on": True, "strength": 0.5, "name": "demo-old"}]
    answer = client.post("/api/export", json={"state": state(rows=rows), "what": "strip", "row": "r1"})
    assert picture(answer.content).width > demo.generator.image_size[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"[" * 100_000,
        b'{"what": "png"}',
        b'{"what": "png", "state": {"version": 2}}',
        b'{"what": ["png"], "state": {"version": 1, "face": {"seed": 1}}}',
        b'{"what": "everything", "state": {"version": 1, "face": {"seed": 1}}}',
        b'{"what": "photo", "state": {"version": 1, "face": {"seed": 1}}}',
        b'{"what": "mask", "state": {"version": 1, "face": {"seed": 1}}}',
        b'{"what": "video", "row": 3, "state": {"version": 1, "face": {"seed": 1}}}',
    ],
)
def test_exports_of_nonsense(client: StudioClient, body: bytes) -> None:
    answer = client.post("/api/export", content=body)
    assert answer.status_code == 422
    assert_is_one_sentence(sentence_in(answer))


def test_the_photo_of_the_start_is_for_the_first_browser(engine: Engine) -> None:
    png = StudioClient(create_app(engine)).post("/api/export", json={"state": state(), "what": "png"}).content
    photo = engine.finder.submit(png, "me.png").result()
    app = create_app(engine, photo=Upload(photo.sha256, "me.png", "photo", png, photo))
    first, second = StudioClient(app), StudioClient(app)
    assert first.get("/api/about").json()["photo"]["sha256"] == photo.sha256
    assert "photo" not in second.get("/api/about").json()
    assert first.get(f"/api/photos/{photo.sha256}").status_code == 200
    assert second.get(f"/api/photos/{photo.sha256}").status_code == 404
    assert "photo" not in first.get("/api/about").json()  # its page has it by now


def test_errors_of_the_studio_itself_are_sentences(
    client: StudioClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(engine, "thumbnail", fail)
    answer = client.get("/api/thumbnail", params={"seed": 1})
    assert answer.status_code == 500 and "Traceback" not in answer.text
    assert sentence_in(answer) == "ZeroDivisionError: division by zero; the terminal of the studio says more"
    assert "ZeroDivisionError" in caplog.text


def test_below_a_prefix(engine: Engine) -> None:
    """All addresses in the page are relative, and so are those of its scripts (tests/studio/test_static_files.py)."""
    client = StudioClient(Starlette(routes=[Mount("/faces", create_app(engine))]))
    assert client.get("/faces").headers["location"].endswith("/faces/")
    assert client.get("/faces/").text == (Path(styleclip.__file__).parent / "studio/static/index.html").read_text()
    assert client.get("/faces/static/studio.css").status_code == 200
    assert client.get("/faces/api/about").json()["model"]["name"] == "demo"
    with client.websocket_connect("ws://127.0.0.1:8765/faces/ws") as socket:
        assert answer_to(socket, frame(1))[1]


def test_the_app_closes_its_engine() -> None:
    engine = Engine(tiny_models(), "tiny")
    app = create_app(engine, Access("a token of my own"))
    with StudioClient(app) as client:
        assert client.get("/healthz").status_code == 200
        assert not app.state.is_closed
    assert app.state.is_closed and not engine.scheduler._thread.is_alive()
