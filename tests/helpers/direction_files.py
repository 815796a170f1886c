"""Files of directions with the exact structure of each author, for any generator's shapes."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from styleclip.directions.importing import import_directions
from styleclip.errors import WeightWarning
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.networks.stylegan2 import StyleGAN2Config
from tests.helpers.tiny import tiny_generator

D = 64  # of w
CONFIG = StyleGAN2Config(D, D, (D, D), {4: 6, 8: 5, 16: 4})
LAYOUT = tiny_generator(CONFIG).layout
NUM_WS, C = LAYOUT.num_ws, LAYOUT.size
CONVOLUTIONS = ~LAYOUT.torgb_mask()


def read(path: Path, models: Models, **options: Any) -> tuple[list[LatentDirection], list[str]]:
    """The directions in a file, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", WeightWarning)
        directions = import_directions(path, models, **options)
    return directions, [str(warning.message) for warning in caught]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def unit(*shape: int, seed: int = 0) -> Tensor:
    """Rows of length 1."""
    return torch.nn.functional.normalize(normal(*shape, seed=seed).double(), dim=-1).float()


def orthonormal(width: int) -> Tensor:
    """[width, width], as `torch.svd(W).V`."""
    return torch.linalg.svd(normal(3 * width, width), full_matrices=False).Vh.T.contiguous()


def components(count: int, width: int, mean: Tensor | None = None) -> dict[str, Tensor]:
    """e4e's ffhq_pca.pt."""
    comp = orthonormal(width).T[:count, None].clone()
    mean = normal(1, width, seed=1) if mean is None else mean
    return {"mean": mean.reshape(1, width), "comp": comp, "std": torch.linspace(3, 0.5, count)}


def ganspace_cache(count: int, width: int, use_w: bool = True) -> dict[str, np.ndarray]:
    """The arrays of an npz of GANSpace's decomposition.py."""
    table = {name: value.numpy() for name, value in components(count, width).items()}
    stdev = table["std"] if use_w else np.ones_like(table["std"])
    return {
        "act_comp": table["comp"],
        "act_mean": table["mean"],
        "act_stdev": table["std"],
        "lat_comp": table["comp"],
        "lat_mean": table["mean"],
        "lat_stdev": stdev,
        "var_ratio": table["std"] / table["std"].sum(),
        "random_stdevs": table["std"],
    }


def ganspace_edit(width: int, layers: tuple[int, int], sigma: float = -4.0, **changed: Any) -> dict[str, Any]:
    """What GANSpace's interactive.py pickles; `layers` are the first and the last that move."""
    comp = unit(1, width).numpy()
    return {
        "name": "eye openness",
        "sigma_range": np.float64(sigma),
        "component_index": 54,
        "act_comp": comp,
        "lat_comp": comp,
        "latent_space": "W",
        "act_stdev": 0.7,
        "lat_stdev": 0.25,
        "model_name": "StyleGAN2",
        "output_class": "ffhq",
        "decomposition": {"name": "ipca", "components": 80, "samples": 1_000_000, "layer": "style", "class_name": None},
        "edit_type": "latent",
        "truncation": 0.9,
        "edit_start": layers[0],
        "edit_end": layers[1] + 1,
        "example_seed": 1866827965,
        **changed,
    }


def write_pickle_of(value: Any, path: Path, protocol: int = 3) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def write_comfy(tensors: Tensor, path: Path, method: str | None = "sefa") -> Path:
    """ComfyUI-StyleGan's discover_directions.py; without `method`, tensors alone."""
    names = [f"component_{i:02d}" for i in range(len(tensors))]
    order = {"method": method, "w_dim": str(tensors.shape[1]), "component_order": json.dumps(names[::-1])}
    save_file(dict(zip(names, tensors, strict=True)), path, order if method else None)
    return path


def cuda_tagged(path: Path) -> Path:
    """A file of torch < 1.6 whose tensors lie on cuda:0, as their author's machine had them."""
    content = path.read_bytes()
    path.write_bytes(content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    return path


def npy(content: Any, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, content, allow_pickle=True)


def npz(content: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, **content)


def legacy(content: Any, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def cuda(content: Any, path: Path) -> None:
    legacy(content, path)
    before = path.read_bytes()
    assert cuda_tagged(path).read_bytes() != before


W, W_PLUS, S = unit(1, D), normal(1, NUM_WS, D), normal(1, C)
SCALED = W_PLUS * torch.linspace(0.4, 3.4, NUM_WS)[None, :, None]  # lengths of rows as those of TargetCLIP
EQUAL = normal(1, D).expand(NUM_WS, D)
STYLES = LAYOUT.split(S)
CONV_STYLES = [STYLES[entry.name] for entry in LAYOUT.entries if not entry.is_torgb]
AXES = [each[:, None, :, None, None].numpy() for each in CONV_STYLES]
WITHOUT_TORGB = torch.where(CONVOLUTIONS, S, 0.0)
PARENT = orthonormal(D)

COMPONENTS = components(5, D)
STEPS = COMPONENTS["comp"][:, 0] * COMPONENTS["std"][:, None]
PAIR = torch.cat([W, W + 1])
RECORDS = {"age": {"direction": W.numpy(), "range": [-3, 3]}, "smile": {"direction": W.numpy() + 1}}
TABLES = {"age": PARENT[:2].numpy(), "smile": PARENT[2:3].numpy(), "names": np.array(["a", "b"]), "k": np.array(3.0)}
LISTED = [{"name": "age", "direction": W}, {"name": "smile", "direction": W + 1}]
