"""The editing protocol of StyleFeatureEditor (Bobkov et al. 2024) on CelebA-HQ.

The pictures without an attribute are edited so that they have it, and the edits are compared with the originals that
have it, by FID (`scripts/fid_calculation.py` of that project, commit 00996c3). Where an edit removes the attribute, the
two change places. Every picture is brought to 1024 px first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from styleclip.alignment.photos import read_photo
from styleclip.errors import UsageError
from styleclip.evaluate.image_sets.extractors import Extractor, ImageSet
from styleclip.evaluate.protocols.celeba_hq import Annotation, numbered_pictures
from styleclip.images import from_pil
from styleclip.progress import OnStep, Step, ignore
from styleclip.storage.files import atomic_write, to_json, versions
from styleclip.storage.recording import DEFAULT_RECORDING, Recording
from styleclip.storage.result_folder import ResultFolder
from styleclip.storage.temporaries import final_path

NAME = "sfe"
SOURCE = "StyleFeatureEditor (Bobkov et al. 2024), scripts/fid_calculation.py, transform face_1024"
SIDE_PX = 1024
SEED = 777
REPORT_FILES = ("report.json",)


@dataclass(frozen=True)
class Split:
    """The pictures that an edit is measured by, by their numbers.

    Args:
        attribute: of CelebA-HQ.
        reversed_: whether the edit removes the attribute.
        real: the originals that show what the edits shall show.
        to_edit: the originals that are edited.
    """

    attribute: str
    reversed_: bool
    real: Mapping[int, Path]
    to_edit: Mapping[int, Path]

    @staticmethod
    def of(folder: Path, annotation: Annotation, attribute: str, reversed_: bool = False) -> Split:
        """The pictures of a folder of CelebA-HQ; raises UsageError where none is on one of both sides."""
        shown, lacking = annotation.split(numbered_pictures(folder), attribute)
        real, to_edit = (lacking, shown) if reversed_ else (shown, lacking)
        for side, has in ((shown, "has"), (lacking, "lacks")):
            if not side:
                raise UsageError(f"no picture of {folder} {has} {attribute}; pass the whole of CelebA-HQ")
        return Split(attribute, reversed_, real, to_edit)

    def edits(self, folder: Path) -> dict[int, Path]:
        """The edits in a folder, under the numbers of their originals; raises UsageError where there are none."""
        found = {number: path for number, path in numbered_pictures(folder).items() if number in self.to_edit}
        if not found:
            raise UsageError(f"{folder} has no edit of a picture to edit, such as {min(self.to_edit)}.png; pass edits")
        return found


@dataclass(frozen=True)
class SfeReport:
    """What the protocol gives.

    Args:
        split: the pictures.
        edits: the number of edited pictures, of which every one was measured.
        distances: by name, e.g. "fid".
        judges: name of a distance -> network.
        edited_by: how the edits were made; {} where they were given.
    """

    split: Split
    edits: Sequence[int]
    distances: Mapping[str, float]
    judges: Mapping[str, str]
    edited_by: Mapping[str, Any] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of originals among originals and edits, the "percent" of the published script."""
        return len(self.split.real) / (len(self.split.real) + len(self.edits))

    def table(self) -> str:
        """Markdown, with a note on what is missing."""
        names = [*self.distances]
        attribute = f"no {self.split.attribute}" if self.split.reversed_ else self.split.attribute
        cells = [attribute, str(len(self.split.real)), str(len(self.edits)), f"{100 * self.share:.2f} %"]
        rows = [["attribute", "originals", "edits", "share", *names], ["---"] * (4 + len(names))]
        rows.append([*cells, *(f"{self.distances[name]:.4f}" for name in names)])
        lines = [f"| {' | '.join(row)} |" for row in rows]
        if "fid" not in self.distances:
            lines.append("FID needs Inception: run `styleclip models pull fid-inception`.")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The content of report.json."""
        return {
            "measure": "protocol",
            "protocol": {"name": NAME, "source": SOURCE, "side_px": SIDE_PX, "seed": SEED},
            "attribute": self.split.attribute,
            "reversed": self.split.reversed_,
            "originals": [*self.split.real],
            "edits": list(self.edits),
            "share": self.share,
            "distances": dict(self.distances),
            "judges": dict(self.judges),
            "edited_by": dict(self.edited_by),
            "versions": versions(),
        }

    def save(self, folder: Path, overwrite: bool = False, recording: Recording = DEFAULT_RECORDING) -> list[Path]:
        """Write report.json. Raises OutputError for a folder with an earlier one unless `overwrite`."""
        with ResultFolder(folder, REPORT_FILES, overwrite) as output:
            text = to_json(recording.of_json(self.to_json(), folder))
            path = atomic_write(output.place / "report.json", text.encode())
        return [final_path(path)]


def measure_sfe(
    split: Split,
    edits: Mapping[int, Path],
    extractors: Sequence[Extractor],
    edited_by: Mapping[str, Any] | None = None,
    on_step: OnStep = ignore,
) -> SfeReport:
    """Compare edits with the originals that show what they shall show.

    Args:
        split: of `Split.of`.
        edits: the edited pictures, by the numbers of their originals; `Split.edits` finds them in a folder.
        extractors: of `make_extractors`; raises UsageError where there is none.
        edited_by: how the edits were made, for the report.
        on_step: a step is a picture.

    Example:
        annotation = read_annotation(annotation_file(folder))
        split = Split.of(folder, annotation, "Eyeglasses")
        print(measure_sfe(split, split.edits(Path("edited")), make_extractors()).table())
    """
    if not extractors:
        raise UsageError("there is no network to compare pictures by; run `styleclip models pull fid-inception`")
    total = len(split.real) + len(edits)
    real = ImageSet.of(_pictures(split.real.values(), on_step, 0, total), extractors)
    edited = ImageSet.of(_pictures(edits.values(), on_step, len(split.real), total), extractors)
    judges = {name: each.name for each in extractors for name in (each.frechet, each.kernel)}
    return SfeReport(split, [*edits], real.distances(edited), judges, edited_by or {})


def _pictures(paths: Iterable[Path], on_step: OnStep, done: int, total: int) -> Iterator[Tensor]:
    """The pictures [1, 3, 1024, 1024] in [-1, 1], one by one."""
    for path in paths:
        picture = read_photo(path).image.convert("RGB")
        if picture.size != (SIDE_PX, SIDE_PX):
            picture = picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
        yield from_pil([picture])
        done += 1
        on_step(Step(done, total, stage="pictures"))
