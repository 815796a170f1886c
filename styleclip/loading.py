"""`styleclip.load`: from names or files to the frozen networks that an editor works with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn

from styleclip.children import Mixer
from styleclip.errors import WeightError
from styleclip.models import Models
from styleclip.networks.clip import CLIP, Preprocess
from styleclip.networks.e4e import Encoder
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.generator import Generator
from styleclip.networks.lpips import PerceptualDistance
from styleclip.networks.transform import Transform, check_transform
from styleclip.runtime.gradients import float32_default
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.catalog import weight
from styleclip.weights.clips import ClipOnUse, clip_label, load_clip
from styleclip.weights.file_state import sha256_of, unchanged_file
from styleclip.weights.load import (
    fingerprint,
    load_adapted,
    load_encoder,
    load_generator,
    load_identity_file,
    load_perceptual,
)
from styleclip.weights.locate import encoder_file, generator_file, model_parts, weight_file
from styleclip.weights.recognition import generator_weight
from styleclip.weights.relevance_files import find_relevance
from styleclip.weights.sample_files import find_samples
from styleclip.weights.urls import input_name, is_url

Network = TypeVar("Network", bound=nn.Module)


@float32_default()
@torch.inference_mode(False)
def load(
    name: str = "demo",
    *,
    generator: str | Path | None = None,
    clip: str | Path | None = None,
    identity: str | None = None,
    label: int | None = None,
    amount: float = 1.0,
    parent_layers: Sequence[int] = (),
    translate: tuple[float, float] | None = None,
    rotate: float | None = None,
    relevance: str | Path | None = None,
    samples: str | Path | None = None,
    statistics: str | Path | None = None,
    encoder: str | Path | None = None,
    clip_preprocess: Preprocess = "correct",
    clip_on_use: bool = False,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    fetch: Fetch = fetch,
) -> Models:
    """Load the models of a catalog entry, or of a generator's name, file or URL, frozen and on `device`.

    Args:
        name: a model of the catalog, e.g. "demo"; or the name, file or URL of a generator.
        generator: the same, in place of `name`.
        clip: what `load_clip` takes: NAME, FILE, URL, ARCHITECTURE/TAG or ARCHITECTURE/FILE.
        identity: name, file or URL of a face recogniser, e.g. arcface, demo or facenet; "none" for none.
        label: the class of a conditional generator.
        amount: of a generator that was adapted, how much of it: weights between those of its parent, 0, and its own, 1.
        parent_layers: rows of W+ whose layers have the parent's weights at every amount (`Adapted.mix`).
        translate: of a StyleGAN3, how far pictures are moved to the right and down, in widths of the image.
        rotate: of a StyleGAN3, by how many degrees they are turned, counter-clockwise.
        relevance: name, file or URL of a relevance table.
        samples: name, file or URL of samples that CLIP saw.
        statistics: an `S_mean_std` for a table without statistics.
        encoder: name, file or URL of an encoder that inverts photos; "none" for no encoder.
        clip_preprocess: "correct", or "paper" for StyleCLIP's resizing.
        clip_on_use: load CLIP when it is first used, for work that needs none: drawing samples, inverting photos.
        dtype: bfloat16 for convolutions and CLIP in half precision.
        fetch: downloads what is not on this disk.

    Parts that are not given are those of the generator, and of an adapted one those of its parent: relevance, samples,
    encoder and what else was made for the parent fit it as well. `translate` and `rotate` move the pictures that
    `Models.render` draws, and nothing else. Raises WeightError for an unknown name, a file that cannot be had or read,
    and a label, an amount or layers that are missing or have no use; UsageError for a StyleGAN2 that is to move
    pictures.
    """
    wanted = str(generator or name)
    transform = None if translate is None and rotate is None else Transform(translate or (0.0, 0.0), rotate or 0.0)
    generator_path = generator_file(wanted, fetch)
    parts = model_parts(wanted)  # of a download, now that its record can be read
    clip_name, identity_name = str(clip or parts["clip"]), identity or parts["identity"]

    with unchanged_file(generator_path):
        adapted = load_adapted(generator_path, label)
        network = None if adapted else load_generator(generator_path, label, amount, parent_layers)
        if transform is not None and (found := adapted or network):
            check_transform(found.config)
        record = {"name": generator_path.name, "sha256": sha256_of(generator_path), "label": label}
    clip_record = {"name": clip_label(clip_name) if clip_on_use else "", "preprocess": clip_preprocess}

    def load_image_text() -> CLIP:
        clip = _freeze(load_clip(clip_name, clip_preprocess, fetch), device)
        if dtype != torch.float32:
            clip.to_mixed_precision(dtype)
        clip_record["name"] = clip.name
        return clip

    image_text = cast(CLIP, ClipOnUse(load_image_text)) if clip_on_use else load_image_text()
    recogniser = load_identity(identity_name, fetch)
    if recogniser is not None:
        _freeze(recogniser, device)

    suitable = parts if clip_name == str(parts["clip"]) else {}
    suitable_samples = suitable.get("samples") if clip_preprocess == "correct" else None
    encoder_name = str(encoder or parts.get("encoder", "none"))
    perceptual = Once(_load_perceptual, device)
    files = {"relevance": relevance, "samples": samples, "statistics": statistics, "encoder": encoder}
    given = {name: input_name(value) for name, value in {"model": wanted, **files}.items() if value is not None}
    shared_record = {
        "load": {**given, **({} if clip is None else {"clip": _clip_input(clip_name)})},
        "clip": clip_record,
        "identity": input_name(identity_name),
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
    }

    def models_of(network: Generator, record: Mapping[str, Any], parent: Models | None = None) -> Models:
        _freeze(network, device)
        if dtype != torch.float32:
            network.to_mixed_precision(dtype)
        known = generator_weight(record["name"], record["sha256"])
        table = network.layout, image_text, record, relevance, suitable.get("relevance"), statistics, fetch, known
        seen = image_text, record, samples, suitable_samples, fetch
        return Models(
            network,
            image_text,
            recogniser,
            parts["defaults"],
            {"generator": record, **shared_record},
            relevance=Once(find_relevance, *table, parent and parent.relevance),
            samples=Once(find_samples, *seen, parent and parent.samples),
            encoder=parent.encoder if parent else Once(_load_encoder, encoder_name, network, device, fetch),
            perceptual=perceptual,
        )

    if adapted is not None:
        return Mixer(adapted, models_of, record).mix(amount, parent_layers).with_transform(transform)
    assert network is not None
    told = {**record, "network": fingerprint(network)}  # of the weights as they are in the file
    return models_of(network, told).with_transform(transform)


def _clip_input(name: str) -> str:
    """The text of a record for a CLIP that was asked for: a file by its name."""
    return input_name(name) if Path(name).is_file() else clip_label(name)


class Once:
    """A call that is made when its value is first asked for, in no mode of torch, and whose value is kept."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __call__(self) -> Any:
        return self._value

    @functools.cached_property
    @float32_default()
    @torch.inference_mode(False)
    def _value(self) -> Any:
        return self.function(*self.arguments)


