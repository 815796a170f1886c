"""Long work of the studio's engine: optimized rows, photos, several tabs; and previews of slow generators."""

from __future__ import annotations

import hashlib
import queue
import threading
from dataclasses import replace
from typing import Any

import pytest

from styleclip.editor import Editor
from styleclip.images import png_bytes, to_pil
from styleclip.methods.optimize import Optimize
from styleclip.methods.sliders import Slider
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.studio import sessions as studio_sessions
from styleclip.studio.drawing import ladder as studio_ladder
from styleclip.studio.drawing.faces import faces_of
from styleclip.studio.engine import Engine
from styleclip.studio.requests import Drawn, FrameRequest, Pending, StudioError, Superseded
from styleclip.studio.sessions import Session, Upload
from styleclip.studio.states.state import Sample
from tests.helpers.studio import OLD, RED, draw, draw_state, pixels, row, state_of
from tests.helpers.tiny import TINY, tiny_generator, tiny_models

SECONDS = 60
SEED = {"seed": 3, "psi": 1.0}
BAKED = {"id": "baked", "kind": "optimize", "strength": 1, "prompt": "a surprised face", "face": SEED}


def upload_face(engine: Engine, session: Session, seed: int) -> dict[str, Any]:
    """The face of a state for an aligned crop, which is the picture of a seed."""
    picture = to_pil(engine.models.render(Editor(engine.models).sample(seed)))[0]
    content = png_bytes(picture.resize((256, 256)))
    sha256 = hashlib.sha256(content).hexdigest()
    session.uploads.put(Upload(sha256, "me.png", "photo", content, faces_of(engine.models, content, "me.png")))
    return {"photo": {"sha256": sha256, "name": "me.png", "face": 0}}


def test_an_optimized_row_is_the_step_of_the_method(engine: Engine) -> None:
    drawn = draw(engine, [BAKED], rest=True)
    editor = Editor(engine.models)
    source, prompt = editor.sample(seed=3), Prompt("a surprised face")
    step = StyleStep.between(engine.models, source, Optimize()(engine.models, source, prompt), prompt)
    other = editor.edit_together(editor.sample(seed=8), [Slider(step, 0.5)])
    moved = draw(engine, [{**BAKED, "strength": 0.5}], seed=8, rest=True)
    assert moved.picture == png_bytes(to_pil(other.after)[0])
    assert drawn.facts["rows"]["baked"]["range"] == [-1.5, 1.5] and drawn.facts["rows"]["baked"]["probability"] > 0.5


def test_an_optimization_is_stopped_and_asked_for_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: queue.Queue[dict[str, Any]] = queue.Queue()
    running, go_on = threading.Event(), threading.Event()
    optimize = Optimize.__call__

    def held(self: Optimize, models: Any, latent: Any, prompt: Any, on_step: Any) -> Any:
        running.set()
        go_on.wait(SECONDS)
        return optimize(self, models, latent, prompt, on_step)

    monkeypatch.setattr(Optimize, "__call__", held)
    engine.jobs.subscribe("stopper", messages.put)
    request = FrameRequest(state_of([{**BAKED, "prompt": "a smiling face"}, row(RED, 0.0)]))
    session = engine.sessions.get("browser")
    waiting = engine.frame("stopper", request, session).result(SECONDS)
    assert isinstance(waiting, Drawn)
    job = waiting.facts["rows"]["baked"]["job"]
    assert "a smiling face" in job["what"] and running.wait(SECONDS)
    assert draw(engine, [row(RED, 0.4)], tab="other").picture  # frames of other tabs go on
    engine.jobs.stop("stopper", job["key"])
    go_on.set()
    stopped = engine.frame("stopper", request, session).result(SECONDS)
    assert isinstance(stopped, Drawn)
    assert stopped.facts["rows"]["baked"] == {"error": "stopped; start it again", "retry": job["key"]}
    engine.jobs.retry("stopper", job["key"])
    again = draw_state(engine, request.state, tab="stopper")
    assert "error" not in again.facts["rows"]["baked"]
    engine.forget("stopper")


def test_the_source_beside_an_edit_leaves_the_jobs_of_its_tab_alone(engine: Engine) -> None:
    messages: queue.Queue[dict[str, Any]] = queue.Queue()
    engine.jobs.subscribe("comparer", messages.put)
    session, state = engine.sessions.get("browser"), state_of([row("a face with green eyes")])
    waiting = engine.frame("comparer", FrameRequest(state), session).result(SECONDS)
    assert isinstance(waiting, Drawn)
    key = waiting.facts["rows"]["a face with green eyes"]["job"]["key"]
    engine.frame("comparer", FrameRequest(replace(state, rows=()), rest=True, source=True), session).result(SECONDS)
    while (message := messages.get(timeout=SECONDS))["type"] == "progress":
        pass
    assert message == {"type": "done", "key": key}
    engine.forget("comparer")


def test_a_row_that_is_off_starts_nothing(engine: Engine) -> None:
    off = {**BAKED, "prompt": "a sad face", "on": False}
    drawn = engine.draw("tab", FrameRequest(state_of([off])), engine.sessions.get("browser"))
    assert isinstance(drawn, Drawn) and drawn.facts["rows"]["baked"] == {}


