"""Do sliders of a generator work in its children: python -m scripts.experiments.children CHILD... [--seeds 7000-7019]

Sliders at strength 1, of the 20 texts for reporting and of the mappers of the demo, all made for the parent, on faces
that lack what they ask for. Tabulated is the share of the edits in which the judge sees it, drawn by the child at
rising amounts: without an edit, after it, and for the ideal edit, whose picture by the child the judge reads as well as
it can read that style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click
import torch

import styleclip
from styleclip.cli.options.types import SEEDS
from styleclip.demo.judge import Judge, load_judge
from styleclip.demo.wordings import Wording, given_wordings, load_wordings
from styleclip.evaluate.demo_world.oracle import Oracle
from styleclip.evaluate.demo_world.task import Portraits
from styleclip.evaluate.demo_world.verdicts import shown_claims
from styleclip.latents import Latent, Space
from styleclip.methods.mapper import LatentMapper, load_trained_mapper
from styleclip.methods.sliders import Found, step_in_s
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.weights.catalog import checkpoint_path
from styleclip.weights.locate import mapper_file

AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0)
MAPPERS = ("demo-surprised", "demo-curly-hair", "demo-old", "demo-blue-hair")
COLUMNS = ("unedited", "texts", "mappers", "ideal")


@dataclass(frozen=True)
class Task:
    """A slider of the parent, the faces that lack what it asks for, and their latents."""

    column: str
    wording: Wording
    found: Found
    latent: Latent
    ideal: Latent


@torch.no_grad()
def tasks_of(parent: Models, judge: Judge, seeds: Sequence[int]) -> Iterator[Task]:
    editor, portraits = styleclip.Editor(parent), Portraits.of(parent, judge, seeds)
    sliders: list[tuple[str, Wording, Found]] = []
    for wording in load_wordings("reporting").wordings:
        sliders.append(
            ("texts", wording, styleclip.GlobalDirection(alpha=1.0).find(parent, Prompt(wording.text, force=True)))
        )
    for name in MAPPERS:
        mapper = load_trained_mapper(mapper_file(name), parent)
        assert mapper.prompt is not None
        [wording] = given_wordings([mapper.prompt.target]).wordings
        sliders.append(("mappers", wording, LatentMapper(mapper)))
    for column, wording, found in sliders:
        lacking = portraits.lacking(wording.claims)
        if len(lacking):
            ideal = Oracle(wording.claims)(parent, Latent(Space.Z, lacking.z), Prompt(wording.text))
            yield Task(column, wording, found, editor.sample(seeds=lacking.seeds.tolist()), ideal)


@torch.no_grad()
def hits(models: Models, judge: Judge, tasks: Sequence[Task]) -> dict[str, float]:
    """The share of the edits in which the judge sees what was asked for, by column."""
    seen: dict[str, list[bool]] = {column: [] for column in COLUMNS}

    def judged(latent: Latent, wording: Wording) -> list[bool]:
        shown = shown_claims(judge.predict(models.render(latent).clamp(-1, 1)), wording.claims)
        return torch.stack([*shown.values()]).all(dim=0).tolist()

    for task in tasks:
        source = models.generator.to_space(task.latent, Space.S)
        seen["unedited"] += judged(source, task.wording)
        seen[task.column] += judged(source + step_in_s(models, task.found, task.latent), task.wording)
        seen["ideal"] += judged(task.ideal, task.wording)
    return {column: sum(values) / len(values) for column, values in seen.items()}


@click.command()
@click.argument("children", nargs=-1, required=True, metavar="CHILD...")
@click.option("--seeds", type=SEEDS, default="7000-7019")
def main(children: tuple[str, ...], seeds: tuple[int, ...]) -> None:
    """Print a table for each CHILD."""
    torch.set_num_threads(1)
    parent, judge = styleclip.load("demo"), load_judge(checkpoint_path("demo/judge.safetensors"))
    tasks = [*tasks_of(parent, judge, seeds)]
    print(f"{len(tasks)} sliders, {sum(len(task.latent) for task in tasks)} edits")
    for name in children:
        child = styleclip.load_child(name, parent)
        print(f"\n{name}\n\n| amount | {' | '.join(COLUMNS)} |\n|{'---|' * (1 + len(COLUMNS))}")
        for amount in AMOUNTS:
            found = hits(child.at_amount(amount), judge, tasks) if amount else hits(parent, judge, tasks)
            print(f"| {amount:g} | {' | '.join(f'{found[column]:.2f}' for column in COLUMNS)} |", flush=True)


if __name__ == "__main__":
    main()
