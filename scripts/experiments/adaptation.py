"""Children of the demo generator measured on unseen seeds: the table of docs/adapt.md.

    python -m scripts.experiments.adaptation

The judge, which no loss knows, says how many faces show what the text claims, before and after, and how many keep each
other attribute. Diversity is by CLIP, as in the training, but on the faces measured here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click
import torch

import styleclip
from styleclip.canvases.adaptation.evaluation import diversity
from styleclip.demo.captions import claimed_states
from styleclip.demo.judge import Verdict, load_judge
from styleclip.latents import Latent, Space
from styleclip.seeds import sample_z
from styleclip.weights.catalog import checkpoint_path

TEXTS = ("a face in shades", "a face with bangs", "a face with a full beard")  # not those of tuning
SEEDS = range(6000, 6060)


@click.command()
@click.option("--text", "texts", multiple=True, default=TEXTS)
@click.option("--clip", default="demo")
@click.option("--folder", type=Path, default=Path("build/adapted"), help="Takes the children.")
def main(texts: tuple[str, ...], clip: str, folder: Path) -> None:
    """Adapt the demo generator to each text, unless FOLDER has the child, and print a row for each."""
    torch.set_num_threads(1)
    models, judge = styleclip.load("demo", clip=clip), load_judge(checkpoint_path("demo/judge.safetensors"))
    latent = Latent(Space.Z, sample_z(SEEDS, models.generator.config.z_dim))
    before = models.render(latent)
    shown_before, apart = judge.predict(before), diversity(models, before)
    print("| target | shown before | shown by the child | others kept | diversity | steps | seconds of one core |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for text in texts:
        path, began = folder / f"{text.replace(' ', '-')}.safetensors", time.process_time()
        child = styleclip.adapt(models, styleclip.Prompt(text, "a face", force=True), path=path, resume=True)
        seconds = time.process_time() - began
        after = replace(models, generator=child.generator, memo={}).render(latent)
        shown, claims = judge.predict(after), claimed_states(text)
        successes = [share_showing(verdict, claims) for verdict in (shown_before, shown)]
        kept = kept_share(shown_before, shown, claims)
        share = diversity(models, after) / apart
        cells = [text, *(f"{each:.2f}" for each in (*successes, kept, share)), child.about["steps_done"]]
        print("| " + " | ".join(map(str, [*cells, f"{seconds:.0f}"])) + " |", flush=True)


def share_showing(verdict: Verdict, claims: dict[str, int]) -> float:
    """The share of the faces that show all claims; NaN for a text without any, such as a style."""
    shows = [verdict[name].argmax(dim=1) == state for name, state in claims.items()]
    return float(torch.stack(shows).all(dim=0).float().mean()) if shows else float("nan")


def kept_share(before: Verdict, after: Verdict, claims: dict[str, int]) -> float:
    """The share of attributes, of all faces, that the text does not claim and that are named alike before and after."""
    others = [name for name in before if name not in claims]
    same = [(before[name].argmax(dim=1) == after[name].argmax(dim=1)).float().mean() for name in others]
    return float(torch.stack(same).mean())


if __name__ == "__main__":
    main()
