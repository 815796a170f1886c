"""Generators in our own files: the numbers of their configuration that neither names nor shapes tell, as metadata.

A number that has its default is left out. StyleGAN2: `conv_clamp`, `mapping_lr_mul`. StyleGAN3: also `num_critical`,
`first_cutoff`, `first_stopband`, `last_stopband_rel`, `margin` and `output_scale`. `"None"` stands for no clamp.

A generator that was grown from a smaller one has `grown_from` in `about`: `network`, the fingerprint of that, and
`num_ws`, the number of rows of its W+.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styleclip.errors import WeightError
from styleclip.latents import StyleLayout
from styleclip.networks.generator import Generator
from styleclip.networks.generator_config import MAPPING_LR_MUL, GeneratorConfig, GrownFrom
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.networks.stylegan3 import StyleGAN3Config
from styleclip.weights.formats import stylegan3_configs
from styleclip.weights.formats.configs import Tensors
from styleclip.weights.formats.content import Content
from styleclip.weights.formats.generator_configs import generator_content
from styleclip.weights.formats.messages import short_repr

STYLEGAN2_NUMBERS = ("conv_clamp", "mapping_lr_mul")
GROWN_FROM = "grown_from"  # the key of `about`
MAX_DIGITS = 9  # of a whole number
NO_NUMBER = "None"  # the text of a clamp that is off


def generator_metadata(config: GeneratorConfig) -> dict[str, str]:
    """The unusual numbers of a configuration as texts, by the names of its fields."""
    is_stylegan3 = isinstance(config, StyleGAN3Config)
    names = stylegan3_configs.NUMBERS if is_stylegan3 else STYLEGAN2_NUMBERS
    usual = StyleGAN3Config if is_stylegan3 else StyleGAN2Config
    numbers = {name: getattr(config, name) for name in names}
    return {name: str(value) for name, value in numbers.items() if value != getattr(usual, name)}


def own_generator(format: str, tensors: Tensors, metadata: Mapping[str, str]) -> Content:
    """The generator with these tensors and the numbers in this metadata; raises WeightError where they fit none."""
    if stylegan3_configs.FREQUENCIES in tensors:
        numbers = {name: _number(name, metadata[name]) for name in stylegan3_configs.NUMBERS if name in metadata}
        return stylegan3_configs.stylegan3_content(format, tensors, numbers=numbers)
    clamp, lr_mul = (_read_number(metadata[name]) if name in metadata else None for name in STYLEGAN2_NUMBERS)
    return generator_content(format, tensors, "", clamp, MAPPING_LR_MUL if lr_mul is None else lr_mul)


def grown_from_record(generator: Generator) -> dict[str, Any]:
    """What `about` tells of the generator that this one was grown from; {} where there is none."""
    return {GROWN_FROM: generator.grown_from._asdict()} if generator.grown_from else {}


def read_grown_from(about: Mapping[str, Any], layout: StyleLayout) -> GrownFrom | None:
    """The generator in `grown_from_record`, for a generator with this layout; WeightError where it does not fit."""
    record = about.get(GROWN_FROM)
    if record is None:
        return None
    network, num_ws = (record.get(name) for name in GrownFrom._fields) if isinstance(record, Mapping) else (None, None)
    whole = [entry.ws_index + 1 for entry in layout.entries if entry.is_torgb]
    if not isinstance(network, str) or num_ws not in whole[:-1]:
        raise WeightError("the record of the generator that it was grown from is damaged; download it again")
    return GrownFrom(network, int(num_ws))


def _read_number(text: str) -> int | float:
    """A whole number as it is in pickles, 256 and not 256.0: the fingerprint of a generator tells them apart."""
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else float(text)


def _number(name: str, text: str) -> Any:
    """An integer for the counts of StyleGAN3, a float for others, None for no clamp."""
    if name == "conv_clamp" and text == NO_NUMBER:
        return None
    try:
        return int(text) if name in stylegan3_configs.COUNTS else float(text)
    except ValueError as error:
        raise WeightError(f"its {name} is {short_repr(text)}, not a number; download it again") from error
