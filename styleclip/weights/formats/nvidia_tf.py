"""NVIDIA's TensorFlow pickles of StyleGAN2 (2019 and stylegan2-ada): a tuple of the networks G, D and Gs.

Every network has its arguments (`static_kwargs`), its variables and its components; Gs, the moving average
of G, is the generator. TensorFlow stores convolutions as [H, W, in, out] and matrices as [in, out], and adds 1 to the
bias of a style. It correlates after upsampling where torch's transposed convolution convolves, so those are flipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.generator_config import MAPPING_LR_MUL
from styleclip.weights.formats.average_w import add_average
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.formats.generator_configs import discriminator_content, generator_content
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.formats.nvidia_torch import LICENCE
from styleclip.weights.safe_pickle.globals import InertObject
from styleclip.weights.safe_pickle.lazy_tensors import ConvertedTensor, LazyTensor, named_tensors
from styleclip.weights.state_dict import check_keys

FORMAT = "NVIDIA stylegan2 for TensorFlow"
NETWORK = "dnnlib.tflib.network.Network"
MAX_VARIABLES = 10_000  # of a network; published ones have fewer
MIN_VERSION = 4  # of the format, when StyleGAN2 was published

Values = dict[str, list[Any]]
REQUIRED_ARGUMENTS: Values = {  # arguments that change the result, and the values that ours supports
    "nonlinearity": ["lrelu"],
    "resample_kernel": [[1, 3, 3, 1]],
}
GENERATOR_ARGUMENTS: Values = REQUIRED_ARGUMENTS | {
    "architecture": ["skip"],
    "mapping_nonlinearity": ["lrelu"],
    "normalize_latents": [True],
    "use_noise": [True],
    "mapping_func": ["G_mapping"],
    "synthesis_func": ["G_synthesis", "G_synthesis_stylegan2"],
}
DISCRIMINATOR_ARGUMENTS: Values = REQUIRED_ARGUMENTS | {
    "architecture": ["resnet"],
    "mbstd_num_features": [1],
    "label_size": [0],
}
USED_ARGUMENTS = {"conv_clamp", "mapping_lrmul", "mbstd_group_size"}
IGNORED_ARGUMENTS = {  # given by the shapes, only for training, or without effect on the result
    "resolution", "resolution_h", "resolution_w", "init_res", "latent_size",
    "dlatent_size", "label_size", "label_fmaps", "mapping_layers", "mapping_fmaps",
    "fmap_base", "fmap_decay", "fmap_min", "fmap_max", "dlatent_broadcast", "w_avg_beta", "dlatent_avg_beta",
    "style_mixing_prob", "truncation_psi", "truncation_cutoff", "truncation_psi_val", "truncation_cutoff_val",
    "randomize_noise", "fused_modconv", "num_fp16_res", "dtype", "freeze_layers", "is_training", "is_validation",
    "is_template_graph", "return_dlatents", "func_name",
}  # fmt: skip


class KeyMap(NamedTuple):
    """One tensor under both names, and the conversion to our layout."""

    ours: str
    theirs: str
    convert: Callable[[Tensor], Tensor]


def contents(tree: FileTree) -> list[Content]:
    """The generator Gs and the discriminator D of a pickle that holds (G, D, Gs)."""
    networks = tree.value if isinstance(tree.value, (tuple, list)) else (tree.value,)
    if not networks or not all(isinstance(value, InertObject) and value.name == NETWORK for value in networks):
        return []
    if len(networks) != 3:
        raise WeightError(f"it holds {len(networks)} TensorFlow networks instead of G, D and Gs; pass a StyleGAN2 file")
    return [
        attempt("generator", FORMAT, LICENCE, lambda: _generator(networks[2])),
        attempt("discriminator", FORMAT, LICENCE, lambda: _discriminator(networks[1])),
    ]


def _generator(network: InertObject) -> Content:
    arguments, variables = network.state["static_kwargs"], _variables(network)
    if not any(name.endswith("/mod_weight") for name in variables):
        made_by = short_repr(network.state.get("build_func_name"))
        raise WeightError(f"its Gs was made by {made_by}, not by StyleGAN2; pass a StyleGAN2 file")
    if any("_lod" in name for name in variables):
        raise WeightError("its generator has the architecture 'orig', where ours has 'skip'; pass another StyleGAN2")
    _check_arguments(arguments, GENERATOR_ARGUMENTS | _channels_of(variables, "synthesis/4x4/ToRGB/weight", axis=3))
    keys = generator_keys(
        resolution=_largest_index(variables, r"synthesis/(\d{1,4})x\d+/"),
        depth=sum(re.fullmatch(r"mapping/Dense\d+/weight", name) is not None for name in variables),
        conditional="mapping/LabelEmbed/weight" in variables,
        average="dlatent_avg" in variables,
    )
    lr_mul = arguments.get("mapping_lrmul", MAPPING_LR_MUL)
    tensors, warnings = add_average(_our_tensors(variables, keys), lr_mul)
    return generator_content(FORMAT, tensors, LICENCE, arguments.get("conv_clamp"), lr_mul, warnings)


def _discriminator(network: InertObject) -> Content:
    arguments, variables = network.state.get("static_kwargs", {}), _variables(network)
    if classes := arguments.get("label_size"):
        raise WeightError(
            f"its discriminator is conditional on {short_repr(classes)} classes, which is not supported; "
            "pass one without classes"
        )
    resolution = _largest_index(variables, r"(\d{1,4})x\d+/")
    from_rgb = f"{resolution}x{resolution}/FromRGB/weight"
    _check_arguments(arguments, DISCRIMINATOR_ARGUMENTS | _channels_of(variables, from_rgb, axis=2))
    tensors = _our_tensors(variables, discriminator_keys(resolution))
    clamp, group_size = arguments.get("conv_clamp"), arguments.get("mbstd_group_size", 4)
    return discriminator_content(FORMAT, tensors, LICENCE, clamp, group_size)


def generator_keys(resolution: int, depth: int, conditional: bool = False, average: bool = True) -> list[KeyMap]:
    """Every tensor of a generator with `depth` mapping layers; without `average` except the average w."""
    keys = [KeyMap("mapping.w_avg", "dlatent_avg", _identity)] if average else []
    keys += _linear("mapping.embed", "mapping/LabelEmbed") if conditional else []
    keys += [key for i in range(depth) for key in _linear(f"mapping.fc{i}", f"mapping/Dense{i}")]
    keys += [KeyMap("synthesis.b4.const", "synthesis/4x4/Const/const", lambda tensor: tensor[0])]
    for level in range(2, resolution.bit_length()):
        ours, theirs = f"synthesis.b{2**level}", f"synthesis/{2**level}x{2**level}"
        if level == 2:
            keys += _styled_conv_keys(f"{ours}.conv1", f"{theirs}/Conv", noise=0)
        else:
            keys += _styled_conv_keys(
                f"{ours}.conv0", f"{theirs}/Conv0_up", noise=2 * level - 5, convert=_flip_convolution
            )
            keys += _styled_conv_keys(f"{ours}.conv1", f"{theirs}/Conv1", noise=2 * level - 4)
        keys += _modulated_conv_keys(f"{ours}.torgb", f"{theirs}/ToRGB", _permute_convolution)
    return keys


def discriminator_keys(resolution: int) -> list[KeyMap]:
    """Every tensor of a discriminator."""
    top = f"{resolution}x{resolution}"
    keys = _layer(f"b{resolution}.fromrgb", f"{top}/FromRGB", _permute_convolution)
    for level in range(resolution.bit_length() - 1, 2, -1):
        ours, theirs = f"b{2**level}", f"{2**level}x{2**level}"
        keys += _layer(f"{ours}.conv0", f"{theirs}/Conv0", _permute_convolution)
        keys += _layer(f"{ours}.conv1", f"{theirs}/Conv1_down", _permute_convolution)
        keys += [KeyMap(f"{ours}.skip.weight", f"{theirs}/Skip/weight", _permute_convolution)]
    keys += _layer("b4.conv", "4x4/Conv", _permute_convolution)
    return keys + _linear("b4.fc", "4x4/Dense0") + _linear("b4.out", "Output")


def _styled_conv_keys(
    ours: str, theirs: str, noise: int, convert: Callable[[Tensor], Tensor] | None = None
) -> list[KeyMap]:
    return [
        *_modulated_conv_keys(ours, theirs, convert or _permute_convolution),
        KeyMap(f"{ours}.noise_strength", f"{theirs}/noise_strength", _identity),
        KeyMap(f"{ours}.noise_const", f"synthesis/noise{noise}", lambda tensor: tensor[0, 0]),
    ]


def _modulated_conv_keys(ours: str, theirs: str, convert: Callable[[Tensor], Tensor]) -> list[KeyMap]:
    return [
        *_layer(ours, theirs, convert),
        KeyMap(f"{ours}.affine.weight", f"{theirs}/mod_weight", _transpose_matrix),
        KeyMap(f"{ours}.affine.bias", f"{theirs}/mod_bias", lambda tensor: tensor + 1),
    ]


def _linear(ours: str, theirs: str) -> list[KeyMap]:
    return _layer(ours, theirs, _transpose_matrix)


def _layer(ours: str, theirs: str, convert: Callable[[Tensor], Tensor]) -> list[KeyMap]:
    return [KeyMap(f"{ours}.weight", f"{theirs}/weight", convert), KeyMap(f"{ours}.bias", f"{theirs}/bias", _identity)]


def _identity(tensor: Tensor) -> Tensor:
    return tensor


def _transpose_matrix(tensor: Tensor) -> Tensor:  # [in, out] -> [out, in]
    return tensor.T


def _permute_convolution(tensor: Tensor) -> Tensor:  # [H, W, in, out] -> [out, in, H, W]
    return tensor.permute(3, 2, 0, 1)


def _flip_convolution(tensor: Tensor) -> Tensor:
    return _permute_convolution(tensor.flip(0, 1))


def _variables(network: InertObject) -> dict[str, LazyTensor]:
    """The variables of a network; those of a component have its name and a slash in front."""
    if network.state["version"] < MIN_VERSION:
        raise WeightError(
            f"its networks have version {network.state['version']}, older than StyleGAN2; pass a StyleGAN2"
        )
    variables = dict(network.state["variables"])
    for name, component in network.state["components"].items():
        if len(variables) + len(component.state["variables"]) > MAX_VARIABLES:
            raise WeightError(f"a network in it has more than {MAX_VARIABLES} variables; do not trust it")
        variables |= {f"{name}/{key}": value for key, value in component.state["variables"]}
    return variables


def _channels_of(variables: Mapping[str, LazyTensor], name: str, axis: int) -> Values:
    """The argument num_channels that goes with the shape of this variable [H, W, in, out]; 3 where it is missing."""
    shape = tuple(getattr(variables.get(name), "shape", ()))
    return {"num_channels": list(shape[axis : axis + 1]) or [3]}


def _check_arguments(arguments: Mapping[str, Any], needed: Values) -> None:
    for name, value in arguments.items():
        plain = list(value) if isinstance(value, tuple) else value
        if name in needed and plain not in needed[name]:
            expected = " or ".join(map(short_repr, needed[name]))
            raise WeightError(f"its {name} is {short_repr(value)}, where ours is {expected}; pass another StyleGAN2")
        if name not in needed and name not in USED_ARGUMENTS | IGNORED_ARGUMENTS:
            raise WeightError(
                f"it was made with {name}={short_repr(value)}, which is not known here; pass another StyleGAN2"
            )


def _our_tensors(variables: Mapping[str, LazyTensor], keys: list[KeyMap]) -> dict[str, LazyTensor]:
    check_keys([key.theirs for key in keys], variables)
    tensors = named_tensors({key.theirs: variables[key.theirs] for key in keys})
    return {key.ours: ConvertedTensor(tensors[key.theirs], key.convert) for key in keys}


def _largest_index(variables: Mapping[str, LazyTensor], pattern: str) -> int:
    """The largest number that the first group of `pattern` matches in any name."""
    found = [int(match[1]) for match in (re.match(pattern, name) for name in variables) if match]
    if not found:
        raise WeightError(f"none of its variables is named like {pattern}; pass a StyleGAN2 file")
    return max(found)
