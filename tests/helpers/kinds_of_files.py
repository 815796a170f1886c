"""A writer for every kind of file in the tables of docs/files.md, by the beginning of its row."""

from __future__ import annotations

import gzip
import lzma
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from styleclip.directions.own_files import save_latent_directions
from styleclip.latents import Latent, Space, save_latent
from styleclip.methods.latent_direction import LatentDirection
from styleclip.weights.formats.own_files import save_generator
from tests.helpers.checkpoint_writers import (
    mapper_tensors,
    save_pickle,
    write_nvidia_pickle,
    write_pti,
    write_tf_pickle,
)
from tests.helpers.clip_archives import weights_of, write_state_dict
from tests.helpers.direction_files import (
    CONV_STYLES,
    NUM_WS,
    PARENT,
    RECORDS,
    STYLES,
    W_PLUS,
    D,
    W,
    components,
    cuda,
    ganspace_cache,
    ganspace_edit,
    write_comfy,
)
from tests.helpers.encoder_files import hollow
from tests.helpers.from_tensors import rosinality_checkpoint
from tests.helpers.hostile import call, name, write_pickle
from tests.helpers.nvidia_trees import nvidia_generator
from tests.helpers.predictors import predictor
from tests.helpers.stylegan3_trees import set_buffer, write_stylegan3
from tests.helpers.tiny import clip_config, tiny_generator

CODES = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
ARRAYS = CODES.numpy()
LAYERS = tiny_generator().layout.split(torch.ones(2, tiny_generator().layout.size))
Write = Callable[[Path], object]


def torch_file(content: object) -> Write:
    return lambda path: torch.save(content, path)


def pickled(content: object) -> Write:
    return lambda path: path.write_bytes(pickle.dumps(content))


def text(content: bytes) -> Write:
    return lambda path: path.write_bytes(content)


def npy(content: Any) -> Write:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, content, allow_pickle=True)

    return write


def npz(**arrays: Any) -> Write:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)

    return write


def relevance(rows: int = 6048) -> np.ndarray:
    table = torch.nn.functional.normalize(torch.randn(rows, 16), dim=1)
    table[2] = 0
    return table.numpy()


def arcface(path: Path) -> None:
    tensors = {f"output_layer.{i}.weight": torch.ones(2) for i in (0, 3, 4)}
    torch.save(
        {**tensors, "input_layer.0.weight": torch.ones(64, 3, 3, 3), "body.0.res_layer.0.weight": torch.ones(64)}, path
    )


STYLEGAN3_LAYERS = {
    name: np.ones(width) for name, width in {"input": 4, "L0_36_6": 6, "L1_36_6": 6, "L2_32_3": 6}.items()
}


def curricularface(path: Path) -> None:
    arcface(path)
    torch.save({**torch.load(path, weights_only=True), "body.48.res_layer.0.weight": torch.ones(512)}, path)


STATISTICS = [[layer[0].numpy() for layer in LAYERS.values()]] * 2
NETWORKS: dict[str, Write] = {
    "stylegan2-ada-pytorch": lambda path: write_nvidia_pickle(path, tiny_generator()),
    "stylegan3: `stylegan3-r": lambda path: write_stylegan3(path),
    "PTI": lambda path: write_pti(path, tiny_generator()),
    "NVIDIA for TensorFlow": lambda path: write_tf_pickle(path, tiny_generator()),
    "rosinality": torch_file(rosinality_checkpoint()),
    "a state dict in NVIDIA's names": torch_file({"G": tiny_generator().state_dict()}),
    "styleclip: `generator": lambda path: save_generator(tiny_generator(), path),
    "e4e, pSp": torch_file(hollow()),
    "StyleCLIP: `surprised.pt`": torch_file({"state_dict": mapper_tensors("course_mapping")}),
    "OpenAI": lambda path: write_state_dict(weights_of(clip_config()["model"]), path),
    "TreB1eN": arcface,
    "HuangYG123": curricularface,
    "dlib": lambda path: path.write_bytes(predictor()),
    "torchvision": torch_file({"features.0.weight": torch.ones(64, 3, 11, 11), "features.0.bias": torch.ones(64)}),
    "pytorch-fid": torch_file({"Conv2d_1a_3x3.conv.weight": torch.ones(32, 3, 3, 3), "fc.weight": torch.ones(1008, 8)}),
    "StyleCLIP: `fs3.npy`": npy(relevance()),
    "StyleCLIP: `S_mean_std`": pickled(STATISTICS),
    "stylegan3-editing: `delta_i_c.npy`": npy(relevance(9894)),
    "stylegan3-editing: `s_stats`": pickled([{"theta": 0.0, "x": 0.0, "y": 0.0}, STYLEGAN3_LAYERS, STYLEGAN3_LAYERS]),
    "any other numbers": npy(np.zeros((8, 8, 3), np.uint8)),
}
LATENTS: dict[str, Write] = {
    "styleclip": lambda path: save_latent(Latent(Space.W, CODES[0]), path),
    "StyleCLIP, e4e": torch_file(CODES),
    "StyleGAN2's projector": npz(w=ARRAYS[:1]),
    "rosinality's projector": torch_file({"a.png": {"img": torch.ones(3), "latent": CODES[0], "noise": []}}),
    "JoJoGAN": torch_file({"latent": CODES[0]}),
    "lists of latents": torch_file([*CODES]),
    "HyperStyle": npy({"a.png": ARRAYS[0], "b.png": ARRAYS[1]}),
    "ReStyle": npy({"a.png": [ARRAYS[0], ARRAYS[1]]}),
    "StyleCLIP, StyleSpace": torch_file([*LAYERS.values()]),
    "stylegan3-editing": pickled({name: layer[None] for name, layer in STYLEGAN3_LAYERS.items()}),
}


