"""NVIDIA's PyTorch pickles of StyleGAN3, configurations T and R, and state dicts in its names.

The tensors have our names, filters and magnitudes among them. The attributes of every layer are compared with those
that its configuration gives (`networks/stylegan3_schedule.py`), and others are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styleclip.errors import WeightError
from styleclip.networks.stylegan3 import StyleGAN3Config
from styleclip.networks.stylegan3_schedule import LayerShape
from styleclip.weights.formats.average_w import add_average
from styleclip.weights.formats.content import Content, attempt
from styleclip.weights.formats.nested import without_plain_values
from styleclip.weights.formats.nvidia_modules import Module, attribute, check_classes, stored_tensors
from styleclip.weights.formats.nvidia_rules import Rules, check_attributes
from styleclip.weights.formats.stylegan3_configs import stylegan3_config, stylegan3_content
from styleclip.weights.safe_pickle.lazy_tensors import LazyTensor, named_tensors

FORMAT = "NVIDIA stylegan3"
LICENCE = "NVIDIA's networks are for non-commercial research and evaluation (Nvidia Source Code License)"
STATE_DICT_FORMAT = "StyleGAN3 state dict in NVIDIA's names"
STATE_DICT_LICENCE = "if it derives from NVIDIA's StyleGAN3, for non-commercial use (Nvidia Source Code License)"
INPUT_CLASS = "SynthesisInput"  # the class of a module that StyleGAN3 has, and StyleGAN2 has not
CLASSES = {
    "Generator", "MappingNetwork", "SynthesisNetwork", INPUT_CLASS, "SynthesisLayer", "FullyConnectedLayer",
}  # fmt: skip
STOPBANDS = ("first_stopband", "last_stopband_rel")  # arguments of SynthesisNetwork that it has not as attributes
MAX_ATTRIBUTE_NUMBERS = 8  # of an attribute that is an array


def pickled_stylegan3(modules: list[Module], lacks: tuple[str, ...] = ()) -> Content:
    """The generator with these modules; raises WeightError where it computes another function than ours."""
    check_classes(modules, CLASSES, "StyleGAN3")
    tensors = named_tensors(stored_tensors(modules))
    numbers = _numbers(modules)
    config = stylegan3_config(tensors, numbers)
    modules = [Module(path, kind, _plain_attributes(state)) for path, kind, state in modules]
    check_attributes(modules, stylegan3_rules(config), "StyleGAN3")
    averaged, warnings = add_average(tensors, config.mapping_lr_mul)
    return stylegan3_content(FORMAT, averaged, LICENCE, numbers, (*lacks, *warnings))


def state_dict_stylegan3(table: Mapping[str, Any], lacks: tuple[str, ...] = ()) -> Content:
    """The generator in a state dict, which has NVIDIA's default numbers."""

    def build() -> Content:
        tensors, averaged = add_average(named_tensors(without_plain_values(table)))
        return stylegan3_content(STATE_DICT_FORMAT, tensors, STATE_DICT_LICENCE, warnings=(*lacks, *averaged))

    return attempt("generator", STATE_DICT_FORMAT, STATE_DICT_LICENCE, build)


def stylegan3_rules(config: StyleGAN3Config) -> Rules:
    """The attributes that NVIDIA's modules have for this configuration."""
    sizes = {"img_resolution": config.resolution, "img_channels": config.img_channels}
    first = config.bands()[0]
    layers = config.layers()
    synthesis = {"num_layers": len(layers) - 1, "num_critical": config.num_critical, "margin_size": config.margin}
    source = {"channels": config.channels[0], "size": [first.size, first.size], "sampling_rate": first.rate}
    return [
        ("|mapping|synthesis", {"num_ws": len(layers) + 1}),
        ("|synthesis", sizes),
        ("synthesis", {**synthesis, "output_scale": config.output_scale}),
        (r"synthesis\.input", {**source, "bandwidth": first.cutoff}),
        *((rf"synthesis\.{layer.name}", _layer_attributes(layer, config)) for layer in layers),
        (r".*\.(affine|embed)", {"activation": "linear", "bias_gain": 1}),
        (r"mapping\.fc\d+", {"activation": "lrelu", "bias_gain": config.mapping_lr_mul}),
    ]


def _layer_attributes(layer: LayerShape, config: StyleGAN3Config) -> dict[str, Any]:
    source, target = layer.source, layer.target
    return {
        "is_torgb": layer.is_torgb,
        "is_critically_sampled": layer.is_critical,
        "in_channels": layer.in_channels,
        "out_channels": layer.out_channels,
        "in_size": [source.size, source.size],
        "out_size": [target.size, target.size],
        "in_sampling_rate": source.rate,
        "out_sampling_rate": target.rate,
        "tmp_sampling_rate": layer.middle_rate,
        "in_cutoff": source.cutoff,
        "out_cutoff": target.cutoff,
        "in_half_width": source.half_width,
        "out_half_width": target.half_width,
        "conv_kernel": layer.kernel,
        "conv_clamp": config.conv_clamp,
        "up_factor": layer.up,
        "up_taps": layer.up_taps,
        "down_factor": layer.down,
        "down_taps": layer.down_taps,
        "down_radial": config.radial and not layer.is_critical,
        "padding": [*layer.padding, *layer.padding],
    }


def _numbers(modules: list[Module]) -> dict[str, Any]:
    """The numbers of the configuration that neither names nor shapes tell, from attributes and arguments."""
    first = next((module.path for module in modules if module.path.startswith("synthesis.L0_")), "")
    arguments = attribute(modules, "synthesis", "_init_kwargs")
    stopbands = {name: arguments[name] for name in STOPBANDS if name in arguments} if arguments else {}
    found = {
        "num_critical": attribute(modules, "synthesis", "num_critical"),
        "margin": attribute(modules, "synthesis", "margin_size"),
        "output_scale": attribute(modules, "synthesis", "output_scale"),
        "first_cutoff": attribute(modules, "synthesis.input", "bandwidth"),
        "mapping_lr_mul": attribute(modules, "mapping.fc0", "bias_gain"),
        **stopbands,
    }
    lacking = [name for name, value in found.items() if value is None]
    if lacking:
        raise WeightError(f"its generator does not say its {lacking[0]}; pass an unchanged StyleGAN3")
    return {**found, "conv_clamp": attribute(modules, first, "conv_clamp")}


def _plain_attributes(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes, where short arrays are lists."""
    return {name: _plain(value) for name, value in state.items()}


def _plain(value: Any) -> Any:
    short = isinstance(value, LazyTensor) and len(value.shape) == 1 and value.shape[0] <= MAX_ATTRIBUTE_NUMBERS
    return value.read().tolist() if short else value
