"""Does an evaluation by a held-out CLIP rank editors as the exact one does, which knows the demo world?

    python -m scripts.experiments.held_out edit --set reporting --faces 16 --out build/held_out.pt
    python -m scripts.experiments.held_out compare build/held_out.pt --judge-clip demo-judge-clip

`edit` makes every edit once and keeps it with its exact measures; `compare` measures the same pictures by a held-out
CLIP and prints rank correlations over editors x prompts (benchmarks/held_out.md). The editor that does nothing and the
random face are left out of them, because they are ranked right by anything.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

import styleclip
from styleclip.demo.judge import load_judge
from styleclip.demo.wordings import Wording, load_wordings
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.evaluate.curves.bootstrap import RESAMPLES, SEED
from styleclip.evaluate.demo_world.limits import Limits
from styleclip.evaluate.demo_world.measures import measure as measure_exactly
from styleclip.evaluate.demo_world.oracle import Oracle
from styleclip.evaluate.demo_world.task import Portraits
from styleclip.evaluate.demo_world.task import Task as ExactTask
from styleclip.evaluate.held_out.bank_reader import BankReader
from styleclip.evaluate.held_out.editors import prompt_for
from styleclip.evaluate.held_out.judges import load_judges
from styleclip.evaluate.held_out.measure import measure, see
from styleclip.evaluate.held_out.run import SAMPLES
from styleclip.evaluate.held_out.task import Task
from styleclip.evaluate.held_out.unedited import see_unedited
from styleclip.latents import Latent, Space
from styleclip.methods import make_method
from styleclip.prompts import Prompt
from styleclip.results import EditResult
from styleclip.weights.catalog import checkpoint_path

TEXT = {"goal": "text", "prior": "source", "steps": 8, "lr": 0.2, "lambda_l2": 0.002}  # follows CLIP's gradient
EDITORS: dict[str, tuple[str, dict[str, Any]]] = {
    "optimize": ("optimize", {}),
    "optimize by text": ("optimize", TEXT),
    "global-dir": ("global-dir", {}),
    "global-dir, table": ("global-dir", {"relevance": "table", "alpha": 4.0, "beta": 0.12}),
    "global-dir, alpha 2": ("global-dir", {"alpha": 2.0}),
    "global-dir, alpha 0.5": ("global-dir", {"alpha": 0.5}),
}
ORACLE = "oracle"
Cells = dict[tuple[str, str], tuple[dict[str, float], dict[str, float]]]  # (editor, prompt) -> exact, held-out
PAIRS = (  # exact measure, held-out measure
    *(("clean", "clean"), ("hit", "success"), ("flips", "flips"), ("still", "l1_outside"), ("bg", "l1_outside")),
    *(("clean", "success"), ("clean", "directional_similarity"), ("clean", "target_gain"), ("clean", "kept")),
)


@click.group()
@click.option("--threads", default=1, show_default=True, help="CPU threads.")
def main(threads: int) -> None:
    """Compare two evaluations."""
    torch.set_num_threads(threads)


@main.command("edit")
@click.option("--set", "set_name", type=click.Choice(["tuning", "reporting"]), default="tuning", show_default=True)
@click.option("--faces", default=16, show_default=True, help="The first faces of the set.")
@click.option("--out", "path", type=click.Path(path_type=Path), required=True)
def edit_all(set_name: str, faces: int, path: Path) -> None:
    """Make the edits of all editors, and write them with their exact measures after every prompt; continue a file."""
    models = styleclip.load("demo")
    editor, judge = Editor(models), load_judge(checkpoint_path("demo/judge.safetensors"))
    wordings = load_wordings("reporting" if set_name == "reporting" else "tuning")
    portraits, limits = Portraits.of(models, judge, wordings.seeds[:faces]), Limits.of(models)
    found = torch.load(path, weights_only=True) if path.exists() else []
    done = {entry["prompt"] for entry in found}
    for wording in wordings.wordings:
        if wording.text in done:
            continue
        source = portraits.lacking(wording.claims)
        if not len(source):
            continue
        ideal = editor.edit(Latent(Space.Z, source.z), Prompt(wording.text, force=True), Oracle(wording.claims))
        task = ExactTask.of(source, wording.claims, ideal.after.float().cpu().clamp(-1, 1))
        edits = {ORACLE: _kept(ideal.after, measure_exactly(task, ideal, judge, limits).columns)}
        for name in EDITORS:
            result = _edit(editor, wording, name, source.seeds.tolist())
            if result is None:
                continue
            edits[name] = _kept(result.after, measure_exactly(task, result, judge, limits).columns)
            print(wording.text, "|", name, "|", round(result.seconds / len(source), 2), "s", flush=True)
        found.append({"prompt": wording.text, "before": source.images, "edits": edits})
        torch.save(found, path)


@main.command("compare")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--judge-clip", default="demo-judge-clip", show_default=True, help="The CLIP that measures.")
def compare(path: Path, judge_clip: str) -> None:
    """Print the means of every editor, the rank correlations, and where they err."""
    models = styleclip.load("demo")
    judges = load_judges(models, judge_clip)
    unedited = see_unedited(models, judges.clip, SAMPLES)
    reader = BankReader(judges.clip, judges.bank, unedited.features)
    cells: Cells = {}
    agree = []
    for entry in torch.load(path, weights_only=True):
        task = Task.of(models, judges, unedited, Prompt(entry["prompt"], force=True))
        before = see(judges, reader, entry["before"])
        lacking = ~task.is_shown(before.features)
        for name, edit in entry["edits"].items():
            columns, _ = measure(task, judges, reader, before, see(judges, reader, edit["after"]))
            if lacking.any():
                exact = {each: values.mean().item() for each, values in edit["columns"].items()}
                judged = {each: values[lacking].mean().item() for each, values in columns.items()}
                cells[name, entry["prompt"]] = exact, judged
            agree += [] if name == ORACLE else (edit["columns"]["clean"] == columns["clean"]).tolist()
    print(f"judge {judges.clip.name}; not told apart: {', '.join(reader.left_out)}\n")
    _print_editors(cells)
    _print_ranks({key: value for key, value in cells.items() if key[0] != ORACLE})
    print(f"\nclean edits of which both say the same: {sum(agree) / len(agree):.2f} of {len(agree)}")
    _print_errors({key: value for key, value in cells.items() if key[0] != ORACLE})


def _print_editors(cells: Cells) -> None:
    """Means over prompts, exact / held-out."""
    pairs = PAIRS[:4]
    print(f"| editor | {' | '.join(f'{a} / {b}' for a, b in pairs)} | directional | target gain |")
    print(f"| --- |{' ---: |' * (len(pairs) + 2)}")
    for name in (*EDITORS, ORACLE):
        rows = [value for key, value in cells.items() if key[0] == name]
        both = [
            f"{_mean([exact[a] for exact, _ in rows]):.2f} / {_mean([judged[b] for _, judged in rows]):.2f}"
            for a, b in pairs
        ]
        more = [f"{_mean([judged[b] for _, judged in rows]):.2f}" for b in ("directional_similarity", "target_gain")]
        print(f"| {name} | {' | '.join([*both, *more])} |")


def _print_ranks(cells: Cells) -> None:
    """Spearman over editors x prompts, and the mean over prompts of that over editors."""
    print(f"\n| exact | held-out | Spearman, {len(cells)} editors x prompts | within a prompt |")
    print("| --- | --- | ---: | ---: |")
    for a, b in PAIRS:
        low, high = _interval(cells, a, b)
        rank, within = _rank([*cells.values()], a, b), _mean(_within(cells, a, b))
        print(f"| {a} | {b} | {rank:.2f} ({low:.2f} to {high:.2f}) | {within:.2f} |")


def _interval(cells: Cells, a: str, b: str) -> tuple[float, float]:
    """The 95 % bootstrap interval of the rank correlation: all editors of a prompt are drawn together."""
    prompts = list(dict.fromkeys(prompt for _, prompt in cells))
    rng, ranks = np.random.Generator(np.random.PCG64(SEED)), []
    for _ in range(RESAMPLES):
        drawn = [prompts[place] for place in rng.integers(len(prompts), size=len(prompts))]
        ranks.append(_rank([value for prompt in drawn for key, value in cells.items() if key[1] == prompt], a, b))
    low, high = np.nanquantile(ranks, [0.025, 0.975])
    return float(low), float(high)


def _within(cells: Cells, a: str, b: str) -> list[float]:
    """The rank correlation over editors, of every prompt in which both differ."""
    found = []
    for prompt in dict.fromkeys(prompt for _, prompt in cells):
        rank = _rank([value for key, value in cells.items() if key[1] == prompt], a, b)
        found += [rank] if rank == rank else []
    return found


def _print_errors(cells: Cells, count: int = 8) -> None:
    """The cells whose share of clean edits differs most."""
    far = sorted(cells.items(), key=lambda each: -abs(each[1][0]["clean"] - each[1][1]["clean"]))[:count]
    print("\n| editor | prompt | clean | hit / success | flips | still / outside |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for (name, prompt), (exact, judged) in far:
        pairs = ("clean", "clean"), ("hit", "success"), ("flips", "flips"), ("still", "l1_outside")
        values = [f"{exact[a]:.2f} / {judged.get(b, float('nan')):.2f}" for a, b in pairs]
        print(f"| {name} | {prompt} | {' | '.join(values)} |")


def _rank(values: list[tuple[dict[str, float], dict[str, float]]], a: str, b: str) -> float:
    known = [(exact[a], judged[b]) for exact, judged in values if b in judged]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one of them may be constant
        return float(spearmanr(*zip(*known, strict=True)).statistic) if len(known) > 1 else float("nan")


def _edit(editor: Editor, wording: Wording, name: str, seeds: list[int]) -> EditResult | None:
    """The edit; None where the editor refuses the prompt."""
    kind, settings = EDITORS[name]
    method, models = make_method(kind, **settings), editor.models
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # words that CLIP does not know
        try:
            return editor.edit(
                editor.sample(seeds=seeds), prompt_for(method, models, Prompt(wording.text, force=True)), method
            )
        except UsageError as error:
            print(f"{wording.text} | {name} | {error}", flush=True)
            return None


def _kept(after: Tensor, columns: Any) -> dict[str, Any]:
    return {"after": after.float().cpu(), "columns": {name: each.float() for name, each in columns.items()}}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


if __name__ == "__main__":
    main()