def style_folder(path: Path) -> None:
    path.mkdir()
    for i, styles in enumerate(CONV_STYLES):
        pickled(styles.numpy())(path / f"style_vect_mean_{i}.pkl")


XL = nvidia_generator(tiny_generator())
XL.kind = "SuperresGenerator"


def another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "")


def cut(path: Path) -> None:
    write_nvidia_pickle(path, tiny_generator())
    path.write_bytes(path.read_bytes()[:2000])


DIRECTIONS: dict[str, Write] = {
    "styleclip": lambda path: save_latent_directions([LatentDirection(Space.W, W)], path),
    "InterFaceGAN": npy(W.double().numpy()),
    "e4e, PTI, StyleGAN-NADA, resefa": torch_file(W),
    "STIT": npy(0.4 * W.double().expand(NUM_WS, D).numpy()),
    "e4e: `pose.pt`": lambda path: cuda(W_PLUS[0], path),
    "TargetCLIP": npy(W_PLUS.numpy()),
    "SFE": npy(W_PLUS.reshape(1, -1).numpy()),
    "SeFa, and others": npy(PARENT.T.numpy()),
    "sets with names": npy({"age": W.numpy(), "smile": 2 * W.numpy(), "made": "2021"}),
    "sets with records": npy(RECORDS),
    "lists": torch_file([W, 2 * W]),
    "e4e, PTI, SFE: `ffhq_pca.pt`": torch_file(components(5, D)),
    "GANSpace: `stylegan2": npz(**ganspace_cache(5, D)),
    "GANSpace: a saved edit": pickled(ganspace_edit(D, (1, 3))),
    "rosinality": torch_file({"ckpt": "stylegan2.pt", "eigvec": PARENT}),
    "ComfyUI-StyleGan": lambda path: write_comfy(W.repeat(2, 1), path),
    "edits in S": torch_file([*STYLES.values()]),
    "StyleGAN-Human": style_folder,
}
REFUSED: dict[str, Write] = {
    "a pickle that names a function": lambda path: write_pickle({"g_ema": call(name("os", "system"), "ls")}, path),
    "a web page": text(b"<!DOCTYPE html>"),
    "a Git LFS pointer": text(b"version https://git-lfs.github.com/spec/v1\n"),
    "gzip": text(gzip.compress(b"weights")),
    "xz, zstd": text(lzma.compress(b"weights")),
    "7z, RAR": text(b"Rar!\x1a\x07"),
    "HDF5": text(b"\x89HDF\r\n"),
    "a folder": lambda path: path.mkdir(),
    "an empty file": text(b""),
    "a file cut off": cut,
    "another zip archive": another_zip,
    "an `.npz` that unpacks to much more": npz(w=np.zeros((100, 18, 512))),
    "texts or dates as an array": npy(np.array(["2020-01-01"])),
    "NaN or infinity": npy(np.full((1, 6, 8), np.nan)),
    "a table of no numbers": npy(np.zeros((0, 6, 8))),
    "StyleGAN-XL": lambda path: save_pickle({"G_ema": XL}, path),
    "a StyleGAN3 with other filters": lambda path: write_stylegan3(
        path, set_buffer("synthesis.L1_36_32.up_filter", torch.ones(12))
    ),
    "a text such as CSV or JSON": text(b"0.5,1\n"),
    "MATLAB": text(b"MATLAB 5.0 MAT-file\0"),
    "an empty zip archive": text(b"PK\5\6" + bytes(18)),
    "heads of LPIPS": torch_file({f"lin{i}.model.1.weight": torch.ones(1, 2, 1, 1) for i in range(5)}),
    "other values": pickled({"a": 1}),
    "anything else": text(b"\xffjunk"),
}
