"""Zero-shot classification of pictures by texts (Radford et al. 2021, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from styleclip.classification.bars import MAX_BARS, MAX_ROWS, Bars, bar_sheet
from styleclip.classification.pictures import Pictures, SeenPictures, see_pictures
from styleclip.classification.texts import check_templates, check_texts
from styleclip.images import png_bytes
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore
from styleclip.prompt_lint import warn_prompts
from styleclip.prompts import TEMPLATES, encode_in_templates
from styleclip.storage.files import atomic_write, to_json, versions
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

SCORE_FILES = ("result.json", "scores.png")
DECIMALS = 6  # of probabilities and cosines in a record


@dataclass(frozen=True)
class Scores:
    """The probabilities of texts for pictures.

    Args:
        pictures: the pictures.
        texts: the texts, in their order.
        cosines: [N, T], of the picture and the mean of the text over the templates.
        probabilities: [N, T], a row sums to 1: the softmax of the cosines times the logit scale of the CLIP.
        templates: those that the texts were put into.
        clip: the name of the CLIP.

    Example:
        scores = styleclip.zero_shot(styleclip.load_clip(), ["a.png", "b.png"], ["glasses", "a hat", "a beard"])
        scores.predictions, scores.probabilities
    """

    pictures: SeenPictures
    texts: tuple[str, ...]
    cosines: Tensor
    probabilities: Tensor
    templates: tuple[str, ...]
    clip: str

    @property
    def predictions(self) -> list[str]:
        """The most probable text of each picture."""
        return [self.texts[i] for i in self.probabilities.argmax(dim=1).tolist()]

    def best(self, row: int, count: int) -> list[tuple[str, float]]:
        """The most probable texts of a picture, with their probabilities."""
        values, places = self.probabilities[row].topk(min(count, len(self.texts)))
        return [(self.texts[i], value) for i, value in zip(places.tolist(), values.tolist(), strict=True)]

    def record(self) -> dict[str, Any]:
        """The content of result.json."""
        rows = zip(
            self.pictures.names, self.predictions, self.probabilities.tolist(), self.cosines.tolist(), strict=True
        )
        pictures = [
            {"picture": name, "prediction": text, "probabilities": self._named(p), "cosines": self._named(cosines)}
            for name, text, p, cosines in rows
        ]
        return {
            "command": "score",
            "clip": self.clip,
            "texts": self.texts,
            "templates": self.templates,
            "pictures": pictures,
            **self.pictures.failed_record(),
            "versions": versions(),
        }

    def save(self, folder: Path | str, overwrite: bool = False, recording: Recording = DEFAULT_RECORDING) -> list[Path]:
        """Write scores.png and result.json. Raises OutputError for a folder with earlier ones unless `overwrite`."""
        with ResultFolder(Path(folder), SCORE_FILES, overwrite) as output:
            about = {"command": "score", "clip": self.clip, "texts": self.texts[:MAX_BARS]}
            png = png_bytes(self.sheet(), recording.of_picture(about, "scores.png"))
            picture = atomic_write(output.place / "scores.png", png)
            text = to_json(recording.of_json(self.record(), Path(folder)))
            record = atomic_write(output.place / "result.json", text.encode())
        return [final_path(picture), final_path(record)]

    def sheet(self, title: str = "") -> Image.Image:
        """The bars of the first MAX_ROWS pictures."""
        return bar_sheet([self._bars(row) for row in range(min(len(self.pictures), MAX_ROWS))], title)

    def _bars(self, row: int) -> Bars:
        return Bars(self.pictures.thumbnail(row), self.pictures.names[row], self.best(row, MAX_BARS))

    def _named(self, values: Sequence[float]) -> dict[str, float]:
        return {text: round(value, DECIMALS) for text, value in zip(self.texts, values, strict=True)}


@torch.no_grad()
def zero_shot(
    clip: CLIP,
    pictures: Pictures | SeenPictures,
    texts: Sequence[str],
    templates: Sequence[str] = TEMPLATES,
    on_step: OnStep = ignore,
) -> Scores:
    """The probability of each text for each picture: softmax(logit_scale * cosine), texts averaged over templates.

    Args:
        clip: a CLIP of `styleclip.load_clip` or `styleclip.load`.
        pictures: files, pictures of Pillow, arrays, one or several, a tensor [N, C, H, W] in [-1, 1], or features.
        texts: two or more, which exclude one another.
        templates: sentences with `{}` in the place of the text; ("{}",) takes the texts as they are.
        on_step: a step is a picture.

    Issues a PromptWarning for words that the CLIP does not know. Raises UsageError for fewer than two texts, an empty
    one, one given twice and a template without `{}`; PhotoError for a file that is no picture.
    """
    texts, templates = check_texts(texts), check_templates(templates)
    warn_prompts(clip, texts)
    seen = pictures if isinstance(pictures, SeenPictures) else see_pictures(clip, pictures, on_step)
    cosines = seen.features @ encode_in_templates(clip, texts, templates).T
    probabilities = (clip.logit_scale * cosines).softmax(dim=-1)
    return Scores(seen, texts, cosines.cpu(), probabilities.cpu(), templates, clip.name)
