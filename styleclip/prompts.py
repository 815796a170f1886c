"""Prompts: target and neutral texts, their features, prompt ensembling, and directions between texts in CLIP space."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from open_clip import OPENAI_IMAGENET_TEMPLATES
from torch import Tensor

from styleclip.claims import Claim, read_claims
from styleclip.errors import UsageError
from styleclip.networks.clip import CLIP
from styleclip.runtime.image_by_image import row_products
from styleclip.settings import TextEncoding
from styleclip.text.printable import printable

# StyleCLIP ensembles over the ImageNet templates of CLIP without this one: 79 remain.
TEMPLATES: tuple[str, ...] = tuple(
    text for text in (template("{}") for template in OPENAI_IMAGENET_TEMPLATES) if text != "a photo of many {}."
)

DEFAULT_NEUTRAL = "a face"
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols without a picture
MIN_DIFFERENCE = 1e-4  # of the unit features of two texts that mean something else
MAX_CHARS = 5000  # of a text; CLIP reads 75 tokens


@dataclass(frozen=True)
class Prompt:
    """The text to edit towards and the neutral text, which describes the image before the edit.

    Args:
        target: the text to edit towards.
        neutral: a text, or several, such as the other colours of hair; None where it is not given. Then it is "a face",
            and `claims` knows what a picture may show instead of the target.
        force: edit also where a small CLIP does not know words of the texts, with a PromptWarning; else that raises
            UsageError.

    Example:
        Prompt("a face with red hair", ("a face with black hair", "a face with brown hair"))
    """

    target: str
    neutral: str | tuple[str, ...] | None = None
    force: bool = False

    def __post_init__(self) -> None:
        for text in self.texts:
            check_characters(text)
        if not is_visible(self.target):
            raise UsageError('the prompt is empty; say what the picture shall show, e.g. "a face with red hair"')
        if not self.neutrals or not all(map(is_visible, self.neutrals)):
            raise UsageError('the neutral text is empty; say what the picture shows before, e.g. "a face"')
        for text in self.texts:
            if not has_content(text):
                raise UsageError(f'a text has no words ({text.strip()}); say it in words, e.g. "a face with red hair"')

    @property
    def neutrals(self) -> tuple[str, ...]:
        neutral = self.recorded_neutral
        return (neutral,) if isinstance(neutral, str) else neutral

    @property
    def recorded_neutral(self) -> str | tuple[str, ...]:
        """The neutral text or texts, as records and files hold them."""
        return DEFAULT_NEUTRAL if self.neutral is None else self.neutral

    @property
    def texts(self) -> tuple[str, ...]:
        """The target and the neutral texts."""
        return (self.target, *self.neutrals)

    @property
    def recorded_force(self) -> dict[str, bool]:
        return recorded_force(self.force)

    def claims(self, vocabulary: Collection[str] | None = None) -> tuple[Claim, ...]:
        """What the target asks for, and what a picture may show instead.

        With a given neutral it is one claim, whose alternatives are the neutral texts. `vocabulary` are the words of a
        small CLIP. Raises UsageError where the target contradicts itself.
        """
        if self.neutral is None:
            return read_claims(self.target, vocabulary)
        return (Claim(self.target, None, (self.target,), self.neutrals),)


def recorded_force(force: bool) -> dict[str, bool]:
    """`force` for records and files, which hold it only where it is set."""
    return {"force": True} if force else {}


def is_visible(text: str) -> bool:
    """Whether the text has a letter, digit, sign or symbol that can be seen."""
    return any(unicodedata.category(c)[0] in "LNPS" and c not in BLANKS for c in text)


def has_content(text: str) -> bool:
    """Whether the text has more than punctuation: a letter, digit, emoji or other symbol."""
    return any(unicodedata.category(c)[0] in "LNS" and c not in BLANKS for c in text)


def check_characters(text: str) -> None:
    """Raise UsageError for a text that no CLIP reads: with control characters or what is not UTF-8, or far too long."""
    if len(text) > MAX_CHARS:
        raise UsageError(f"a text has {len(text):,} characters, far more than CLIP reads; shorten it")
    for character in text:
        if character not in "\t\n\r" and unicodedata.category(character) in ("Cc", "Cs"):
            what = "bytes that are not UTF-8" if character >= "\ud800" else "a control character"
            raise UsageError(f"a text has {what} ({printable(character)}); write it again, in plain words")


def encode(clip: CLIP, texts: Sequence[str], encoding: TextEncoding = "prompt") -> Tensor:
    """Unit features [N, D] of texts as they are, or each as the mean over the 79 templates (CLIP, section 3.1.4)."""
    return clip.encode_text(texts) if encoding == "prompt" else encode_in_templates(clip, texts, TEMPLATES)


def encode_in_templates(clip: CLIP, texts: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Unit features [N, D], each the mean of a text over templates with `{}` in its place (CLIP, section 3.1.4)."""
    means = []
    for text in texts:
        sentences = [template.format(text) for template in templates]
        clip.check_lengths(sentences, [text] * len(sentences))
        means.append(clip.encode_text(sentences).mean(dim=0))
    return F.normalize(torch.stack(means), dim=-1)


def delta_t(clip: CLIP, prompt: Prompt, encoding: TextEncoding = "ensemble") -> Tensor:
    """Unit direction [D] in CLIP space from `neutral` to `target` (StyleCLIP, section 6).

    Raises UsageError when the two texts mean the same to CLIP.
    """
    target, *neutrals = encode(clip, prompt.texts, encoding)
    difference = target - F.normalize(torch.stack(neutrals).mean(dim=0), dim=-1)
    if difference.norm() < MIN_DIFFERENCE:
        neutral = " and ".join(map(repr, prompt.neutrals))
        raise UsageError(f"{prompt.target!r} and {neutral} mean the same to CLIP; change one of them")
    return F.normalize(difference, dim=-1)


def text_direction(clip: CLIP, source: str, target: str, features: Literal["unit", "raw"] = "unit") -> Tensor:
    """Unit direction [D] in CLIP space from one text to another over the 79 templates.

    StyleGAN-NADA takes the mean difference of "unit" features, CLIPstyler the difference of the unit means of "raw"
    ones. Raises UsageError where the two texts mean the same to CLIP.
    """
    means = []
    for text in (source, target):
        sentences = [template.format(text) for template in TEMPLATES]
        clip.check_lengths(sentences, [text] * len(sentences))
        if features == "unit":
            means.append(clip.encode_text(sentences).mean(dim=0))
        else:
            means.append(F.normalize(clip.text_features(sentences).mean(dim=0), dim=-1))
    difference = means[1] - means[0]
    if difference.norm() < MIN_DIFFERENCE:
        raise UsageError(f"{target!r} and {source!r} mean the same to CLIP; change one of them")
    return F.normalize(difference, dim=-1)


def zero_shot_probability(clip: CLIP, features: Tensor, prompt: Prompt, encoding: TextEncoding = "ensemble") -> Tensor:
    """The probability of the target against the neutral texts: unit features of images [N, D] -> [N] in 0..1.

    Zero-shot classification (Radford et al. 2021, section 3.1) at the temperature of the CLIP.
    """
    return target_probability(clip, features, encode(clip, prompt.texts, encoding))


def target_probability(clip: CLIP, features: Tensor, texts: Tensor) -> Tensor:
    """`zero_shot_probability` for unit features of texts [T, D], the target first."""
    return row_products(clip.logit_scale * features, texts.T).softmax(dim=-1)[..., 0]
