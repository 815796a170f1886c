"""Pictures of an edit on its way, from Python: every N-th step as a file, and a video from before to after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from styleclip.editor import Editor
from styleclip.images import to_uint8
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt
from styleclip.trajectory import Trajectory
from tests.helpers.support import decode_video
from tests.helpers.tiny import tiny_models


@dataclass(frozen=True)
class Scale:
    """Multiplies the latent by 1.1, five times."""

    name: ClassVar[str] = "scale"

    def settings(self, models: Models) -> dict[str, Any]:
        return {}

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        for index in range(1, 6):
            latent = Latent(latent.space, latent.data * 1.1)
            on_step(Step(index, 5, {"loss": 1 / index}, latent))
        return latent


@pytest.fixture
def editor() -> Editor:
    return Editor(tiny_models())


def test_every_nth_step_is_a_picture(editor: Editor, tmp_path: Path) -> None:
    steps: list[Step] = []
    trajectory = Trajectory(editor, tmp_path, save_every=2, on_step=steps.append)
    result = editor.edit(editor.sample(seeds=(1, 2)), "a face", Scale(), trajectory)
    files = [tmp_path / "frames" / f"{index:05d}.png" for index in (2, 4)]
    assert trajectory.save(result) == files
    assert [step.index for step in steps] == [1, 2, 3, 4, 5], "every step is passed on"
    for file, step in zip(files, (steps[1], steps[3]), strict=True):
        assert step.latent is not None
        left, right = to_uint8(editor.render(step.latent)).numpy()
        with Image.open(file) as picture:
            assert (np.asarray(picture) == np.concatenate([left, right], axis=1)).all()


def test_a_video_has_every_step_between_before_and_after(editor: Editor, tmp_path: Path) -> None:
    trajectory = Trajectory(editor, tmp_path, video=True)
    result = editor.edit(editor.sample(), "a face", Scale(), trajectory)
    assert trajectory.save(result) == [tmp_path / "video.mp4"]
    assert len(decode_video(tmp_path / "video.mp4")) >= 7
    assert not (tmp_path / "frames").exists()


def test_nothing_is_rendered_unless_asked_for(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trajectory = Trajectory(editor, tmp_path)
    monkeypatch.setattr(Editor, "render", lambda *_: pytest.fail("rendered"))
    trajectory(Step(1, 1, {}, editor.sample()))
    trajectory(Step(1, 1))
    assert trajectory.paths == [] and list(tmp_path.iterdir()) == []
