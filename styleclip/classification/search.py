"""Rank pictures by how well they fit a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.classification.pictures import Pictures, SeenPictures, see_pictures
from styleclip.classification.texts import check_templates, check_texts
from styleclip.images import png_bytes
from styleclip.networks.clip import CLIP
from styleclip.progress import OnStep, ignore
from styleclip.prompt_lint import warn_prompts
from styleclip.prompts import TEMPLATES, encode_in_templates
from styleclip.sheets import contact_sheet
from styleclip.storage.files import atomic_write, to_json, versions
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

SEARCH_FILES = ("result.json", "search.png")
DECIMALS = 6  # of cosines in a record


@dataclass(frozen=True)
class Ranking:
    """Pictures and how near they are to a text.

    Args:
        pictures: the pictures, in the order in which they were given.
        text: what was searched.
        cosines: [N], of each picture and the mean of the text over the templates.
        templates: those that the text was put into.
        clip: the name of the CLIP.

    Example:
        ranking = search_pictures(styleclip.load_clip(), paths, "a face with red hair")
        [ranking.pictures.names[i] for i in ranking.order[:10]]
    """

    pictures: SeenPictures
    text: str
    cosines: Tensor
    templates: tuple[str, ...]
    clip: str

    @property
    def order(self) -> list[int]:
        """The places of the pictures, the nearest first; equally near ones in the order in which they were given."""
        return self.cosines.argsort(descending=True, stable=True).tolist()

    def best(self, count: int) -> list[tuple[str, float]]:
        """The names of the nearest pictures, with their cosines."""
        return [(self.pictures.names[i], self.cosines[i].item()) for i in self.order[:count]]

    def record(self) -> dict[str, Any]:
        """The content of result.json."""
        ranks = [{"picture": name, "cosine": round(value, DECIMALS)} for name, value in self.best(len(self.cosines))]
        return {
            "command": "score",
            "search": self.text,
            "clip": self.clip,
            "templates": self.templates,
            "pictures": ranks,
            **self.pictures.failed_record(),
            "versions": versions(),
        }

    def save(
        self, folder: Path | str, top: int = 24, overwrite: bool = False, recording: Recording = DEFAULT_RECORDING
    ) -> list[Path]:
        """Write search.png, the nearest `top` pictures, and result.json. Raises OutputError."""
        with ResultFolder(Path(folder), SEARCH_FILES, overwrite) as output:
            chosen = self.order[:top]
            labels = [f"{self.pictures.names[i]}\n{self.cosines[i]:.3f}" for i in chosen]
            sheet = contact_sheet([self.pictures.square_thumbnail(i) for i in chosen], labels, columns=6)
            about = {"command": "score", "search": self.text, "clip": self.clip}
            picture = atomic_write(
                output.place / "search.png", png_bytes(sheet, recording.of_picture(about, "search.png"))
            )
            text = to_json(recording.of_json(self.record(), Path(folder)))
            record = atomic_write(output.place / "result.json", text.encode())
        return [final_path(picture), final_path(record)]


@torch.no_grad()
def search_pictures(
    clip: CLIP,
    pictures: Pictures | SeenPictures,
    text: str,
    templates: Sequence[str] = TEMPLATES,
    on_step: OnStep = ignore,
) -> Ranking:
    """Pictures by their cosine with a text; the arguments are those of `zero_shot`."""
    [text], templates = check_texts([text], least=1), check_templates(templates)
    warn_prompts(clip, [text])
    seen = pictures if isinstance(pictures, SeenPictures) else see_pictures(clip, pictures, on_step)
    cosines = seen.features @ encode_in_templates(clip, [text], templates)[0]
    return Ranking(seen, text, cosines.cpu(), templates, clip.name)
