"""Random CLIPs of any size, the files that OpenAI writes, and CLIP's forward pass in plain torch."""

import io
import itertools
import math
import pickle
import sys
import types
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Weights = dict[str, Tensor]
HALF = ("in_proj_weight", "in_proj_bias", "visual.proj", "text_projection")


def weights_of(config: Mapping[str, Any], seed: int = 0) -> Weights:
    """Random float32 tensors under OpenAI's names that let every layer matter."""
    source = torch.Generator().manual_seed(seed)
    weights = {name: torch.randn(shape, generator=source) for name, shape in shapes_of(config).items()}
    for name, tensor in weights.items():
        if tensor.ndim > 1:
            tensor /= math.sqrt(tensor[0].numel())
        elif tensor.ndim == 1:
            tensor.mul_(0.2).add_(1.0 if "ln_" in name or "bn" in name or "downsample.1" in name else 0.0)
        if name.endswith("running_var"):
            tensor.abs_().add_(0.5)
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(7)
    return weights


def shapes_of(config: Mapping[str, Any]) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in open_clip.CLIP(**config).state_dict().items()}


def openai_mix(weights: Weights) -> Weights:
    """Half precision where OpenAI's files have it, and their three numbers."""

    def is_half(name: str, tensor: Tensor) -> bool:
        layer = "conv" in name or "_proj" in name or "c_fc" in name or "downsample.0" in name
        return name.endswith(HALF) or (layer and name.endswith((".weight", ".bias")) and tensor.ndim > 0)

    mixed = {name: tensor.half() if is_half(name, tensor) else tensor for name, tensor in weights.items()}
    numbers = {"input_resolution": 32, "context_length": 77, "vocab_size": 49408}
    return mixed | {name: torch.tensor(value) for name, value in numbers.items()}


def write_by_hand(tensors: Weights, path: Path) -> Path:
    """A TorchScript archive with the very records of OpenAI's: a tree of objects of mangled classes."""
    module = types.ModuleType("__torch__.multimodal.___torch_mangle_9591")
    module.Module = type("Module", (), {"__module__": module.__name__})  # type: ignore[attr-defined]
    root = module.Module()
    for name, tensor in tensors.items():
        *steps, leaf = name.split(".")
        node = root
        for step in steps:
            node = node.__dict__.setdefault(step, module.Module())
        node.__dict__ |= {leaf: tensor, "training": True, "_is_full_backward_hook": None}
    names = itertools.accumulate(module.__name__.split("."), "{}.{}".format)
    with zipfile.ZipFile(path, "w") as archive, patch.dict(sys.modules, dict.fromkeys(names, module)):
        pickler = Pickler(archive)
        pickler.dump(root)
        archive.writestr("archive/data.pkl", pickler.file.getvalue())
        archive.writestr("archive/constants.pkl", pickle.dumps((), protocol=2))
        archive.writestr("archive/code/__torch__/multimodal.py", "raise SystemExit")
    return path


class Pickler(pickle.Pickler):
    """Writes every tensor into the archive and refers to it as TorchScript does."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive, self.file, self.count = archive, io.BytesIO(), 0
        super().__init__(self.file, protocol=2)

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Bytes):
            return None
        self.archive.writestr(f"archive/data/{self.count}", value.tensor.numpy().tobytes())
        self.count += 1
        kinds = {torch.half: torch.HalfStorage, torch.float: torch.FloatStorage, torch.long: torch.LongStorage}
        return ("storage", kinds[value.tensor.dtype], str(self.count - 1), "cpu", value.tensor.numel())

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return NotImplemented
        shape, stride = tuple(value.shape), value.stride()
        return torch._utils._rebuild_tensor_v2, (Bytes(value), 0, shape, stride, False, OrderedDict())


class Bytes:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def write_by_torch(tensors: Weights, path: Path) -> Path:
    """The same tree, scripted and saved by torch itself."""
    root = nn.Module()
    for name, tensor in tensors.items():
        *steps, leaf = name.split(".")
        node = root
        for step in steps:
            if not hasattr(node, step):
                node.add_module(step, nn.Module())
            node = getattr(node, step)
        if tensor.is_floating_point():
            node.register_parameter(leaf, nn.Parameter(tensor))
        else:
            node.register_buffer(leaf, tensor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit retires; OpenAI's files stay
        torch.jit.script(root).save(path)
    return path


def write_state_dict(tensors: Weights, path: Path) -> Path:
    torch.save(OrderedDict(tensors), path)
    return path


def quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


class PlainCLIP:
    """Radford et al. 2021 in plain torch, from OpenAI's names: float32, pre-LN blocks, heads of 64."""

    def __init__(self, weights: Weights, gelu: Callable[[Tensor], Tensor]) -> None:
        self.weights, self.gelu = {name: tensor.float() for name, tensor in weights.items()}, gelu

    def image(self, pixels: Tensor) -> Tensor:
        """[N, 3, S, S], normalised -> unit features [N, D]."""
        w = self.weights
        kernel = w["visual.conv1.weight"]
        patches = F.unfold(pixels, kernel.shape[-1], stride=kernel.shape[-1]).mT @ kernel.flatten(1).T
        x = torch.cat([w["visual.class_embedding"].expand(len(pixels), 1, -1), patches], dim=1)
        x = self.norm(x + w["visual.positional_embedding"], "visual.ln_pre")
        x = self.blocks(x, "visual.transformer.resblocks", torch.zeros(x.shape[1], x.shape[1]))
        return F.normalize(self.norm(x[:, 0], "visual.ln_post") @ w["visual.proj"], dim=-1)

    def text(self, tokens: Tensor) -> Tensor:
        """[N, 77] -> unit features [N, D], read at the end of text, which has the largest number."""
        w, length = self.weights, tokens.shape[1]
        x = w["token_embedding.weight"][tokens] + w["positional_embedding"]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        x = self.blocks(x, "transformer.resblocks", torch.zeros(length, length).masked_fill(future, -torch.inf))
        x = self.norm(x, "ln_final")[torch.arange(len(x)), tokens.argmax(dim=1)]
        return F.normalize(x @ w["text_projection"], dim=-1)

    def blocks(self, x: Tensor, prefix: str, mask: Tensor) -> Tensor:
        for i in range(2):
            name = f"{prefix}.{i}"
            x = x + self.attention(self.norm(x, f"{name}.ln_1"), f"{name}.attn", mask)
            hidden = self.gelu(self.linear(self.norm(x, f"{name}.ln_2"), f"{name}.mlp.c_fc"))
            x = x + self.linear(hidden, f"{name}.mlp.c_proj")
        return x

    def attention(self, x: Tensor, name: str, mask: Tensor) -> Tensor:
        n, length, width = x.shape
        stacked = x @ self.weights[f"{name}.in_proj_weight"].T + self.weights[f"{name}.in_proj_bias"]
        query, key, value = (each.reshape(n, length, -1, 64).transpose(1, 2) for each in stacked.split(width, dim=-1))
        mixed = torch.softmax(query @ key.mT / 8 + mask, dim=-1) @ value
        return self.linear(mixed.transpose(1, 2).reshape(n, length, width), f"{name}.out_proj")

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-5)
