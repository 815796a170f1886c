"""Compare a nonlinear universal mapper with linear maps in the demo world: python -m scripts.experiments.universal

Every row of the table is a step in W for a face with latent w and CLIP feature f, and for the step between class means
dF of its prompt (`stylespace/class_means.py`). The mapper learns `t (w_j - w_i)` from w_i, f_i and the condition
`c = t (f_j - f_i)`, for random pairs of samples and t in [0, 1]. Clean and the other columns are those of
`styleclip evaluate` on the wordings for tuning; `gain` is clean minus that of BASELINE on the same edits, with its
standard error. docs/universal_mapper.md has the numbers.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from torch import Tensor

import styleclip
from benchmarks.tools import markdown_table
from scripts.experiments.universal_maps import Fits, LocalMeans, fit_maps
from styleclip.cli.options.types import SEEDS
from styleclip.demo.judge import Judge, load_judge
from styleclip.demo.wordings import Wording, load_wordings
from styleclip.evaluate.demo_world.limits import Limits
from styleclip.evaluate.demo_world.measures import measure
from styleclip.evaluate.demo_world.oracle import Oracle
from styleclip.evaluate.demo_world.task import Portraits, Task
from styleclip.latents import Direction, Latent, Space
from styleclip.losses import similarity
from styleclip.models import Models
from styleclip.prompts import Prompt, PromptWarning
from styleclip.results import SHOWN, EditResult
from styleclip.samples import Samples
from styleclip.stylespace.claim_classes import claim_classes
from styleclip.stylespace.class_means import ClassMeans, class_means
from styleclip.stylespace.samples import see_samples
from styleclip.weights.catalog import checkpoint_path

BASELINE = "class means x 1.15"
COLUMNS = ("clean", "hit", "flips", "bg", "to_ideal", "identity")
SMALL = 2000  # samples, the default of the editors


@dataclass(frozen=True)
class Faces:
    """The faces of a task: w [N, w_dim] and the unit CLIP features [N, D] of their images."""

    wording: Wording
    task: Task
    w: Tensor
    features: Tensor


Step = Callable[[Faces], Tensor]  # -> [N, w_dim]


@dataclass
class Goals:
    """The class means of every wording by these samples."""

    models: Models
    samples: Samples
    memo: dict[str, list[ClassMeans]] = field(default_factory=dict)

    def __call__(self, faces: Faces) -> list[ClassMeans]:
        text = faces.wording.text
        if text not in self.memo:
            classes = claim_classes(self.models, Prompt(text, force=True), self.samples, "prompt")
            self.memo[text] = class_means(self.models, self.samples, classes, Space.W)
        return self.memo[text]

    def step(self, faces: Faces) -> tuple[Tensor, Tensor]:
        """dF [N, D] and dW [N, w_dim]."""
        steps = [means.step(faces.features) for means in self(faces)]
        feature, latent = (torch.stack(parts).sum(dim=0) for parts in zip(*steps, strict=True))
        return feature, latent

    def text_step(self, faces: Faces) -> Tensor:
        """[N, D]: the step between texts, scaled to that between class means by least squares."""
        return torch.stack([_text_step(means, faces.features) for means in self(faces)]).sum(dim=0)


def _text_step(means: ClassMeans, features: Tensor) -> Tensor:
    classes, targets = means.classes, means.classes.targets
    texts, images = (x[:targets].mean(dim=0) - x[targets:] for x in (classes.features, means.features))
    kappa = (images * texts).sum(dim=1) / texts.square().sum(dim=1)
    step = classes.neutrals(features) @ (kappa.clamp(min=0)[:, None] * texts)
    return step.masked_fill((classes.shows(features) >= SHOWN)[:, None], 0.0)


def rows(models: Models, samples: Samples, training_steps: int) -> dict[str, Step]:
    """Every row of the table."""
    few, many = (Goals(models, part) for part in (samples.first(SMALL), samples))
    fits = fit_maps(models, samples, training_steps)
    small = fit_maps(models, samples.first(SMALL), 0)
    local = LocalMeans(models, samples)
    steps: dict[str, Step] = {
        f"class means of {SMALL:,} x 1.15": lambda x: 1.15 * few.step(x)[1],
        "the same, unseen part shrunk .6 x 1.15": partial(_shrunk_means, few, small, 1.15, 0.6),
        f"regression of {SMALL:,} of dF x 1.15": lambda x: small.regression(1.15 * few.step(x)[0]),
        f"regression of {SMALL:,} of texts x 1.6": lambda x: small.regression(1.6 * few.text_step(x)),
    }
    for strength in (1.0, 1.15, 1.3):
        steps[f"class means x {strength:g}"] = partial(lambda s, x: s * many.step(x)[1], strength)
    steps |= {
        "regression of dF x 1.15": lambda x: fits.regression(1.15 * many.step(x)[0]),
        "regression of texts x 1.6": lambda x: fits.regression(1.6 * many.text_step(x)),
        "class means near the face x 1.15": lambda x: 1.15 * local(many(x), x.features),
        "class means, unseen part shrunk .3 x 1.15": partial(_shrunk_means, many, fits, 1.15, 0.3),
        "class means, unseen part shrunk .6 x 1.15": partial(_shrunk_means, many, fits, 1.15, 0.6),
        "class means, unseen part shrunk .6 x 1.3": partial(_shrunk_means, many, fits, 1.3, 0.6),
    }
    for name, network in fits.networks.items():
        for strength in (1.15, 1.3):
            steps[f"{name} of dF x {strength:g}"] = partial(_mapped, network, many, strength, 1)
    for name in ("mapper", "mapper on the linear map"):
        steps[f"{name} of dF x 1.3 in 4 steps"] = partial(_mapped, fits.networks[name], many, 1.3, 4)
    for name in ("linear map of (w, f, c)", "mapper"):
        steps[f"{name} of texts x 1.6"] = partial(_mapped_texts, fits.networks[name], many, 1.6)
    return steps


def _shrunk_means(goals: Goals, fits: Fits, strength: float, share: float, faces: Faces) -> Tensor:
    """The class means, with the part of w that CLIP's feature does not tell taken towards the mean by `share` |dF|."""
    feature, latent = goals.step(faces)
    length = feature.norm(dim=1, keepdim=True)
    return strength * latent - share * length * fits.unseen(faces.w, faces.features)


