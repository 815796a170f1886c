"""CLIP as others publish it: OpenAI's archives and state dicts, and the files of open_clip.

Both use the same names. OpenAI's carry three numbers that are no weights (`input_resolution`, `context_length`,
`vocab_size`), and whatever has them is OpenAI's: QuickGELU, heads of 64. In any other file nothing tells the activation
or the heads, so the architecture has to be named.
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

NUMBERS = ("input_resolution", "context_length", "vocab_size")
TOWERS = {"visual.conv1.weight", "text_projection", "token_embedding.weight"}
LONGEST = 1000  # characters of a name
HEAD = 64  # channels of one attention head
LICENCE = "code MIT; OpenAI's model card puts deployed use out of scope"

Tensors = Mapping[str, LazyTensor]


def contents(tree: FileTree) -> list[Content]:
    """OpenAI's TorchScript archives and state dicts, and open_clip's safetensors, state dicts and training files.

    The config of OpenAI's is that of `networks.clip.build_clip`. open_clip's have none, but where both towers are those
    of Radford et al. 2021 `about` has `shape`, what the shapes tell.
    """
    tensors = _tensors(tree)
    if "logit_scale" not in tensors or not any(name.startswith("visual.") for name in tensors):
        return []
    weights = {name: tensor for name, tensor in tensors.items() if name not in NUMBERS}
    if tensors.keys() >= {*TOWERS, *NUMBERS}:
        return [attempt("clip", "OpenAI CLIP", LICENCE, lambda: _openai(weights))]
    return [attempt("clip", "open_clip", "", lambda: _open_clip(weights))]


def _openai(weights: Tensors) -> Content:
    return clip_content("OpenAI CLIP", _our_names(weights), _config(_shape(weights)), licence=LICENCE)


def _open_clip(weights: Tensors) -> Content:
    shape = _shape(weights) if weights.keys() >= TOWERS else None
    return clip_content("open_clip", _our_names(weights), None, shape)


def _tensors(tree: FileTree) -> Tensors:
    """The named tensors of a module's record, of a state dict, or of one under `state_dict`, as DataParallel's too."""
    if isinstance(tree.value, InertObject):
        return _attributes(tree.value)
    table = tree.table("state_dict") or tree.table()
    return {str(name).removeprefix("module."): value for name, value in table.items()}


def _attributes(root: InertObject) -> dict[str, LazyTensor]:
    """Every tensor in a tree of objects by its dotted name; each object is looked at once, so this ends.

    Raises WeightError for a name that is too long, as in a tree of a million objects that each hold the next.
    """
    found: dict[str, LazyTensor] = {}
    waiting, seen = [("", root)], {id(root)}
    while waiting:
        prefix, record = waiting.pop()
        if len(prefix) > LONGEST:
            raise WeightError("a tensor in it has a name of many pages; do not trust it")
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
        if name.endswith("running_var"):  # batch norm counts its batches; nothing depends on it and some files lack it
            tensors.setdefault(name.replace("running_var", "num_batches_tracked"), torch.tensor(0))
    return {f"model.{name}": tensor for name, tensor in tensors.items()}


def _config(shape: dict[str, Any]) -> dict[str, Any]:
    """What `build_clip` needs to know of a model by OpenAI."""
    vision, text = shape["vision_cfg"], shape["text_cfg"]
    tower = f"ViT/{vision['patch_size']}" if vision["patch_size"] else "ResNet"
    model = {**shape, "text_cfg": text | {"heads": text["width"] // HEAD}, "quick_gelu": True}
    model["vision_cfg"] = vision | {"head_width": HEAD}
    return {"name": f"OpenAI {tower} of width {vision['width']}, {vision['image_size']} px", "model": model}


def _shape(tensors: Tensors) -> dict[str, Any]:
    """What the shapes tell, in open_clip's words: `embed_dim`, `vision_cfg` and `text_cfg`."""
    context, width = _size(tensors, "positional_embedding")
    text = {"context_length": context, "width": width, "layers": _count(tensors, r"transformer\.resblocks\.(\d+)\.")}
    vision = _vision_transformer(tensors) if "visual.class_embedding" in tensors else _resnet(tensors)
    return {"embed_dim": _size(tensors, "text_projection")[1], "vision_cfg": vision, "text_cfg": text}


def _vision_transformer(tensors: Tensors) -> dict[str, Any]:
    width, _, patch, _ = _size(tensors, "visual.conv1.weight")
    grid = math.isqrt(_size(tensors, "visual.positional_embedding")[0] - 1)  # one position is the class token's
    layers = _count(tensors, r"visual\.transformer\.resblocks\.(\d+)\.")
    return {"image_size": patch * grid, "patch_size": patch, "width": width, "layers": layers}


def _resnet(tensors: Tensors) -> dict[str, Any]:
    grid = math.isqrt(_size(tensors, "visual.attnpool.positional_embedding")[0] - 1)  # one position is the mean's
    layers = [_count(tensors, rf"visual\.layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4)]
    width = _size(tensors, "visual.layer1.0.conv1.weight")[0]
    return {"image_size": 32 * grid, "patch_size": None, "width": width, "layers": layers}


def _size(tensors: Tensors, name: str) -> Sequence[int]:
    if name not in tensors:
        raise WeightError(f"the tensor {name} is missing; pass a complete file")
    return tensors[name].shape


def _count(tensors: Tensors, pattern: str) -> int:
    return len({match[1] for match in (re.match(pattern, name) for name in tensors) if match})
