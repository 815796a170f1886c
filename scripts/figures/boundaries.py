"""Measure boundaries for docs/directions.md and draw docs/boundary_glasses.jpg: python -m scripts.figures.boundaries

CLIP scores the first 500 samples. The alpha of each variant is the best of ALPHAS on the seeds of the tuning set; the
figures are of the seeds of the reporting set, which choose nothing. Prints two Markdown tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import torch
from PIL import Image

import styleclip
from benchmarks.tools import markdown_table
from styleclip import evaluate
from styleclip.cli.options.types import SEEDS
from styleclip.directions.interfacegan import interfacegan
from styleclip.directions.scores import clip_scores, drawn_samples
from styleclip.directions.settings import BoundarySettings
from styleclip.evaluate import Report
from styleclip.images import to_pil
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.sheets import labelled_sheet
from styleclip.storage.files import atomic_path

SAMPLES = 500
GLASSES = "a face with glasses"
OTHERS = ("an old face", "a face wearing a hat", "a face with a beard", "a smiling face")
MORE = (*OTHERS, "a face with curly hair", "a face with makeup", "a bald face", "a face with blonde hair")
ALPHAS = (0.5, 0.75, 1.0, 1.15, 1.3, 1.5, 2.0, 2.5)
SHOWN = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
COLUMNS = ("clean", "hit", "flips", "bg")
WIDTH, QUALITY = 1000, 88


@click.command()
@click.option("--seeds", type=SEEDS, default=None, help="Of the report.  [default: those of the reporting set]")
@click.option("--faces", type=SEEDS, default="6002,6011", help="Of the picture.")
@click.option("--threads", default=1)
@click.option("--out", type=Path, default=Path("docs/boundary_glasses.jpg"))
def main(seeds: Sequence[int] | None, faces: Sequence[int], threads: int, out: Path) -> None:
    """Print the tables and draw OUT."""
    torch.set_num_threads(threads)
    models = styleclip.load("demo")
    tuning, reporting = (evaluate.load_wordings(name).seeds for name in ("tuning", "reporting"))
    variants = glasses_variants(models)
    rows = []
    for name, direction in variants.items():
        alpha = max(ALPHAS, key=lambda alpha: measure(models, direction, alpha, GLASSES, tuning).mean("clean"))
        report = measure(models, direction, alpha, GLASSES, seeds or reporting)
        rows.append([name, f"{alpha:g}", *cells(report)])
        print(rows[-1], flush=True)
    report = evaluate.run(models, styleclip.GlobalDirection(samples=SAMPLES), seeds or reporting, [GLASSES])
    rows.append(["`global-dir`", "auto", *cells(report)])
    rows.append(["oracle", "", *oracle_cells(report)])
    print(markdown_table([f"{report.prompts[0].faces} faces", "alpha", *COLUMNS], rows))
    rows = []
    for prompt in (GLASSES, *MORE):
        report = measure(models, boundary(models, prompt), 1.0, prompt, seeds or reporting)
        rows.append([prompt, str(report.prompts[0].faces), *cells(report), oracle_cells(report)[0]])
        print(rows[-1], flush=True)
    print(markdown_table(["boundary", "faces", *COLUMNS, "oracle, clean"], rows))
    draw(models, variants, faces, out)


def boundary(models: Models, prompt: str, settings: BoundarySettings | None = None) -> LatentDirection:
    latent, features = drawn_samples(models, SAMPLES)
    return interfacegan(models, latent, clip_scores(models, Prompt(prompt), features), settings)


def glasses_variants(models: Models) -> dict[str, LatentDirection]:
    latent, features = drawn_samples(models, SAMPLES)
    scores = clip_scores(models, Prompt(GLASSES), features)
    others = [boundary(models, prompt) for prompt in OTHERS]
    return {
        "as published: `--fit svm`, 2 % a side": interfacegan(models, latent, scores, BoundarySettings("svm")),
        "`--fit svm --ratio 0.1`": interfacegan(models, latent, scores, BoundarySettings("svm", 0.1)),
        "`--fit svm --ratio 0.2`": interfacegan(models, latent, scores, BoundarySettings("svm", 0.2)),
        "regression (default)": interfacegan(models, latent, scores),
        "the same, `--absolute`": interfacegan(models, latent, scores, absolute=True),
        "the same, conditioned on age, hat, beard, smile": interfacegan(models, latent, scores, conditions=others),
    }


def measure(models: Models, direction: LatentDirection, alpha: float, prompt: str, seeds: Sequence[int]) -> Report:
    return evaluate.run_sliders(models, [styleclip.Slider(direction, alpha)], seeds, [prompt])


def cells(report: Report) -> list[str]:
    return [f"{report.mean(column):.2f}" for column in COLUMNS]


def oracle_cells(report: Report) -> list[str]:
    oracle = report.prompts[0].oracle
    return [f"{sum(oracle[column]) / len(oracle[column]):.2f}" for column in COLUMNS]


def draw(models: Models, variants: Mapping[str, LatentDirection], seeds: Sequence[int], path: Path) -> None:
    """Two faces in two rows each: across the published boundary, and across that of the regression."""
    editor = styleclip.Editor(models)
    rows, labels = [], []
    for seed in seeds:
        for name, key in (
            ("SVM, 2 %", "as published: `--fit svm`, 2 % a side"),
            ("regression", "regression (default)"),
        ):
            latent = editor.sample(seed=seed)
            rows.append([to_pil(models.render(latent + alpha * variants[key]))[0] for alpha in SHOWN])
            labels.append(f"{name}\nseed {seed}")
    sheet = labelled_sheet(rows, [f"{alpha:g}" for alpha in SHOWN], labels)
    sheet = sheet.resize((WIDTH, round(WIDTH * sheet.height / sheet.width)), Image.Resampling.LANCZOS)
    with atomic_path(path) as temporary:
        sheet.save(temporary, "JPEG", quality=QUALITY)


if __name__ == "__main__":
    main()