def load_identity(name: str, fetch: Fetch = fetch) -> FaceRecogniser | None:
    """A face recogniser by name, file or URL; None for "none". Raises WeightError for anything else."""
    if name == "none":
        return None
    is_other = is_url(name) or Path(name).is_file()
    return load_identity_file(weight_file(name, "identity", fetch) if is_other else fetch(weight(name, "identity")))


def _load_encoder(name: str, generator: Generator, device: torch.device | str, fetch: Fetch) -> Encoder | None:
    """The encoder of this name, also of the smaller generator that this one was grown from.

    Raises WeightError where it gives no latents of the generator.
    """
    if name == "none":
        return None
    path = encoder_file(name, fetch)
    with unchanged_file(path):
        encoder, encoder_sha256 = load_encoder(path), sha256_of(path)
    encoder.add_rows(generator)
    gives = [encoder.config.num_ws, encoder.config.w_dim]
    takes = [generator.num_ws, generator.config.w_dim]
    if gives != takes:
        raise WeightError(f"the encoder gives W+ of {gives}, the generator takes {takes}; pass another or `none`")
    encoder.provenance = {"name": path.name, "sha256": encoder_sha256}
    return _freeze(encoder, device)


def _load_perceptual(device: torch.device | str) -> PerceptualDistance | None:
    lpips = load_perceptual()
    return None if lpips is None else _freeze(lpips, device)


def _freeze(network: Network, device: torch.device | str) -> Network:
    return network.eval().requires_grad_(False).to(device)
