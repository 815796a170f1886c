"""A made-up held-out report: editors whose success rises and whose preservation falls with strength."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from styleclip.evaluate.held_out.measurements import NOTHING, RANDOM, EditMeasurement, EditPictures, MeasuredPrompt
from styleclip.evaluate.held_out.report import HeldOutReport

STRENGTHS = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
PROMPTS = ("a smiling face", "a face with red hair", "an old man with glasses", "a face with a hat")
SPEED = {"optimize": 1.1, "global-dir": 1.6, "map": 0.9, RANDOM: 0.05, NOTHING: 0.0}  # of success with strength
HARM = {"optimize": 0.5, "global-dir": 1.2, "map": 0.8, RANDOM: 1.6, NOTHING: 0.0}
ATTRIBUTES = ("hat", "glasses", "age", "hair_color", "beard")


def made_report(
    images: int = 8, prompts: Sequence[str] = PROMPTS, strengths: Sequence[float] = STRENGTHS, pictures: int = 2
) -> HeldOutReport:
    """A report of `images` images, of which `pictures` stand in the sheets of each prompt."""
    random = np.random.default_rng(4)
    names = [f"seed {i}" for i in range(images)]
    edits = [
        _edit(random, editor, prompt, strength, name)
        for editor in SPEED
        for prompt in prompts
        for strength in strengths
        for name in names
    ]
    shown = [
        EditPictures(editor, prompt, name, _picture(i, 0.0), [_picture(i, s * SPEED[editor]) for s in strengths])
        for editor in SPEED
        for prompt in prompts
        for i, name in enumerate(names[:pictures])
    ]
    return HeldOutReport(
        editors={
            "optimize": {"steps": 40, "coordinates": "whitened"},
            "global-dir": {"relevance": "regression", "beta": 0.0},
            "map": {"mapper": "demo-old"},
            RANDOM: {"seed": 0},
            NOTHING: {},
        },
        prompts=[MeasuredPrompt(prompt, ("a face",), images=names) for prompt in prompts],
        strengths=strengths,
        images=names,
        judges={
            "clip": {"name": "judge-clip", "hash": "5e1f"},
            "identity": {"name": "judge-identity", "crop": "whole"},
        },
        protocol={"psi": 0.7, "batch": 50},
        provenance={"generator": "demo", "device": "cpu"},
        measurements=edits,
        pictures=shown,
    )


def _edit(random: np.random.Generator, editor: str, prompt: str, strength: float, image: str) -> EditMeasurement:
    push = SPEED[editor] * strength + 0.25 * random.normal() * (strength != 0) * (editor != NOTHING)
    harm = abs(HARM[editor] * strength)
    flipped = [name for name in ATTRIBUTES if random.random() < 0.2 * harm]
    measures = {
        "success": float(push > 0.55),
        "flips": float(len(flipped)),
        "kept": 1 - len(flipped) / 12,
        "clean": float(push > 0.55 and not flipped),
        "target_similarity": 0.2 + 0.1 * math.tanh(push),
        "target_gain": 0.1 * math.tanh(push),
        "directional_similarity": 0.4 * math.tanh(push),
        "identity": 1 - 0.15 * harm,
        "l1": 6 * harm,
        "l1_step": 1 + harm,
        "l1_outside": 2 * harm,
        "lpips_outside": 0.05 * harm,
        "seconds": 0.1,
        "peak_mib": 512.0,
    }
    return EditMeasurement(editor, prompt, strength, image, measures, tuple(f"{name}: a -> b" for name in flipped))


def _picture(seed: int, strength: float) -> Image.Image:
    """A smooth picture of a colour that moves with the strength."""
    across, down = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 64))
    channels = [128 + 90 * np.sin(3 * across + seed + k + strength) * np.cos(2 * down + k) for k in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