def test_a_photo_is_inverted_and_edited(engine: Engine) -> None:
    session = engine.sessions.get("owner")
    face = upload_face(engine, session, seed=5)
    first = engine.draw("tab", FrameRequest(state_of([], face=face)), session)
    assert isinstance(first, Pending) and first.job["what"] == "inverting me.png"
    drawn = draw_state(engine, state_of([], face=face), session, rest=True)
    assert drawn.picture == draw_state(engine, state_of([row(RED, 0)], face=face), session, rest=True).picture
    edited = draw_state(engine, state_of([row(RED, 1.0)], face=face), session, rest=True, view="photo")
    assert edited.picture != drawn.picture and edited.facts["identity"] > 0.8
    assert engine.edit_of(state_of([], face=face), session).face.inversion is not None


def test_photos_and_their_faces_are_of_their_session(engine: Engine) -> None:
    owner, stranger = engine.sessions.get("owner"), engine.sessions.get("stranger")
    face = upload_face(engine, owner, seed=6)
    draw_state(engine, state_of([], face=face), owner)
    with pytest.raises(StudioError, match="does not have me.png") as caught:
        engine.draw("tab", FrameRequest(state_of([], face=face)), stranger)
    assert caught.value.missing == "photo"
    baked = draw_state(engine, state_of([{**BAKED, "face": face}]), stranger).facts["rows"]["baked"]
    assert baked["missing"] == "photo" and "does not have me.png" in baked["error"]


def test_photos_are_forgotten_with_their_session(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    session = engine.sessions.get("leaving")
    face = upload_face(engine, session, seed=7)
    draw_state(engine, state_of([], face=face), session)
    [key] = session.inversions
    assert key in engine.jobs.results and key in engine.drawer.faces._faces
    monkeypatch.setattr(studio_sessions, "IDLE_S", -1)
    engine.sessions.free_idle()
    assert key not in engine.jobs.results and key not in engine.drawer.faces._faces
    assert engine.sessions.get("leaving").uploads.get(face["photo"]["sha256"]) is None


def test_exports_wait_for_what_is_not_there_yet(engine: Engine) -> None:
    session = engine.sessions.get("browser")
    with pytest.raises(StudioError, match="still finding the direction of 'a face with a hat'"):
        engine.edit_of(state_of([row("a face with a hat")]), session)
    draw(engine, [row("a face with a hat")])
    assert engine.edit_of(state_of([row("a face with a hat", 0.5)]), session).sliders[0].strength == 0.5


def test_tabs_at_once_get_their_own_pictures(engine: Engine) -> None:
    alone = {seed: draw(engine, [row(RED, seed / 10)], seed=seed).picture for seed in range(5)}
    wrong: list[int] = []

    def drag(seed: int) -> None:
        session = engine.sessions.get(str(seed))
        for _ in range(8):
            drawn = engine.frame(seed, FrameRequest(state_of([row(RED, seed / 10)], seed)), session).result(SECONDS)
            wrong.extend([seed] * (not isinstance(drawn, Drawn) or drawn.picture != alone[seed]))

    threads = [threading.Thread(target=drag, args=(seed,)) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not wrong


def test_slow_generators_are_previewed_while_a_slider_moves(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio_ladder, "DRAG_MS", 0.0)
    monkeypatch.setattr(engine.drawer.painter.ladder, "resolutions", [16, 32])
    source, rest = draw(engine, []), draw(engine, [row(OLD, 1.0)], rest=True)
    moving = draw(engine, [row(OLD, 1.1)])
    assert moving.facts["preview"] == 16 and rest.facts["preview"] is None and moving.facts["full_ms"] > 0
    assert moving.picture not in (rest.picture, source.picture)
    assert draw(engine, [row(OLD, 0.0)]).picture == source.picture
    same = draw(engine, [row(OLD, 1.0)])  # exact where the last picture that rested is
    assert abs(pixels(same.picture) - pixels(rest.picture)).mean() < 3  # of JPEG
    assert engine.thumbnail(Sample(77))


@pytest.mark.parametrize("constant", [(2, 4), (5, 3)])
def test_pictures_that_are_no_squares_have_any_width(constant: tuple[int, int]) -> None:
    generator = tiny_generator(replace(TINY, constant=constant))
    engine, (height, width) = Engine(tiny_models(generator=generator)), generator.image_size
    try:
        for asked in (1, width // 2, width):
            drawn = draw(engine, [], width=asked)
            assert drawn.facts["size"] == [width, height] and pixels(drawn.picture).shape[1] == asked
    finally:
        engine.close()


def test_models_without_face_recognition(demo: Models) -> None:
    engine = Engine(replace(demo, identity=None))
    try:
        assert draw(engine, [], rest=True).facts["identity"] is None
    finally:
        engine.close()


def test_a_slow_picture_that_rests_is_given_up_for_a_newer_request(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(engine, [row(OLD, 1.0)])
    monkeypatch.setattr(studio_ladder, "DRAG_MS", 0.0)
    monkeypatch.setattr(engine.drawer.painter.ladder, "resolutions", [16, 32])
    session, frames = engine.sessions.get("browser"), []

    def step(synthesis: Any, entry: Any, *arguments: Any) -> Any:
        if not frames:
            frames.append(engine.frame("hasty", FrameRequest(state_of([row(OLD, 1.4)])), session))
        return original(synthesis, entry, *arguments)

    synthesis = type(engine.models.generator.synthesis)
    original = synthesis.step
    monkeypatch.setattr(synthesis, "step", step)
    resting = engine.frame("hasty", FrameRequest(state_of([row(OLD, 1.3)]), rest=True), session)
    with pytest.raises(Superseded):
        resting.result(SECONDS)
    assert frames[0].result(SECONDS).facts["preview"] == 16
    engine.forget("hasty")
