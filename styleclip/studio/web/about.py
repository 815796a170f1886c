"""What the page is told of the models before it sends a state: their names, examples, mappers and limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from styleclip.errors import StyleClipError
from styleclip.inversion.invert import framing_of
from styleclip.models import Models
from styleclip.networks.stylegan3 import StyleGAN3Config
from styleclip.networks.transform import Transform
from styleclip.prompt_words import unknown_words
from styleclip.studio.engine import Engine
from styleclip.studio.states.state import LIMITS
from styleclip.studio.web.uploads import MAX_FILE_BYTES, MAX_PHOTO_BYTES
from styleclip.version import __version__

SAMPLE_PX = 96  # of a face in the picker: twice the size that it is shown at, for fine screens
EXAMPLES = (
    "a face with red hair",
    "a smiling face",
    "a bearded man",
    "an old face",
    "a face with glasses",
    "a surprised face",
    "a face with curly hair",
    "a face with blue eyes",
    "a woman with long hair",
    "a face with a hat",
    "a person with purple hair",
    "a face with lipstick",
)  # for generators of faces
MAX_EXAMPLES = 8


def about(engine: Engine) -> dict[str, Any]:
    """The answer of GET /api/about."""
    models = engine.models
    words = models.clip.vocabulary
    return {
        "version": __version__,
        "model": {
            "name": engine.title,
            "fingerprint": models.generator_fingerprint,
            "size": [models.generator.image_size[1], models.generator.image_size[0]],
            "faces": framing_of(models) is not None,
        },
        "place": (engine.first_transform or Transform()).record() if can_move(models) else None,
        "child": None if engine.first_child is None else asdict(engine.first_child),
        "device": str(models.device),
        "clip": {"name": models.clip.name, "words": words and len(words)},
        "examples": examples(models),
        "mappers": engine.drawer.rows.mappers.record(),
        "relevance": relevances(models),
        "can_invert": True,
        "limits": {**LIMITS, "photo_bytes": MAX_PHOTO_BYTES, "file_bytes": MAX_FILE_BYTES},
        "sample_px": SAMPLE_PX,
    }


def can_move(models: Models) -> bool:
    """Whether the generator is a StyleGAN3, whose pictures can be moved and turned."""
    return isinstance(models.generator.config, StyleGAN3Config)


def examples(models: Models) -> list[str]:
    """Prompts in words that the CLIP knows, for a generator of faces; none for others."""
    if framing_of(models) is None:
        return []
    return [text for text in EXAMPLES if not unknown_words(models.clip, [text])][:MAX_EXAMPLES]


def relevances(models: Models) -> list[str]:
    """How directions of texts can be found here: by regression on samples, with a table of channels, or both."""
    return [name for name, load in (("regression", models.samples), ("table", models.relevance)) if is_there(load)]


def is_there(load: Callable[[], object]) -> bool:
    """Whether a part of the models can be had; what cannot be downloaded now is an error of the row that needs it."""
    try:
        return load() is not None
    except StyleClipError:
        return False
