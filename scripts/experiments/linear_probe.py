"""Linear probes of few examples beside zero-shot, on unseen renders: the table of docs/score.md.

python -m scripts.experiments.linear_probe
"""

from __future__ import annotations

import statistics

import click
import torch

import styleclip
from scripts.experiments.zero_shot import SEED, UNSEEN, as_bytes
from styleclip.classification.examples import split_examples
from styleclip.classification.linear_probe import choose_strength, fit_linear_probe
from styleclip.classification.pictures import see_pictures
from styleclip.classification.probe import measure_accuracy
from styleclip.demo.captions import state_text
from styleclip.demo.render import render
from styleclip.demo.world import ATTRIBUTES, Z_DIM, faces
from styleclip.prompts import TEMPLATES, encode_in_templates

NAMES = ("hat", "expression", "moustache", "freckles", "age", "skin")
SHOTS = (1, 4, 16, 64)
REPEATS = 3  # draws of the examples


@click.command()
@click.option("--clip", "name", default="demo", show_default=True, help="The CLIP.")
@click.option("--count", default=1000, help="Renders; those that a probe does not learn from measure it.")
@torch.no_grad()
def main(name: str, count: int) -> None:
    """Print the table: balanced accuracies, of probes the mean over REPEATS draws."""
    clip = styleclip.load_clip(name)
    people = faces(torch.randn(UNSEEN, Z_DIM, generator=torch.Generator().manual_seed(SEED))[:count])
    rows = torch.arange(count).split(64)
    features = see_pictures(clip, torch.cat([as_bytes(render(people[part])) for part in rows])).features
    print(f"| attribute | zero-shot | {' | '.join(f'{shots} shots' for shots in SHOTS)} |".replace("1 shots", "1 shot"))
    print("|---|---|" + "---|" * len(SHOTS))
    for attribute in (each for each in ATTRIBUTES if each.name in NAMES):
        clear = people.labels[attribute.name] >= 0
        seen, labels = features[clear], people.labels[attribute.name][clear]
        texts = [state_text(attribute.name, state) for state in range(len(attribute.states))]
        told = (seen @ encode_in_templates(clip, texts, TEMPLATES).T).argmax(dim=1)
        cells = [measure_accuracy(told, labels).balanced]
        for shots in SHOTS:
            found = []
            for seed in range(REPEATS):
                learns = split_examples(labels, shots, seed)
                strength = choose_strength(seen[learns], labels[learns])
                probe = fit_linear_probe(seen[learns], labels[learns], strength)
                answers = probe.probabilities(seen[~learns]).argmax(dim=1)
                found.append(measure_accuracy(answers, labels[~learns]).balanced)
            cells.append(statistics.mean(found))
        print(f"| {attribute.name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
