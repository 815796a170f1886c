"""Options that photos need or rule out, and encoders that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from styleclip.inversion.invert import Invert
from tests.helpers.photo_commands import GLOBAL, MAP, OPTIMIZE
from tests.helpers.photos import ASTRONAUT, write_two_faces
from tests.helpers.support import failed

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--face", "all"), "--face is for photos; pass it with --image"),
        (("--no-align",), "--no-align is for photos; pass it with --image"),
        (("--landmarks", "mtcnn"), "--landmarks is for photos"),
        (("--encoder", "none"), "--encoder is for photos"),
        (("--refine", "3"), "--refine is for photos"),
        (("--tune",), "--tune is for photos"),
        (("--no-paste", "--seed", "3"), "--no-paste is for photos"),
        (("--image", "a.jpg", "--seed", "1"), "--seed and --image both name a source; pass one of them"),
        (("--image", "a.jpg", "--latent", "m.safetensors"), "--latent and --image both name a source"),
        (("--image", "absent.jpg"), "there is no picture called absent.jpg; pass a picture"),
    ],
)
@pytest.mark.parametrize("command", [OPTIMIZE, MAP, GLOBAL], ids=lambda command: command[0])
def test_bad_usage(run: Run, command: tuple[str, ...], options: tuple[str, ...], words: str) -> None:
    failed(run(*command, *options, "--out", "out"), 2, words)
    assert not Path("out").exists()


def test_encoders_that_are_not_there_are_told_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Invert, "frames", None)
    images = ("--image", ASTRONAUT, "--image", write_two_faces(Path("two.png")))
    failed(run(*MAP, *images, "--encoder", "mine.pt"), 1, "'mine.pt' is neither an encoder nor a file nor a URL")
