"""Text-driven editing of StyleGAN2 and StyleGAN3 images.

`load` the models, make an `Editor`, `edit` a latent towards a `Prompt`. The names below are the public API. Each is
imported when it is first used, so `import styleclip` is quick. The editing methods are those of
`styleclip.methods.METHODS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from styleclip.methods import METHODS
from styleclip.version import __version__ as __version__

if TYPE_CHECKING:  # for type checkers and editors
    from styleclip.canvases.adaptation.adapt import adapt as adapt
    from styleclip.canvases.adaptation.settings import Adaptation as Adaptation
    from styleclip.canvases.drawing.draw import draw as draw
    from styleclip.canvases.drawing.settings import Drawing as Drawing
    from styleclip.canvases.sketching.settings import Sketching as Sketching
    from styleclip.canvases.sketching.sketch import sketch as sketch
    from styleclip.canvases.stylization.settings import Stylization as Stylization
    from styleclip.canvases.stylization.style_net import StyleNet as StyleNet
    from styleclip.canvases.stylization.stylize import stylize as stylize
    from styleclip.children import load_child as load_child
    from styleclip.classification.zero_shot import zero_shot as zero_shot
    from styleclip.directions.calibration import calibrate as calibrate
    from styleclip.directions.ganspace import ganspace as ganspace
    from styleclip.directions.interfacegan import interfacegan as interfacegan
    from styleclip.directions.loading import load_direction as load_direction
    from styleclip.directions.loading import save_direction as save_direction
    from styleclip.directions.sefa import sefa as sefa
    from styleclip.editor import Editor as Editor
    from styleclip.errors import StyleClipError as StyleClipError
    from styleclip.inversion.invert import Invert as Invert
    from styleclip.inversion.photo_inversion import invert_photo as invert_photo
    from styleclip.inversion.pivotal_tuning import PivotalTuning as PivotalTuning
    from styleclip.inversion.refine import Refine as Refine
    from styleclip.inversion.result import Inversion as Inversion
    from styleclip.latents import Direction as Direction
    from styleclip.latents import Latent as Latent
    from styleclip.latents import Space as Space
    from styleclip.loading import load as load
    from styleclip.methods.global_direction import GlobalDirection as GlobalDirection
    from styleclip.methods.latent_direction import LatentDirection as LatentDirection
    from styleclip.methods.mapper import LatentMapper as LatentMapper
    from styleclip.methods.optimize import Optimize as Optimize
    from styleclip.methods.sliders import Slider as Slider
    from styleclip.methods.style_direction import StyleDirection as StyleDirection
    from styleclip.methods.style_step import StyleStep as StyleStep
    from styleclip.networks.transform import Transform as Transform
    from styleclip.photo_editing import edit_photo as edit_photo
    from styleclip.prompt_words import PromptWarning as PromptWarning
    from styleclip.prompts import Prompt as Prompt
    from styleclip.regions import Region as Region
    from styleclip.replays.replay import Replay as Replay
    from styleclip.replays.replay import replay as replay
    from styleclip.results import EditResult as EditResult
    from styleclip.stylespace.prepare import prepare as prepare
    from styleclip.stylespace.sample_preparation import SamplePreparation as SamplePreparation
    from styleclip.stylespace.table_preparation import Preparation as Preparation
    from styleclip.sweeps import sweep as sweep
    from styleclip.training.encoder.settings import EncoderTraining as EncoderTraining
    from styleclip.training.encoder.train import train_encoder as train_encoder
    from styleclip.training.mapper.settings import MapperTraining as MapperTraining
    from styleclip.training.mapper.train import train_mappers as train_mappers
    from styleclip.trajectory import Trajectory as Trajectory
    from styleclip.weights.clips import load_clip as load_clip
    from styleclip.weights.latent_files import load_latents as load_latents
    from styleclip.weights.load import load_generator as load_generator

_MODULES = {
    "Adaptation": "styleclip.canvases.adaptation.settings",
    "Direction": "styleclip.latents",
    "Drawing": "styleclip.canvases.drawing.settings",
    "EditResult": "styleclip.results",
    "Editor": "styleclip.editor",
    "EncoderTraining": "styleclip.training.encoder.settings",
    "Inversion": "styleclip.inversion.result",
    "Invert": "styleclip.inversion.invert",
    "Latent": "styleclip.latents",
    "LatentDirection": "styleclip.methods.latent_direction",
    "MapperTraining": "styleclip.training.mapper.settings",
    "PivotalTuning": "styleclip.inversion.pivotal_tuning",
    "Preparation": "styleclip.stylespace.table_preparation",
    "Prompt": "styleclip.prompts",
    "PromptWarning": "styleclip.prompt_words",
    "Replay": "styleclip.replays.replay",
    "Refine": "styleclip.inversion.refine",
    "Region": "styleclip.regions",
    "SamplePreparation": "styleclip.stylespace.sample_preparation",
    "Sketching": "styleclip.canvases.sketching.settings",
    "Slider": "styleclip.methods.sliders",
    "Space": "styleclip.latents",
    "StyleClipError": "styleclip.errors",
    "StyleDirection": "styleclip.methods.style_direction",
    "StyleNet": "styleclip.canvases.stylization.style_net",
    "StyleStep": "styleclip.methods.style_step",
    "Stylization": "styleclip.canvases.stylization.settings",
    "Trajectory": "styleclip.trajectory",
    "Transform": "styleclip.networks.transform",
    "adapt": "styleclip.canvases.adaptation.adapt",
    "calibrate": "styleclip.directions.calibration",
    "draw": "styleclip.canvases.drawing.draw",
    "edit_photo": "styleclip.photo_editing",
    "ganspace": "styleclip.directions.ganspace",
    "interfacegan": "styleclip.directions.interfacegan",
    "invert_photo": "styleclip.inversion.photo_inversion",
    "load": "styleclip.loading",
    "load_child": "styleclip.children",
    "load_clip": "styleclip.weights.clips",
    "load_direction": "styleclip.directions.loading",
    "load_generator": "styleclip.weights.load",
    "load_latents": "styleclip.weights.latent_files",
    "prepare": "styleclip.stylespace.prepare",
    "replay": "styleclip.replays.replay",
    "save_direction": "styleclip.directions.loading",
    "sefa": "styleclip.directions.sefa",
    "stylize": "styleclip.canvases.stylization.stylize",
    "sketch": "styleclip.canvases.sketching.sketch",
    "sweep": "styleclip.sweeps",
    "train_encoder": "styleclip.training.encoder.train",
    "train_mappers": "styleclip.training.mapper.train",
    "zero_shot": "styleclip.classification.zero_shot",
    **{entry.class_name: entry.module for entry in METHODS.values()},
}  # name -> the module that it is imported from

__all__ = sorted(["__version__", *_MODULES])


def __getattr__(name: str) -> object:  # PEP 562
    if name not in _MODULES:
        raise AttributeError(f"module 'styleclip' has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
