from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import styleclip
from styleclip.cli import main
from styleclip.loading import load
from styleclip.models import Models
from tests.helpers.photos import remember_faces
from tests.helpers.support import ROOT

PHOTO = ROOT / "docs" / "photo.jpg"
COMMANDS = {
    "red": 'optimize --prompt "a face with red hair" --seeds 2,5 --steps 1',
    "again": 'optimize --prompt "a bearded zorgel" --force --latent red/latent.safetensors --rows 1 --steps 1',
    "smile": 'global-dir --prompt "a smiling zorgel" --force --alpha=-1,1 --seed 3',
    "beard": 'global-dir --prompt "a bearded man" --seed 4 --save-direction beard.safetensors',
    "both": 'global-dir --edit "face -> old face @ 0.5" --direction "beard.safetensors @ 1" --seeds 0,1',
    "sum": "sliders --seed 4 --psi 0.8 --edit 'red zorgel hair @ 0.8' --force --mapper 'demo-old @ 0.5' --result again",
    "mapped": "map --mapper demo-surprised --seeds 0 --strength=-0.5,1",
    "family": 'global-dir --image photo.jpg --face 2 --refine 1 --prompt "a smiling face"',
    "faces": "sample --seeds 0-2 --psi 0.9",
    "drawing": 'draw --prompt "a smiling zorgel" --force --strokes 2 --steps 1',
    "portrait": "sketch photo.jpg --face 2 --strokes 2 --steps 1 --restarts 1",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a result of every command, made and replayed with models that are loaded once."""
    folder, known, before = tmp_path_factory.mktemp("results"), {}, Path.cwd()

    def load_once(name: str = "demo", **choices: Any) -> Models:
        told = {key: str(value) for key, value in choices.items() if key not in ("fetch", "clip_on_use")}
        key = (name, *sorted((key, value) for key, value in told.items() if value not in ("None", "()", "correct")))
        if key not in known:
            known[key] = load(name, **{**choices, "clip_on_use": False})
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(styleclip, "load", load_once)
        patch.setattr("styleclip.replays.context.load", load_once)
        remember_faces(patch)
        os.chdir(folder)
        shutil.copy(PHOTO, folder)
        try:
            for name, words in COMMANDS.items():
                told = CliRunner().invoke(main, [*shlex.split(words), "--out", name, "--quiet"])
                assert told.exit_code == 0, told.output
            yield folder
        finally:
            os.chdir(before)