def _mapped(network: Callable[..., Tensor], goals: Goals, strength: float, parts: int, faces: Faces) -> Tensor:
    """The map for `strength * dF`, taken in parts, each from where the last one led."""
    condition = strength * goals.step(faces)[0] / parts
    w, features = faces.w, faces.features
    for _ in range(parts):
        w, features = w + network(w, features, condition), F.normalize(features + condition, dim=1)
    return w - faces.w


def _mapped_texts(network: Callable[..., Tensor], goals: Goals, strength: float, faces: Faces) -> Tensor:
    return network(faces.w, faces.features, strength * goals.text_step(faces))


@torch.no_grad()
def edit_tasks(models: Models, judge: Judge, seeds: Sequence[int]) -> list[Faces]:
    """The faces of these seeds that lack something of each wording for tuning."""
    portraits, tasks = Portraits.of(models, judge, seeds), []
    for wording in load_wordings("tuning").wordings:
        source = portraits.lacking(wording.claims)
        if not len(source):
            continue
        z = Latent(Space.Z, source.z.to(models.device))
        ideal = models.render(Oracle(wording.claims)(models, z, Prompt(wording.text))).float().cpu().clamp(-1, 1)
        w = models.generator.to_space(z, Space.W).data
        tasks.append(
            Faces(wording, Task.of(source, wording.claims, ideal), w, models.clip_features(Latent(Space.W, w)))
        )
    return tasks


@torch.no_grad()
def measure_step(models: Models, judge: Judge, tasks: Sequence[Faces], step: Step) -> dict[str, Tensor]:
    """The COLUMNS of all edits, and the milliseconds of a step once the prompt is known."""
    limits, parts, seconds = Limits.of(models), [], 0.0
    for faces in tasks:
        step(faces)  # finds the class means of the prompt
        started = time.perf_counter()
        change = step(faces)
        seconds += time.perf_counter() - started
        result = _result(models, faces, change)
        parts.append(measure(faces.task, result, judge, limits).columns)
    columns = {name: torch.cat([part[name] for part in parts]) for name in COLUMNS}
    return columns | {"ms": torch.full_like(columns["clean"], 1000 * seconds / len(columns["clean"]))}


def _result(models: Models, faces: Faces, step: Tensor) -> EditResult:
    """The edit by a step [N, w_dim], without CLIP's scores."""
    source, before = Latent(Space.W, faces.w), faces.task.source.images
    edited, identity = source + Direction(Space.W, step), models.identity
    after = models.render(edited)
    scores = [{"clip_before": 0.0, "clip_after": 0.0} for _ in faces.w]
    if identity is not None:
        same = similarity(identity.embed(before.to(after)), identity.embed(after))
        scores = [score | {"identity": value} for score, value in zip(scores, same.tolist(), strict=True)]
    return EditResult(faces.wording.text, None, "step", {}, before, after, source, edited, scores, 0.0, {})


def table(results: Mapping[str, Mapping[str, Tensor]]) -> str:
    """The means of all rows as Markdown."""
    lines = []
    for name, columns in results.items():
        gain = columns["clean"] - results[BASELINE]["clean"]
        error = gain.std().item() / len(gain) ** 0.5
        means = [f"{columns[each].mean():.3f}" for each in (*COLUMNS, "ms")]
        lines.append([name, *means, f"{gain.mean():+.3f} ± {error:.3f}"])
    return markdown_table(["step", *COLUMNS, "ms", "gain"], lines)


@click.command()
@click.option("--seeds", type=SEEDS, multiple=True, default=("2000-2039", "2100-2139"), help="Of a table; repeatable.")
@click.option("--samples", "path", type=Path, help="A file of `styleclip prepare --out`; drawn anew without it.")
@click.option("--count", default=20_000, help="Samples to learn from.")
@click.option("--steps", default=3000, help="Steps of the training.")
@click.option("--threads", default=1)
def main(seeds: Sequence[Sequence[int]], path: Path | None, count: int, steps: int, threads: int) -> None:
    """Train the mapper and measure it beside the linear maps."""
    warnings.simplefilter("ignore", PromptWarning)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    models, judge = styleclip.load("demo", samples=path), load_judge(checkpoint_path("demo/judge.safetensors"))
    samples = see_samples(models, count, earlier=models.samples() if path else None)
    methods = rows(models, samples, steps)
    for some in seeds:
        tasks = edit_tasks(models, judge, some)
        results = {}
        for name, step in methods.items():
            results[name] = measure_step(models, judge, tasks, step)
            print(name, f"{results[name]['clean'].mean():.3f}", flush=True)
        print(
            f"\nseeds {some[0]} to {some[-1]}, {sum(len(x.w) for x in tasks)} edits\n\n{table(results)}\n", flush=True
        )


if __name__ == "__main__":
    main()
