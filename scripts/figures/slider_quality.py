"""Measure sliders of the demo generator, for docs/held_out.md: python -m scripts.figures.slider_quality --out docs

slider_quality.jpg: one face along each slider, and the similarity with the text, by the held-out CLIP, of every face
that lacked it. The table is printed.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

import styleclip
from styleclip.evaluate.curves.bootstrap import Interval
from styleclip.evaluate.curves.slider_measuring import measure_slider
from styleclip.evaluate.curves.slider_quality import SliderQuality, SliderRun, slider_quality
from styleclip.evaluate.held_out.judges import load_judges
from styleclip.evaluate.held_out.run import SAMPLES
from styleclip.evaluate.held_out.sources import seed_source
from styleclip.evaluate.held_out.task import Task
from styleclip.evaluate.held_out.unedited import see_unedited
from styleclip.images import to_pil
from styleclip.latents import Latent
from styleclip.models import Models
from styleclip.storage.files import atomic_path

TEXTS = (
    "a smiling face",
    "an old face",
    "a face with red hair",
    "a face with curly hair",
    "a face with glasses",
    "a face with a beard",
)
STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SEEDS = range(40)
DRAWN = {  # text -> which face is drawn, in the order of how much their pixels move: 0 the least, 1 the most
    "a smiling face": 0.8,
    "an old face": 1.0,
    "a face with red hair": 0.8,
    "a face with curly hair": 0.8,
}
COLORS = ("#2f55d4", "#c2560c", "#0b7f70", "#a4327b")
COLUMNS = ("monotonicity", "evenness", "score_jump", "picture_jump", "identity_area", "gain")
HEADINGS = (
    *("text", "faces", "monotone", "chi2/dof", "largest step", "of pixels", "identity", "gain"),
    *("at 0", "back", "found again"),
)


@click.command()
@click.option("--out", type=Path, default=Path("docs"))
@click.option("--judge-clip", default="demo-judge-clip")
@click.option("--judge-identity", default="demo-judge-identity")
def main(out: Path, judge_clip: str, judge_identity: str) -> None:
    """Draw the figure in the folder OUT and print the table."""
    models = styleclip.load("demo")
    judges = load_judges(models, judge_clip, judge_identity)
    unedited, source = see_unedited(models, judges.clip, SAMPLES), seed_source(models, SEEDS)
    features = judges.clip.encode_image(models.render(source.latent))
    measured = {}
    for text in TEXTS:
        task = Task.of(models, judges, unedited, styleclip.Prompt(text))
        rows = (~task.is_shown(features)).nonzero()[:, 0].tolist()
        latent, lacking = source.latent[rows], [source.names[row] for row in rows]
        slider = styleclip.Slider(styleclip.Prompt(text))
        measured[text] = measure_slider(models, judges, slider, text, latent, lacking, STRENGTHS), latent
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    for text, (runs, _) in measured.items():
        print(row(text, len(runs), slider_quality(runs)))
    with atomic_path(out / "slider_quality.jpg") as temporary:
        draw(models, measured, temporary)


def row(text: str, faces: int, quality: SliderQuality) -> str:
    means = [cell(getattr(quality, name), ".3f" if name == "gain" else ".2f") for name in COLUMNS]
    errors = [f"{error:.1g}" for error in (quality.zero_error, quality.return_error, quality.refound_error)]
    return f"| {' | '.join([text, str(faces), *means, *errors])} |"


def cell(interval: Interval, form: str) -> str:
    return f"{interval.mean:{form}} ({interval.low:{form}}-{interval.high:{form}})"


def draw(models: Models, measured: dict[str, tuple[list[SliderRun], Latent]], path: Path) -> None:
    """Rows of pictures at rising strength, and beside each the scores of all faces."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.42 * len(DRAWN) + 0.4), layout="constrained")
    ratios = [*(1.0 for _ in STRENGTHS), 0.28, 2.5]
    grid = figure.add_gridspec(len(DRAWN), len(ratios), width_ratios=ratios)
    for place, (text, color) in enumerate(zip(DRAWN, COLORS, strict=True)):
        runs, latent = measured[text]
        pictures = strip(models, text, latent, shown(runs, DRAWN[text]))
        for column, picture in enumerate(pictures):
            axes = figure.add_subplot(grid[place, column])
            axes.imshow(picture, interpolation="lanczos")
            axes.set_axis_off()
            if not place:
                axes.set_title(f"{STRENGTHS[column]:g}", fontsize=10, color="0.35")
        draw_scores(figure.add_subplot(grid[place, -1]), text, runs, color, last=place == len(DRAWN) - 1)
    figure.savefig(path, format="jpeg", dpi=110, pil_kwargs={"quality": 90})


def shown(runs: list[SliderRun], place: float) -> int:
    """The face at this place among all, by how much its pixels move."""
    moved = [sum(run.distances) for run in runs]
    return int(np.argsort(moved)[min(int(len(moved) * place), len(moved) - 1)])


def strip(models: Models, text: str, latent: Latent, face: int) -> list:
    """The pictures of one face at every strength."""
    editor, prompt = styleclip.Editor(models), styleclip.Prompt(text)
    source = latent[face : face + 1]
    edits = [editor.edit_together(source, [styleclip.Slider(prompt, strength)]) for strength in STRENGTHS]
    return [to_pil(edit.after)[0] for edit in edits]


def draw_scores(axes, text: str, runs: list[SliderRun], color: str, last: bool) -> None:
    scores = np.array([run.scores for run in runs])
    quality = slider_quality(runs)
    axes.plot(STRENGTHS, scores.T, color=color, linewidth=0.7, alpha=0.18)
    axes.plot(STRENGTHS, scores.mean(axis=0), color=color, linewidth=2.2, marker="o", markersize=4)
    axes.set_title(text, fontsize=10, loc="left", color=color, fontweight="bold")
    label = f"monotone {quality.monotonicity.mean:.2f}\nchi2/dof {quality.evenness.mean:.2f}"
    axes.text(0.97, 0.06, label, transform=axes.transAxes, ha="right", va="bottom", fontsize=8.5, color="0.3")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("0.7")
    axes.tick_params(labelsize=8, color="0.7", labelcolor="0.4")
    axes.set_xticks(STRENGTHS, [f"{each:g}" for each in STRENGTHS] if last else [])
    axes.set_ylabel("cosine", fontsize=8, color="0.4")


if __name__ == "__main__":
    main()
