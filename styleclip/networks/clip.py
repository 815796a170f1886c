"""CLIP (Radford et al. 2021) through open_clip: unit features of images and texts, differentiable in the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleclip.errors import UsageError, WeightError
from styleclip.networks.plain_tower import PlainTower
from styleclip.networks.resize import ResizeCrop, apply_resizes, square_resize
from styleclip.networks.tokenizers import CompactTokenizer, WordTokenizer, byte_pair_tokenizer
from styleclip.runtime.image_by_image import by_image

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer

Preprocess = Literal["correct", "paper"]
Tokenizer = Callable[..., Tensor]  # (texts, context_length=None) -> [N, context]
MAX_NUMBERS = {  # largest accepted numbers in a config; the largest CLIP has 56 layers of width 1792
    "embed_dim": 2**14, "image_size": 2**14, "patch_size": 2**14, "width": 2**14, "layers": 100, "head_width": 2**14,
    "context_length": 2**10, "heads": 2**10, "channels": 2**12,
}  # fmt: skip
SMALL_TOWER = {"image_size": 8, "patch_size": 8, "layers": 1, "width": 64}  # of open_clip, which a PlainTower replaces
MAX_CHARS_PER_TOKEN = 50  # of a text that may fit the context


class CLIP(nn.Module):
    """An open_clip model for images in [-1, 1] of any resolution, with 1 to 4 channels (`images.to_rgb`).

    Images that are not square are centred on a black square.
    `preprocess="correct"` resizes as CLIP was trained (bicubic, antialiased) and applies its mean and std;
    `"paper"` is StyleCLIP's recipe: area average (its nearest x7 and average pool) and no normalisation.
    `vocabulary` lists the words that a small model knows; None for a full vocabulary. `neighbours` are common words
    that mean nothing to it, each with the nearest ones of those that it knows.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: nn.Module,  # an open_clip CLIP
        tokenizer: Tokenizer,
        image_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        name: str,
        preprocess: Preprocess = "correct",
        vocabulary: tuple[str, ...] | None = None,
        neighbours: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.tokenizer, self.name = model, tokenizer, name
        self.image_size, self.preprocess, self.vocabulary = image_size, preprocess, vocabulary
        self.neighbours: Mapping[str, tuple[str, ...]] = neighbours or {}
        # not in the file, so they need numbers even while the weights are on the meta device
        self.register_buffer("mean", torch.tensor(mean, device="cpu").reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, device="cpu").reshape(3, 1, 1), persistent=False)
        self._texts: dict[str, Tensor] = {}

    @property
    def logit_scale(self) -> float:
        """The learned factor from a cosine to a logit: 100 for OpenAI's models."""
        return float(cast(Any, self.model).logit_scale.exp())

    def encode_image(self, image: Tensor) -> Tensor:
        """[N, 1..4, H, W] in [-1, 1] -> unit features [N, D]."""
        return self.encode_pixels(*apply_resizes(image, self.resize_crop(image)))

    def to_mixed_precision(self, dtype: torch.dtype) -> CLIP:
        """Compute both towers in `dtype`; preprocessing and features stay in float32. Returns itself."""
        self.model.to(dtype)
        return self

    def resize_crop(self, image: Tensor) -> ResizeCrop | None:
        """The crop and resize of images of this shape [N, 3, H, W] to CLIP's input; None where that is the image."""
        return square_resize(image, self.image_size, "area" if self.preprocess == "paper" else "bicubic")

    @by_image
    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """Cropped and resized images [N, 3, S, S] in [-1, 1] -> unit features [N, D]."""
        model = cast(Any, self.model)
        features = model.encode_image(self._normalize(pixels).to(model.logit_scale.dtype))
        return F.normalize(features.float(), dim=-1)

    def preprocess_image(self, image: Tensor) -> Tensor:
        """The input of the vision tower: [N, 3, H, W] in [-1, 1] -> [N, 3, S, S]."""
        return self._normalize(*apply_resizes(image, self.resize_crop(image)))

    def _normalize(self, pixels: Tensor) -> Tensor:
        return pixels if self.preprocess == "paper" else (pixels * 0.5 + 0.5 - self.mean) / self.std

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Unit features [N, D] of the texts; features are cached by text.

        Raises UsageError for a text that does not fit the context of the model.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if new:
            self._texts.update(zip(new, F.normalize(self.text_features(new), dim=-1), strict=True))
        return torch.stack([self._texts[text] for text in texts])

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Features [N, D] of the texts as the text tower gives them, of any length."""
        features: Tensor = cast(Any, self.model).encode_text(self._tokens(list(texts)).to(self.mean.device))
        return features.float()

    def _tokens(self, texts: list[str]) -> Tensor:
        self.check_lengths(texts)
        return self.tokenizer(texts)

    def check_lengths(self, texts: Sequence[str], names: Sequence[str] = ()) -> None:
        """Raise UsageError where a text does not fit the context of the model, whatever its tokenizer.

        `names` are what to call the texts in the message, by default by themselves.
        """
        context = self.tokenizer([""]).shape[1]
        most = MAX_CHARS_PER_TOKEN * context  # the time of byte-pair tokens grows with the square of a word
        bounded = [text if len(text) <= most else "a " * context for text in texts]
        longer = self.tokenizer(["", *bounded], context_length=context + 1)
        padding, *last = longer[:, -1].tolist()
        for name, token in zip(names or texts, last, strict=True):
            if token != padding:  # a token beyond the context
                what = f"the text that begins {name[:40]!r}"
                raise UsageError(f"{what} has more than the {context - 2} tokens that CLIP reads; shorten it")


def build_clip(config: dict[str, Any]) -> CLIP:
    """A CLIP of any size from its config, with random weights.

    `config` holds `name` and `model` (open_clip's embed_dim, vision_cfg, text_cfg, quick_gelu); a `vision_cfg` of
    image_size and channels is that of a `PlainTower`. A small model also has `words` (those it knows) and `neighbours`
    (nearest known words of common ones that it does not know), or `tokens` (its byte-pair tokens) and `vocabulary` (its
    words); and `mean` and `std`, by default those of OpenAI. Under `torch.device("meta")` only tensors that are in no
    file are allocated. Raises WeightError for a config of anything but two plain towers of a plausible size.
    """
    from open_clip import CLIP as OpenCLIP
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    check_towers(config["model"])
    context = config["model"]["text_cfg"]["context_length"]
    words = vocabulary_of(config)
    tokenizer = tokenizer_of(config, context)
    text = config["model"]["text_cfg"] | {"vocab_size": tokenizer.vocab_size}
    vision = config["model"]["vision_cfg"]
    plain = "channels" in vision
    model = OpenCLIP(**config["model"] | {"text_cfg": text, "vision_cfg": SMALL_TOWER if plain else vision})
    if plain:
        model.visual = PlainTower(vision["channels"], vision["image_size"], config["model"]["embed_dim"])
    causal = torch.full((context, context), -torch.inf, device="cpu").triu(1)
    model.register_buffer("attn_mask", causal, persistent=False)
    size = vision["image_size"]
    mean, std = config.get("mean", OPENAI_DATASET_MEAN), config.get("std", OPENAI_DATASET_STD)
    if not (all(abs(number) < 10 for number in mean) and all(0 < number < 10 for number in std)):
        raise WeightError("its mean and std are not those of pictures; download it again")
    neighbours = {word: tuple(near) for word, near in config.get("neighbours", {}).items()}
    if not all(word.isprintable() for word in (*(words or ()), *neighbours, *chain(*neighbours.values()))):
        raise WeightError("its vocabulary has control characters; do not trust it")
    return CLIP(model, tokenizer, size, mean, std, config["name"], vocabulary=words, neighbours=neighbours)


def vocabulary_of(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The words that a small model knows; None for a full vocabulary."""
    if "words" in config:
        return tuple(config["words"])
    return tuple(config["vocabulary"]) if "tokens" in config else None


def tokenizer_of(config: Mapping[str, Any], context: int) -> WordTokenizer | CompactTokenizer | SimpleTokenizer:
    """The tokenizer of a config: of words, of some byte-pair tokens, or of all of them."""
    if "words" in config:
        return WordTokenizer(config["words"], context)
    return CompactTokenizer(config["tokens"], context) if "tokens" in config else byte_pair_tokenizer(context)


def check_towers(description: Mapping[str, Any]) -> None:
    """Raise WeightError unless this config describes two plain towers of a plausible size.

    A config may come from an untrusted file, and open_clip downloads models that some keys name, of any size.
    """
    for key, value in description.items():
        if key in ("vision_cfg", "text_cfg"):
            check_towers(value)
        elif key not in ("quick_gelu", *MAX_NUMBERS):
            raise WeightError(f"it describes a CLIP with {key}, which ours do not have; do not trust it")
        elif key in MAX_NUMBERS and value is not None:  # residual networks have no patches
            numbers = value if isinstance(value, list) else [value]
            if not all(isinstance(number, int) and 0 < number <= MAX_NUMBERS[key] for number in numbers):
                raise WeightError(f"it describes a CLIP with {key} {value!s:.40}, which no CLIP has; do not trust it")
