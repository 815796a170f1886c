"""Draw docs/sketch*.jpg and measure what CLIPs see in sketches: python -m scripts.figures.sketches --out docs

sketches.jpg: twenty samples of the demo generator, as many as possible with each combination of long hair, glasses and
hat, and their sketches. sketch_ladder.jpg: one with 4 to 32 strokes. sketch_slider.jpg: one along an edit. Prints the
balanced accuracy of the CLIP that sketched, of OTHER_CLIP and of the judge, on the sketches and on strokes at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import torch
from PIL import Image
from torch import Tensor

import styleclip
from styleclip.canvases.sketching.initialisation import draw_points
from styleclip.canvases.sketching.results import draw
from styleclip.canvases.sketching.search import black_strokes, find_sketch
from styleclip.canvases.sketching.sequence import sketch_ladder, sketch_sequence
from styleclip.canvases.sketching.settings import UNITS, Sketching
from styleclip.canvases.sketching.subjects import Subject, latent_subjects
from styleclip.canvases.strokes.rasteriser import rasterise
from styleclip.canvases.strokes.strokes import Strokes
from styleclip.demo.judge import load_judge
from styleclip.demo.world import faces
from styleclip.edit_source import EditSource
from styleclip.images import to_pil
from styleclip.methods.sliders import Slider
from styleclip.models import Models
from styleclip.networks.clip import CLIP
from styleclip.prompts import Prompt
from styleclip.runtime.devices import keep_memory
from styleclip.seeds import sample_z
from styleclip.sheets import labelled_sheet, stack_sheets
from styleclip.storage.files import atomic_path
from styleclip.weights.catalog import checkpoint_path

COUNT, FIRST_SEED, SEEN = 20, 3000, 400  # sketched faces, and the seeds that they are chosen from
TEXTS = {  # attribute -> texts without and with it
    "hair_length": (("a face with short hair",), ("a face with long hair",)),
    "eyewear": (("a face without glasses",), ("a face with glasses", "a face with sunglasses")),
    "hat": (("a face without a hat",), ("a face with a hat",)),
}
COUNTS, LADDER_SEED = (4, 8, 16, 32), 11
EDIT, EDIT_SEED, SHARES = "a face with glasses", 3, (0.0, 0.25, 0.5, 0.75, 1.0)
CELL, ROW = 128, 10
OTHER_CLIP = "demo-judge-clip"  # takes no part in sketching
Answers = Mapping[str, Tensor]  # attribute -> [N] 0 or 1


@click.command()
@click.option("--clip", "name", default=None, help="The CLIP that sketches.  [default: that of `styleclip sketch`]")
@click.option("--first-seed", default=FIRST_SEED)
@click.option("--only", type=click.Choice(["faces", "ladder", "slider"]), help="One of the pictures.  [default: all]")
@click.option("--out", type=Path, default=Path("docs"))
def main(name: str | None, first_seed: int, only: str | None, out: Path) -> None:
    """Draw the pictures in the folder OUT, and print the table."""
    torch.set_num_threads(1)
    keep_memory()
    clip, models = styleclip.load_clip(name), styleclip.load("demo")
    if only in (None, "faces"):
        save(sketch_faces(clip, models, choose_seeds(range(first_seed, first_seed + SEEN))), out / "sketches.jpg")
    if only in (None, "ladder"):
        save(sketch_with_fewer(clip, models), out / "sketch_ladder.jpg")
    if only in (None, "slider"):
        save(sketch_along(clip, models), out / "sketch_slider.jpg")


def sketch_faces(clip: CLIP, models: Models, seeds: Sequence[int]) -> Image.Image:
    """The faces of seeds and their sketches; prints what is seen in them."""
    subjects = subjects_of(models, seeds)
    found = [find_sketch(clip, each.picture, Sketching(), region=each.region) for each in subjects]
    sketches = pictures_of([each.strokes for each in found], clip.image_size)
    generator = torch.Generator().manual_seed(0)
    anywhere = [draw_points(torch.ones(UNITS, UNITS), 16, generator) * UNITS for _ in seeds]
    scribbles = pictures_of([black_strokes(points, found[0].settings.width) for points in anywhere], clip.image_size)
    print_table(clip, styleclip.load_clip(OTHER_CLIP), sketches, scribbles, shown_by(seeds))
    rows = [[*map(portrait, subjects)], [draw(each.strokes, CELL) for each in found]]
    parts = [[row[i : i + ROW] for row in rows] for i in range(0, COUNT, ROW)]
    return stack_sheets([labelled_sheet(part, cell=CELL) for part in parts])


def sketch_with_fewer(clip: CLIP, models: Models) -> Image.Image:
    """A face with rising numbers of strokes."""
    [subject] = subjects_of(models, [LADDER_SEED])
    rungs = sketch_ladder(clip, subject.picture, COUNTS, Sketching(), region=subject.region)
    row = [portrait(subject), *(draw(each.strokes, CELL) for each in rungs)]
    return labelled_sheet([row], ["picture", *map(str, COUNTS)], cell=CELL)


def sketch_along(clip: CLIP, models: Models) -> Image.Image:
    """A face on its way along an edit."""
    [subject] = subjects_of(models, [EDIT_SEED])
    pictures, _ = subject.along([Slider(Prompt(EDIT))], SHARES)
    moved = sketch_sequence(clip, pictures, Sketching(), region=subject.region)
    tops = [to_pil(each)[0].resize((CELL, CELL), Image.Resampling.BICUBIC) for each in pictures]
    return labelled_sheet([tops, [draw(each.strokes, CELL) for each in moved]], cell=CELL)


def choose_seeds(seeds: Sequence[int]) -> list[int]:
    """COUNT seeds whose faces clearly show every attribute or not, each combination as often as there are such."""
    shown = shown_by(seeds)
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, seed in enumerate(seeds):
        states = tuple(int(values[i]) for values in shown.values())
        if min(states) >= 0:
            groups.setdefault(states, []).append(seed)
    by_turns = [group[k] for k in range(COUNT) for _, group in sorted(groups.items()) if k < len(group)]
    return sorted(by_turns[:COUNT])


def shown_by(seeds: Sequence[int]) -> Answers:
    """Whether the faces of seeds show an attribute; -1 where it is not clear."""
    labels = faces(sample_z(seeds, 64)).labels
    return {name: labels[name].clamp(max=1) for name in TEXTS}


def subjects_of(models: Models, seeds: Sequence[int]) -> list[Subject]:
    latent = styleclip.Editor(models).sample(seeds=seeds)
    return [*latent_subjects(EditSource(models, latent, [f"seed {seed}" for seed in seeds], {}), whole=False)]


def pictures_of(strokes: Sequence[Strokes], side: int) -> Tensor:
    """[N, 3, side, side]: the sketches as CLIP sees them."""
    return torch.stack([rasterise(each.scale(side / UNITS), (side, side)) for each in strokes])


def print_table(clip: CLIP, other: CLIP, sketches: Tensor, scribbles: Tensor, shown: Answers) -> None:
    """A line for each classifier and attribute set: its balanced accuracies."""
    judge = load_judge(checkpoint_path("demo/judge.safetensors"))
    print("| seen by | in | hair length | glasses | hat |\n|---|---|---:|---:|---:|")
    for name, images in (("sketches", sketches), ("strokes at random", scribbles)):
        verdict = {attribute: states.argmax(dim=1).clamp(max=1) for attribute, states in judge.predict(images).items()}
        for seer, seen in ((clip.name, see(clip, images)), (other.name, see(other, images)), ("the judge", verdict)):
            cells = [f"{balanced_accuracy(seen[attribute], shown[attribute]):.2f}" for attribute in TEXTS]
            print(f"| {seer} | {name} | {' | '.join(cells)} |")


@torch.no_grad()
def see(clip: CLIP, images: Tensor) -> Answers:
    """Whether the text nearest to a picture has the attribute."""
    features = clip.encode_image(images)
    nearest = {
        name: [(features @ clip.encode_text(texts).T).amax(dim=1) for texts in pair] for name, pair in TEXTS.items()
    }
    return {name: (present > absent).long() for name, (absent, present) in nearest.items()}


def balanced_accuracy(seen: Tensor, shown: Tensor) -> float:
    """The mean of the accuracies on the faces with and without an attribute."""
    return sum((seen[shown == state] == state).float().mean().item() for state in (0, 1)) / 2


def portrait(subject: Subject) -> Image.Image:
    return to_pil(subject.picture)[0].resize((CELL, CELL), Image.Resampling.BICUBIC)


def save(picture: Image.Image, path: Path) -> None:
    with atomic_path(path) as temporary:
        picture.save(temporary, "JPEG", quality=90)


if __name__ == "__main__":
    main()
