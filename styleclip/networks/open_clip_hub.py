"""Build CLIP through open_clip by `architecture/tag`, e.g. `ViT-B-32/openai`; the tag names published weights.

open_clip downloads nothing here: `weights.clips` fetches the weights. Tokenizers and text towers of Hugging Face are
taken from its cache alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch

from styleclip.errors import WeightError
from styleclip.networks.clip import CLIP, Tokenizer


def pretrained_config(name: str) -> dict[str, Any]:
    """open_clip's record of the published weights `architecture/tag`: url, hf_hub, mean, std, quick_gelu.

    Raises WeightError for a name that open_clip does not know, and for an architecture alone.
    """
    architecture, published = _resolve_name(name)
    if name == architecture:
        raise WeightError(f"{name} is an architecture; say whose weights: {name}/TAG, or {name}/PATH for a file")
    return published[0]


def open_clip_architecture(name: str, quick_gelu: bool = False) -> CLIP:
    """The CLIP of an `architecture` or `architecture/tag`, with random weights, to be loaded from a file.

    Mean and std are those of the weights published under the tag, or under every tag of the architecture. Raises
    WeightError for a name that open_clip does not know, and for an architecture whose tags differ in them.
    """
    architecture, published = _resolve_name(name)
    statistics = {(tuple(each["mean"]), tuple(each["std"])) for each in published}
    if len(statistics) > 1:
        raise WeightError(
            f"the published weights of {architecture} have different mean and std; name the tag of this file, "
            f"{architecture}/TAG/PATH, where TAG is one of {_tags(architecture)}"
        )
    preprocess_cfg = dict(zip(("mean", "std"), *statistics, strict=True)) if statistics else {}
    with _mute_logging():  # open_clip warns that the weights are random
        return _create_clip(name, quick_gelu, pretrained_text=False, force_preprocess_cfg=preprocess_cfg)


def is_architecture(name: str) -> bool:
    """Whether open_clip knows an architecture of this name."""
    import open_clip

    return name in open_clip.list_models()


def architectures_like(shape: Mapping[str, Any]) -> list[str]:
    """The architectures of open_clip with this `embed_dim` and these numbers in `vision_cfg` and `text_cfg`."""
    import open_clip

    def matches(config: Mapping[str, Any]) -> bool:
        towers = all(shape[tower].items() <= config[tower].items() for tower in ("vision_cfg", "text_cfg"))
        return towers and bool(shape["embed_dim"] == config["embed_dim"])

    return [name for name in open_clip.list_models() if matches(open_clip.get_model_config(name))]


def _resolve_name(name: str) -> tuple[str, list[dict[str, Any]]]:
    """The architecture, and open_clip's configs of the weights of the tag, or of all tags if none is given."""
    import open_clip

    architecture, _, tag = name.partition("/")
    if not is_architecture(architecture):
        raise WeightError(f"{name!r} is neither a file nor an open_clip model such as ViT-B-32-quickgelu/openai")
    if tag and not open_clip.get_pretrained_cfg(architecture, tag):
        known = _tags(architecture) or "none"
        raise WeightError(f"{tag!r} is neither a file nor a tag of {architecture}, whose tags are {known}")
    tags = [tag] if tag else open_clip.list_pretrained_tags_by_model(architecture)
    return architecture, [open_clip.get_pretrained_cfg(architecture, each) for each in tags]


def _tags(architecture: str) -> str:
    import open_clip

    return ", ".join(open_clip.list_pretrained_tags_by_model(architecture))


def _create_clip(name: str, quick_gelu: bool = False, **options: Any) -> CLIP:
    import open_clip

    architecture, _, tag = name.partition("/")
    quick_gelu = quick_gelu or open_clip.get_pretrained_cfg(architecture, tag).get("quick_gelu", False)
    try:
        with torch.random.fork_rng(devices=[]), _hugging_face_offline():
            model = open_clip.create_model(architecture, force_quick_gelu=quick_gelu, **options)
            tokenizer = cast(Tokenizer, open_clip.get_tokenizer(architecture))
    except Exception as error:
        reason, remedy = " ".join(str(error).split())[:200], "check the name"
        if repositories := _hugging_face_parts(architecture):
            remedy = f"fetch its parts by `hf download {repositories[0]}`, after `pip install transformers`"
        raise WeightError(f"open_clip cannot build {name} ({reason}); {remedy}") from error
    size = model.visual.image_size
    side = size if isinstance(size, int) else size[0]
    preprocess_cfg = open_clip.get_model_preprocess_cfg(model)
    return CLIP(model, tokenizer, side, preprocess_cfg["mean"], preprocess_cfg["std"], name)


def _hugging_face_parts(architecture: str) -> list[str]:
    """The repositories of Hugging Face with the tokenizer and the text tower of an architecture."""
    import open_clip

    text = open_clip.get_model_config(architecture)["text_cfg"]
    return [text[key] for key in ("hf_tokenizer_name", "hf_model_name") if text.get(key)]


@contextmanager
def _hugging_face_offline() -> Iterator[None]:
    """Keep the libraries of Hugging Face from the network; what is in their cache they still find."""
    from huggingface_hub import constants

    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    constant, variables = constants.HF_HUB_OFFLINE, {name: os.environ.get(name) for name in names}
    constants.HF_HUB_OFFLINE = True
    os.environ.update(dict.fromkeys(names, "1"))  # read where they are first imported
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = constant
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _mute_logging() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
