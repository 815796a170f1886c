"""Configuration and summary of StyleGAN3 generators from the names and shapes of their tensors.

The layers are called `L0_36_512`: number, size in px and channels of their output. What neither names nor shapes tell,
the numbers of `NUMBERS`, has NVIDIA's defaults unless the file says otherwise; the names must agree with it. Filters
are those of the file, and must be the low-pass filters that the layers are built for (StyleGAN3, appendix C).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.stylegan3 import StyleGAN3Config
from styleclip.networks.stylegan3_layers import down_filter, up_filter
from styleclip.weights.formats.configs import Tensors, axis_size, check_numbers
from styleclip.weights.formats.content import Content
from styleclip.weights.formats.generator_configs import (
    MAX_IMAGE_PIXELS,
    check_img_channels,
    latent_summary,
    mapping_sizes,
)
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, ComputedTensor, read_tensor

INPUT = "synthesis.input"
FREQUENCIES = f"{INPUT}.freqs"  # the tensor by which a state dict of a StyleGAN3 is recognised
TRANSFORM = f"{INPUT}.transform"
EXACT_BUFFERS = (".freqs", ".phases", ".transform", ".magnitude_ema", ".up_filter", ".down_filter")  # kept in float32
LAYER = re.compile(r"synthesis\.(L(\d{1,2})_(\d{1,6})_\d{1,6})\.")
NUMBERS = (
    *("conv_clamp", "mapping_lr_mul", "num_critical", "first_cutoff", "first_stopband", "last_stopband_rel"),
    *("margin", "output_scale"),
)  # fields of StyleGAN3Config that neither names nor shapes tell
COUNTS = ("num_critical", "margin")
MAX_MARGIN = 256  # px; published ones have 10
MAX_FILTER_SIZE = 32  # taps per factor; published ones have 6
FILTER_TOLERANCE = 1e-3  # of a tap, for files in half precision; in float32 those of NVIDIA are within 1e-7
MOVED = "the file moves its pictures by synthesis.input.transform, and so they are drawn"


def stylegan3_content(
    format: str,
    tensors: Tensors,
    licence: str = "",
    numbers: Mapping[str, Any] | None = None,
    warnings: tuple[str, ...] = (),
) -> Content:
    """A StyleGAN3 from its tensors and the `NUMBERS` that the file says; `mapping.embed` makes it a conditional one.

    Where the file lacks the transform of the user, pictures are not moved.
    """
    config = stylegan3_config(tensors, numbers or {})
    summary = {
        "architecture": _architecture(config),
        "resolution": config.resolution,
        **({} if config.img_channels == 3 else {"img_channels": config.img_channels}),
        "channels": list(config.channels),
        **latent_summary(config, tensors),
    }
    checked = _with_checks({TRANSFORM: torch.eye(3), **tensors}, config)
    moved = (MOVED,) if _is_moved(tensors) else ()
    return Content("generator", format, config, checked, summary=summary, licence=licence, warnings=(*warnings, *moved))


def stylegan3_config(tensors: Tensors, numbers: Mapping[str, Any]) -> StyleGAN3Config:
    """The shape of a StyleGAN3; raises WeightError for tensors of another network and for absurd numbers."""
    names, resolution = _layers(tensors)
    first, last = f"synthesis.{names[0]}", f"synthesis.{names[-1]}"
    _check_resolution(resolution)
    channels = (axis_size(tensors, f"{INPUT}.weight", 0), *(_out_channels(tensors, name) for name in names))
    w_dim = axis_size(tensors, f"{INPUT}.affine.weight", axis=1)
    check_img_channels(axis_size(tensors, f"{last}.weight", axis=0))
    z_dim, widths = mapping_sizes(tensors, w_dim)
    config = StyleGAN3Config(
        z_dim=z_dim,
        w_dim=w_dim,
        mapping_widths=widths,
        image_resolution=resolution,
        channels=channels,
        kernel=axis_size(tensors, f"{first}.weight", axis=3),
        radial=f"{first}.down_filter" in tensors and len(tensors[f"{first}.down_filter"].shape) == 2,
        filter_size=_filter_size(tensors, f"{first}.up_filter"),
        **_check_numbers(numbers, resolution, len(names)),
    )
    built = [shape.name for shape in config.layers()]
    if built != names:
        one, other = next(pair for pair in zip(names, built, strict=True) if pair[0] != pair[1])
        raise WeightError(f"a layer in it is called {one}, where a StyleGAN3 of its size has {other}; pass another one")
    return config


def _layers(tensors: Tensors) -> tuple[list[str], int]:
    """The names of the layers in their order, and the size in px of the last one."""
    found = {match[1]: match for match in map(LAYER.match, tensors) if match}
    names = sorted(found, key=lambda name: int(found[name][2]))
    if [int(found[name][2]) for name in names] != [*range(len(names))]:
        raise WeightError("its layers are not numbered from L0 on; pass an unchanged StyleGAN3")
    if len(names) < 2 or FREQUENCIES not in tensors:
        raise WeightError("it has no tensors named synthesis.input.freqs and synthesis.L0_36_512; pass a StyleGAN3")
    return names, int(found[names[-1]][3])


def _filter_size(tensors: Tensors, name: str) -> int:
    """Taps per factor of resampling, from the filter of the first layer, which upsamples by 2."""
    size, odd = divmod(axis_size(tensors, name, axis=0), 2)
    if odd or not 1 <= size <= MAX_FILTER_SIZE:
        raise WeightError(f"{name} has {2 * size + odd} taps, as in no StyleGAN3 known here; pass another one")
    return size


def _out_channels(tensors: Tensors, name: str) -> int:
    return axis_size(tensors, f"synthesis.{name}.weight", axis=0)


def _check_resolution(resolution: int) -> None:
    if resolution < 4 or resolution & (resolution - 1):
        raise WeightError(f"it draws {resolution} px, which is no power of two; pass another StyleGAN3")
    if resolution**2 > MAX_IMAGE_PIXELS:
        raise WeightError(f"it draws {resolution} x {resolution} px, more than any StyleGAN3; do not trust it")


def _check_numbers(numbers: Mapping[str, Any], resolution: int, layers: int) -> dict[str, Any]:
    """The numbers with the types of our configuration; raises WeightError for those that no StyleGAN3 has."""
    said = {name: numbers[name] for name in NUMBERS if name in numbers}
    check_numbers(**{name: value for name, value in said.items() if name not in COUNTS})
    limits = {"num_critical": layers - 2, "margin": MAX_MARGIN}
    for name, value in said.items():
        count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limits.get(name, 0)
        if (name in COUNTS and not count) or (value is None and name != "conv_clamp"):
            raise WeightError(f"its {name} is {short_repr(value)}, as in no StyleGAN3 known here; pass another one")
    typed = {name: value if name in COUNTS or value is None else float(value) for name, value in said.items()}
    cutoff, stopband, relative = (typed.get(name, getattr(StyleGAN3Config, name)) for name in NUMBERS[3:6])
    if not (1 <= cutoff < stopband <= resolution and cutoff < resolution / 2 and 1 <= relative <= 8):
        band = f"cutoff {cutoff:g}, stopband {stopband:g} and {relative:g}"
        raise WeightError(f"its filters have the {band}, as no StyleGAN3 of {resolution} px; pass another one")
    return typed


def _architecture(config: StyleGAN3Config) -> str:
    if (config.kernel, config.radial) in ((3, False), (1, True)):
        return f"StyleGAN3, config {'R' if config.radial else 'T'}"
    return f"StyleGAN3, kernel {config.kernel}{', radial filters' if config.radial else ''}"


def _is_moved(tensors: Tensors) -> bool:
    if TRANSFORM not in tensors or tuple(tensors[TRANSFORM].shape) != (3, 3):
        return False
    transform = read_tensor(tensors[TRANSFORM]).float()
    return bool(transform.isfinite().all()) and not torch.equal(transform, torch.eye(3))


def _with_checks(tensors: Tensors, config: StyleGAN3Config) -> dict[str, AnyTensor]:
    """The tensors, where filters and magnitudes are looked at when they are read."""
    checked = dict(tensors)
    for layer in config.layers():
        checks: dict[str, Callable[[str, Tensor], Tensor]] = {
            "up_filter": _filter_check(partial(up_filter, layer)),
            "down_filter": _filter_check(partial(down_filter, layer, config.radial)),
            "magnitude_ema": _check_magnitude,
        }
        for kind, check in checks.items():
            name = f"synthesis.{layer.name}.{kind}"
            if name in checked:
                checked[name] = _read_and_check(name, checked[name], check)
    return checked


def _read_and_check(name: str, tensor: AnyTensor, check: Callable[[str, Tensor], Tensor]) -> AnyTensor:
    return ComputedTensor(tensor.shape, lambda: check(name, read_tensor(tensor)))


def _filter_check(design: Callable[[], Tensor | None]) -> Callable[[str, Tensor], Tensor]:
    def check(name: str, taps: Tensor) -> Tensor:
        expected = design()
        if expected is None or taps.shape != expected.shape or not (taps - expected).abs().max() <= FILTER_TOLERANCE:
            raise WeightError(f"{name} is not the low-pass filter of this layer; pass an unchanged StyleGAN3")
        return taps

    return check


def _check_magnitude(name: str, magnitude: Tensor) -> Tensor:
    if magnitude.numel() != 1 or not magnitude.item() > 0:
        raise WeightError(f"{name} is not a positive number; download the file again")
    return magnitude
