"""Build the `Content` of each kind of network: configuration from the shapes of its tensors, and summary.

The format gives the tensors under our names, and the numbers that do not follow from shapes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import accumulate
from typing import Any

from styleclip.errors import WeightError
from styleclip.latents import StyleEntry, StyleLayout
from styleclip.networks.clip import check_towers
from styleclip.networks.encoder_config import MAX_DOWNSAMPLING, UNITS, WIDTHS, Combination, EncoderConfig
from styleclip.networks.latent_mapper import LEVELS
from styleclip.weights.formats.content import Content, Kind
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor

Tensors = Mapping[str, AnyTensor]
ENCODER_TYPES: dict[str, Combination] = {"Encoder4Editing": "e4e", "GradualStyleEncoder": "psp"}  # by class name
FIRST_STYLE_CONV = re.compile(r"styles\.0\.convs\.(\d\d?)\.weight")  # stride 2, down to 1x1
TOWER_LAYER = re.compile(r"tower\.layers\.\d\d?\.weight")
STYLEGAN3_INPUT, STYLEGAN3_LAYER = "input", re.compile(r"L(\d{1,3})_\d{1,5}_\d{1,5}")
MAX_IMAGE_CHANNELS = 4
TABLE_FACTS = (  # keys of `about` that the summary of a table repeats
    "method", "images", "samples", "seed", "psi", "cutoff", "sigmas", "torgb", "rows", "shard", "generator",
    "generator_name", "clip", "clip_preprocess", "dtype", "styleclip",
)  # fmt: skip
TRAINING_FACTS = (
    "target",
    "neutral",
    "steps",
    "batch_size",
    "best_step",
    "latents",
    "num_latents",
    "generator",
    "styleclip",
)


def encoder_content(
    format: str, tensors: Tensors, settings: Mapping[str, Any], licence: str = "", warnings: tuple[str, ...] = ()
) -> Content:
    """An encoder; `settings` has its `kind`, e4e or psp, and its `leak` unless that is the published one."""
    config = encoder_config(tensors, settings)
    shape = {"num_ws": config.num_ws, "w_dim": config.w_dim, "frame": config.frame, "widths": list(config.widths)}
    summary = {"encoder": config.kind, **shape}
    return Content("encoder", format, config, tensors, summary=summary, licence=licence, warnings=warnings)


def encoder_config(tensors: Tensors, settings: Mapping[str, Any]) -> EncoderConfig:
    """The shape of an encoder, from its tensors and the settings of its file; published values where they lack it.

    Raises WeightError for encoders of another architecture, and for invalid numbers.
    """
    kind = next((kind for kind in ENCODER_TYPES.values() if settings.get("kind") == kind), None)
    if kind is None:
        known = " or ".join(ENCODER_TYPES)
        raise WeightError(f"its encoder is a {settings.get('kind')}, none of {known}; pass one of these")
    ends = [end - 1 for end in accumulate(UNITS)]
    widths = tuple(
        _width(tensors, f"body.{end}.res_layer.3.weight", 0, width) for end, width in zip(ends, WIDTHS, strict=True)
    )
    w_dim = _width(tensors, "w_avg", 1, WIDTHS[-1])
    if min(*widths, w_dim) < 1:
        raise WeightError(f"its trunk has {short_repr(widths)} channels, its w {w_dim} numbers; pass a complete file")
    return EncoderConfig(count_styles(tensors), kind, w_dim, widths, _frame_px(tensors), _leak_slope(settings))


def count_styles(names: Iterable[str]) -> int:
    """The number of vectors of W+, at most 100, of an encoder with tensors of these names."""
    return len({match[1] for match in (re.match(r"styles\.(\d\d?)\.", name) for name in names) if match})


def mapper_content(format: str, tensors: Tensors, about: Mapping[str, Any]) -> Content:
    """A latent mapper; its config holds the arguments of `LevelsMapper` or `StyleMapper`."""
    trained = {name: about[name] for name in TRAINING_FACTS if isinstance(about.get(name), int | float | str)}
    networks = len({name.rpartition(".fc")[0] for name in tensors})
    summary = {**mapper_settings(tensors), **trained, "networks": networks}
    return Content("mapper", format, _mapper_config(tensors), tensors, about, summary)


def mapper_settings(names: Collection[str]) -> dict[str, str]:
    """The type of a mapper with tensors of these names, and its levels."""
    networks = {name.rpartition(".fc")[0] for name in names}
    if STYLEGAN3_INPUT in networks or any("." in network for network in networks):
        is_full = "b4.torgb" in networks or _has_torgb(networks)
        return {"mapper": "full stylespace" if is_full else "stylespace"}
    levels = " ".join(level for level in LEVELS if level in networks)
    return {"mapper": "single"} if levels == "all" else {"mapper": "levels", "levels": levels}


def clip_content(
    format: str,
    tensors: Tensors,
    config: dict[str, Any] | None,
    shape: Mapping[str, Any] | None = None,
    licence: str = "",
) -> Content:
    """A CLIP; `config` is that of `build_clip`, or None where a file lacks it; `shape` has the numbers from shapes.

    The summary has the embedding and both towers, by open_clip's keys.
    """
    model = config["model"] if config else shape or {}
    if config:
        check_towers(model)
    towers = {tower: model.get(f"{tower}_cfg", {}) for tower in ("vision", "text")}
    numbers = {f"{tower}_{name}": value for tower, numbers in towers.items() for name, value in numbers.items()}
    summary = {"embed_dim": model.get("embed_dim"), **numbers}
    return Content("clip", format, config, tensors, {"shape": shape} if shape else {}, summary, licence)


def table_content(
    kind: Kind, format: str, tensors: Tensors, config: Any = None, about: Mapping[str, Any] | None = None
) -> Content:
    """A table; its summary has the shapes of its tensors."""
    made = {name: value for name in TABLE_FACTS if isinstance(value := (about or {}).get(name), int | float | str)}
    summary = {**made, **{name: list(tensor.shape) for name, tensor in tensors.items()}}
    return Content(kind, format, config, tensors, about or {}, summary)


def _mapper_config(tensors: Tensors) -> dict[str, Any]:
    levels = [level for level in LEVELS if f"{level}.fc0.weight" in tensors]
    if levels:
        return {"levels": levels, "w_dim": _width(tensors, f"{levels[0]}.fc0.weight", -1, 0)}
    if f"{STYLEGAN3_INPUT}.fc0.weight" in tensors:
        return _stylegan3_mapper_config({name.rpartition(".fc")[0] for name in tensors}, tensors)
    matches = (re.fullmatch(r"b(\d+)\.conv1\.fc0\.weight", name) for name in tensors)
    channels = {int(match[1]): _width(tensors, match[0], -1, 0) for match in matches if match}
    if not channels:
        raise WeightError("it has no tensor named coarse.fc0.weight or b4.conv1.fc0.weight; pass a latent mapper")
    layout = StyleLayout.from_channels(dict(sorted(channels.items())))
    return {"layout": layout, "torgb": any(".torgb." in name for name in tensors)}


def _stylegan3_mapper_config(networks: Collection[str], tensors: Tensors) -> dict[str, Any]:
    """The arguments of a `StyleMapper` of a StyleGAN3.

    A layer's name has the channels of its output, which are the styles of the next: those of toRGB are known also where
    it has no network.
    """
    names = [STYLEGAN3_INPUT, *_stylegan3_layers(networks)]
    widths = {name: _width(tensors, f"{name}.fc0.weight", -1, 0) for name in names}
    if not (has_torgb := _has_torgb(networks)):
        widths["torgb"] = int(names[-1].rpartition("_")[2])
    entries, start = [], 0
    for row, (name, width) in enumerate(widths.items()):
        entries.append(StyleEntry(name, 0, width, row, start, is_torgb=row == len(widths) - 1))
        start += width
    return {"layout": StyleLayout(tuple(entries)), "torgb": has_torgb}


def _stylegan3_layers(names: Iterable[str]) -> list[str]:
    """The names of layers of a StyleGAN3 among others, in order."""
    matches = [match for match in map(STYLEGAN3_LAYER.fullmatch, names) if match]
    return [match[0] for match in sorted(matches, key=lambda match: int(match[1]))]


def _has_torgb(networks: Iterable[str]) -> bool:
    """Whether the toRGB layer of a StyleGAN3, whose output has the channels of a picture, is among these."""
    layers = _stylegan3_layers(networks)
    return bool(layers) and int(layers[-1].rpartition("_")[2]) <= MAX_IMAGE_CHANNELS


def _frame_px(tensors: Tensors) -> int:
    """The side in px of the encoder's input: the convolutions of the first style halve 1/16 of it to 1."""
    convs = [int(match[1]) // 2 for match in (FIRST_STYLE_CONV.fullmatch(name) for name in tensors) if match]
    if not convs and "styles.0.linear.weight" not in tensors:
        return EncoderConfig.frame
    return MAX_DOWNSAMPLING * 2 ** max((1 + last for last in convs), default=0)


def _leak_slope(settings: Mapping[str, Any]) -> float:
    text = settings.get("leak", EncoderConfig.leak)
    try:
        leak = float(text)
    except (TypeError, ValueError):
        leak = math.nan
    if not 0 <= leak <= 1:
        raise WeightError(f"its leak is {short_repr(text)}, not a number from 0 to 1; download it again")
    return leak


def check_numbers(**numbers: object) -> None:
    """Raise WeightError unless these settings of a file are positive numbers, or None."""
    for name, number in numbers.items():
        if number is not None and not (isinstance(number, int | float) and 0 < number < 1e9):
            raise WeightError(f"its {name} is {short_repr(number)}, not a positive number; download it again")


def name_indices(names: Iterable[str], pattern: str) -> list[int]:
    """The numbers that the first group of `pattern` matches in these names."""
    return [int(match[1]) for match in (re.match(pattern, name) for name in names) if match]


def axis_size(tensors: Tensors, name: str, axis: int) -> int:
    if name not in tensors:
        raise WeightError(f"the tensor {name} is missing; pass a complete file")
    if len(tensors[name].shape) <= axis:
        raise WeightError(f"{name} has shape {list(tensors[name].shape)}; pass a file of this architecture")
    return tensors[name].shape[axis]


def _width(tensors: Tensors, name: str, axis: int, otherwise: int) -> int:
    """The size of an axis, or `otherwise` where the tensor or the axis is missing."""
    shape = tensors[name].shape if name in tensors else ()
    return shape[axis] if len(shape) > max(axis, 0) else otherwise


def identity_content(format: str, tensors: Tensors) -> Content:
    """One of the recognisers of the demo world: a `PlainRecogniser` has the layers of a tower, the other a head."""
    if "head.bias" in tensors:
        return Content("identity", format, {"features": axis_size(tensors, "head.bias", axis=0)}, tensors)
    layers = [(int(name.split(".")[2]), tensor) for name, tensor in tensors.items() if TOWER_LAYER.fullmatch(name)]
    shapes = [tuple(tensor.shape) for _, tensor in sorted(layers, key=lambda layer: layer[0])]
    channels = [shape[0] for shape in shapes if len(shape) == 4]
    if not channels or len(shapes[-1]) != 2:
        raise WeightError("it holds no recogniser that styleclip wrote; pass a file with one")
    return Content("identity", format, {"channels": channels, "features": shapes[-1][0]}, tensors)
