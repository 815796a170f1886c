"""Text-driven editing of StyleGAN2 images: `load` the models, make an `Editor`, `edit` a latent towards a `Prompt`.

The names below are the stable front door; each is imported when first used, so `import styleclip` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from styleclip.version import __version__

if TYPE_CHECKING:
    from styleclip.editor import Editor
    from styleclip.errors import StyleClipError
    from styleclip.inversion.invert import Invert
    from styleclip.inversion.pivotal_tuning import PivotalTuning
    from styleclip.inversion.refine import Refine
    from styleclip.inversion.result import Inversion
    from styleclip.latents import Direction, Latent, Space
    from styleclip.methods.global_direction import GlobalDirection
    from styleclip.methods.mapper import LatentMapper
    from styleclip.methods.optimize import Optimize
    from styleclip.models import load
    from styleclip.prompts import Prompt, PromptWarning
    from styleclip.results import EditResult
    from styleclip.weights.load import load_generator

__all__ = [
    "Direction",
    "EditResult",
    "Editor",
    "GlobalDirection",
    "Inversion",
    "Invert",
    "Latent",
    "LatentMapper",
    "Optimize",
    "PivotalTuning",
    "Prompt",
    "PromptWarning",
    "Refine",
    "Space",
    "StyleClipError",
    "__version__",
    "load",
    "load_generator",
]

_HOMES = {
    "Direction": "styleclip.latents",
    "EditResult": "styleclip.results",
    "Editor": "styleclip.editor",
    "GlobalDirection": "styleclip.methods.global_direction",
    "Inversion": "styleclip.inversion.result",
    "Invert": "styleclip.inversion.invert",
    "Latent": "styleclip.latents",
    "LatentMapper": "styleclip.methods.mapper",
    "Optimize": "styleclip.methods.optimize",
    "PivotalTuning": "styleclip.inversion.pivotal_tuning",
    "Prompt": "styleclip.prompts",
    "PromptWarning": "styleclip.prompts",
    "Refine": "styleclip.inversion.refine",
    "Space": "styleclip.latents",
    "StyleClipError": "styleclip.errors",
    "load": "styleclip.models",
    "load_generator": "styleclip.weights.load",
}


def __getattr__(name: str) -> object:  # PEP 562
    if name not in _HOMES:
        raise AttributeError(f"module 'styleclip' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
