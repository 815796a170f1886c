"""Published files of CLIP: OpenAI's archives and state dicts, and the files of open_clip.

Both use the same names. Files with the scalars `input_resolution`, `context_length` and `vocab_size` are OpenAI's, with
QuickGELU and 64 channels per head. Other files lack the activation and the number of heads, so the caller has to name
the architecture.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from styleclip.errors import WeightError
from styleclip.weights.formats.configs import clip_content
from styleclip.weights.formats.content import Content, FileTree, attempt
from styleclip.weights.safe_pickle.globals import InertObject
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, LazyTensor, named_tensors

SCALAR_KEYS = ("input_resolution", "context_length", "vocab_size")
TOWER_KEYS = {"visual.conv1.weight", "text_projection", "token_embedding.weight"}
MAX_NAME_CHARS = 1000  # of a dotted name
HEAD_CHANNELS = 64  # of one attention head
LICENCE = "code MIT; OpenAI's model card puts deployed use out of scope"

Tensors = Mapping[str, LazyTensor]


def contents(tree: FileTree) -> list[Content]:
    """OpenAI's TorchScript archives and state dicts, and open_clip's safetensors, state dicts and training files.

    The config of OpenAI's files is that of `networks.clip.build_clip`. open_clip's have none; where both towers are
    those of Radford et al. 2021, `about` has `shape`, the numbers that follow from the shapes.
    """
    tensors = _tensors(tree)
    if "logit_scale" not in tensors or not any(name.startswith("visual.") for name in tensors):
        return []
    weights = {name: tensor for name, tensor in tensors.items() if name not in SCALAR_KEYS}
    if tensors.keys() >= {*TOWER_KEYS, *SCALAR_KEYS}:
        return [attempt("clip", "OpenAI CLIP", LICENCE, lambda: _openai(weights))]
    return [attempt("clip", "open_clip", "", lambda: _open_clip(weights))]


def _openai(weights: Tensors) -> Content:
    return clip_content("OpenAI CLIP", _our_names(weights), _config(_shape(weights)), licence=LICENCE)


def _open_clip(weights: Tensors) -> Content:
    shape = _shape(weights) if weights.keys() >= TOWER_KEYS else None
    return clip_content("open_clip", _our_names(weights), None, shape)


def _tensors(tree: FileTree) -> Tensors:
    """The named tensors of a pickled module, of a state dict, or of one under `state_dict`, without `module.`."""
    if isinstance(tree.value, InertObject):
        return _attributes(tree.value)
    table = tree.table("state_dict") or tree.table()
    return {str(name).removeprefix("module."): value for name, value in table.items()}


def _attributes(root: InertObject) -> dict[str, LazyTensor]:
    """Every tensor in a tree of objects by its dotted name; each object is visited once, so cycles end.

    Raises WeightError for a name that is too long, as in a tree of a million objects that each hold the next.
    """
    found: dict[str, LazyTensor] = {}
    waiting, seen = [("", root)], {id(root)}
    while waiting:
        prefix, record = waiting.pop()
        if len(prefix) > MAX_NAME_CHARS:
            raise WeightError(f"a tensor in it has a name of more than {MAX_NAME_CHARS} characters; do not trust it")
        for name, value in record.state.items():
            if isinstance(value, LazyTensor):
                found[f"{prefix}{name}"] = value
            elif isinstance(value, InertObject) and id(value) not in seen:
                seen.add(id(value))
                waiting.append((f"{prefix}{name}.", value))
    return found


def _our_names(weights: Tensors) -> dict[str, AnyTensor]:
    tensors: dict[str, AnyTensor] = {**named_tensors(weights)}
    for name in weights:
        if name.endswith("running_var"):  # a counter of batch norm without effect, absent from some files
            tensors.setdefault(name.replace("running_var", "num_batches_tracked"), torch.tensor(0))
    return {f"model.{name}": tensor for name, tensor in tensors.items()}


def _config(shape: dict[str, Any]) -> dict[str, Any]:
    """The config of `build_clip` for a model by OpenAI."""
    vision, text = shape["vision_cfg"], shape["text_cfg"]
    tower = f"ViT/{vision['patch_size']}" if vision["patch_size"] else "ResNet"
    model = {**shape, "text_cfg": text | {"heads": text["width"] // HEAD_CHANNELS}, "quick_gelu": True}
    model["vision_cfg"] = vision | {"head_width": HEAD_CHANNELS}
    return {"name": f"OpenAI {tower} of width {vision['width']}, {vision['image_size']} px", "model": model}


def _shape(tensors: Tensors) -> dict[str, Any]:
    """The numbers that follow from the shapes, by open_clip's keys: `embed_dim`, `vision_cfg` and `text_cfg`."""
    context, width = _tensor_shape(tensors, "positional_embedding")
    text = {"context_length": context, "width": width, "layers": _count(tensors, r"transformer\.resblocks\.(\d+)\.")}
    vision = _vision_transformer(tensors) if "visual.class_embedding" in tensors else _resnet(tensors)
    return {"embed_dim": _tensor_shape(tensors, "text_projection")[1], "vision_cfg": vision, "text_cfg": text}


def _vision_transformer(tensors: Tensors) -> dict[str, Any]:
    width, _, patch, _ = _tensor_shape(tensors, "visual.conv1.weight")
    grid = math.isqrt(_tensor_shape(tensors, "visual.positional_embedding")[0] - 1)  # without the class token
    layers = _count(tensors, r"visual\.transformer\.resblocks\.(\d+)\.")
    return {"image_size": patch * grid, "patch_size": patch, "width": width, "layers": layers}


def _resnet(tensors: Tensors) -> dict[str, Any]:
    grid = math.isqrt(_tensor_shape(tensors, "visual.attnpool.positional_embedding")[0] - 1)  # without the mean
    layers = [_count(tensors, rf"visual\.layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4)]
    width = _tensor_shape(tensors, "visual.layer1.0.conv1.weight")[0]
    return {"image_size": 32 * grid, "patch_size": None, "width": width, "layers": layers}


def _tensor_shape(tensors: Tensors, name: str) -> Sequence[int]:
    if name not in tensors:
        raise WeightError(f"the tensor {name} is missing; pass a complete file")
    return tensors[name].shape


def _count(tensors: Tensors, pattern: str) -> int:
    return len({match[1] for match in (re.match(pattern, name) for name in tensors) if match})
