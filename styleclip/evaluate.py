"""Measure an editor in the demo world: did the edit hit its target, and what else did it move?

The judge (demo/judge.py) sees attributes; no loss ever uses it. Per prompt, over the faces that lack the attribute:
success is the share on which it sees the target afterwards, leakage the share of the other attributes that it sees
changed, identity the cosine of the recogniser's features before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.demo.captions import alternatives, claims_of
from styleclip.demo.judge import Judge, Verdict, load_judge
from styleclip.demo.world import HIDDEN_BY
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.latents import Latent
from styleclip.methods.base import Method
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.optimize import Optimize
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.weights.catalog import checkpoint_path

METHODS: dict[str, Callable[[], Method]] = {"optimize": Optimize, "global-dir": GlobalDirection}
PROMPTS = (
    "a face with red hair",
    "a face with blonde hair",
    "a face with blue hair",
    "a face with curly hair",
    "a face with long hair",
    "a face with bangs",
    "a bald face",
    "a face wearing a hat",
    "a face with glasses",
    "a face wearing sunglasses",
    "a face with blue eyes",
    "a face with green eyes",
    "a smiling face",
    "a surprised face",
    "a sad face",
    "an angry face",
    "a face with a beard",
    "a face with a moustache",
    "a face wearing makeup",
    "a face with freckles",
    "an old face",
    "a face with earrings",
)
OnCell = Callable[[int, int, dict[str, float]], None]  # cells done, cells in all, success and leakage of the last
CLEARLY = 0.5  # an attribute changed when the state seen before lost more than this much probability


@dataclass(frozen=True)
class Cell:
    """One prompt, averaged over the faces that lacked its attribute."""

    prompt: str
    faces: int
    success: float
    leakage: float
    identity: float
    clip_gain: float
    seconds: float  # per face
    leaks: dict[str, float]  # share of faces on which each other attribute changed


@dataclass(frozen=True)
class Report:
    """A method on many prompts; `mean` averages the prompts."""

    method: str
    settings: dict[str, Any]
    seeds: list[int]
    cells: list[Cell]
    provenance: dict[str, Any] = field(default_factory=dict)

    def mean(self, name: str) -> float:
        return sum(getattr(cell, name) for cell in self.cells) / len(self.cells)

    def table(self) -> str:
        """Markdown: a row per prompt and their mean."""
        names = ("success", "leakage", "identity", "clip_gain", "seconds")
        lines = ["| prompt | faces | " + " | ".join(names) + " |", "|---|" + "---|" * (len(names) + 1)]
        for cell in self.cells:
            values = " | ".join(f"{getattr(cell, name):.2f}" for name in names)
            lines.append(f"| {cell.prompt} | {cell.faces} | {values} |")
        faces = sum(cell.faces for cell in self.cells)
        return "\n".join([*lines, f"| **mean** | {faces} | " + " | ".join(f"{self.mean(n):.3f}" for n in names) + " |"])

    def to_json(self) -> dict[str, Any]:
        means = {name: self.mean(name) for name in ("success", "leakage", "identity", "clip_gain", "seconds")}
        return {**asdict(self), "mean": means}

    def plot(self, path: Path) -> None:
        """Success against leakage as horizontal bars, one pair per prompt."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 1.2 + 0.3 * len(self.cells)), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        prompts = [cell.prompt for cell in self.cells]
        for axis, name, color in zip(axes, ("success", "leakage"), ("tab:blue", "tab:orange"), strict=True):
            axis.barh(prompts, [getattr(cell, name) for cell in self.cells], color=color)
            axis.axvline(self.mean(name), color="black", linewidth=1)
            axis.set_title(f"{name}, mean {self.mean(name):.3f}")
        axes[0].set_xlim(0, 1)
        axes[0].invert_yaxis()
        figure.savefig(path, format="png", dpi=120)


def run(
    models: Models,
    method: str | Method,
    seeds: Sequence[int],
    prompts: Sequence[str] | None = None,
    on_cell: OnCell | None = None,
) -> Report:
    """Edit the face of every seed with every prompt and let the judge look.

    `prompts` must speak of attributes that the judge knows; raises UsageError otherwise. A global direction is found
    between the prompt and what else could be ("a face with black hair", ... for red hair), as it needs a neutral text.
    """
    editing = METHODS[method]() if isinstance(method, str) else method
    texts = PROMPTS if prompts is None else prompts
    cells = _cells(models, [(_prompt(text, editing), editing) for text in texts], seeds, on_cell)
    return Report(editing.name, editing.settings(models), list(seeds), cells, dict(models.provenance))


def run_mappers(
    models: Models, mappers: Sequence[LatentMapper], seeds: Sequence[int], on_cell: OnCell | None = None
) -> Report:
    """As `run`, with a mapper for each prompt: that which its file tells. Raises UsageError where it does not."""
    edits = []
    for mapper in mappers:
        prompt = mapper.trained(models).prompt
        if prompt is None:
            raise UsageError("a mapper does not tell the text it was trained for; pass one that train-mapper wrote")
        edits.append((prompt, mapper))
    settings = {"mappers": [mapper.settings(models) for mapper in mappers]}
    return Report(
        LatentMapper.name, settings, list(seeds), _cells(models, edits, seeds, on_cell), dict(models.provenance)
    )


def _cells(
    models: Models, edits: Sequence[tuple[Prompt, Method]], seeds: Sequence[int], on_cell: OnCell | None
) -> list[Cell]:
    """A cell for every prompt and the method that edits towards it."""
    editor, judge = Editor(models), load_judge(checkpoint_path("demo/judge.safetensors"))
    latent = editor.sample(seeds=seeds)
    seen, cells = judge.see(editor.render(latent)), list[Cell]()
    for prompt, method in edits:
        cells.append(_cell(editor, judge, method, prompt, latent, seen))
        if on_cell is not None:
            on_cell(len(cells), len(edits), {"success": cells[-1].success, "leakage": cells[-1].leakage})
    return cells


def _prompt(text: str, method: Method) -> Prompt:
    neutral = alternatives(text) if getattr(method, "needs_neutral", False) else ()
    return Prompt(text, neutral) if neutral else Prompt(text)


def _cell(editor: Editor, judge: Judge, method: Method, prompt: Prompt, latent: Latent, seen: Verdict) -> Cell:
    """Edit the faces that lack what the prompt asks for; `seen` is what the judge sees of all before."""
    claims = claims_of(prompt.target)
    if not claims:
        raise UsageError(
            f"the judge cannot tell whether {prompt.target!r} came true; name attributes of the demo world"
        )
    lacking = ~_shows(seen, claims)
    if not lacking.any():
        raise UsageError(f"every face already shows {prompt.target!r}; pass more --seeds")
    result = editor.edit(latent[lacking], prompt, method)
    before, after = {name: states[lacking] for name, states in seen.items()}, judge.see(result.after)
    success = _shows(after, claims)
    changed = {name: _changed(before, after, name) for name in before if name not in claims}
    leaks = {name: flags[seen].float().mean().item() if seen.any() else 0.0 for name, (flags, seen) in changed.items()}
    scores = result.scores
    return Cell(
        prompt=prompt.target,
        faces=int(lacking.sum()),
        success=success.float().mean().item(),
        leakage=sum(leaks.values()) / len(leaks),
        identity=sum(score.get("identity", 1.0) for score in scores) / len(scores),
        clip_gain=sum(score["clip_after"] - score["clip_before"] for score in scores) / len(scores),
        seconds=result.seconds / len(scores),
        leaks={name: share for name, share in leaks.items() if share > 0},
    )


def _shows(verdict: Verdict, claims: dict[str, int]) -> Tensor:
    """[N]: whether every claimed state is the most probable one."""
    return torch.stack([verdict[name].argmax(dim=1) == state for name, state in claims.items()]).all(dim=0)


def _changed(before: Verdict, after: Verdict, name: str) -> tuple[Tensor, Tensor]:
    """[N]: whether the attribute clearly changed, and whether it can be seen both before and after."""
    state = before[name].argmax(dim=1, keepdim=True)
    lost = (before[name] - after[name]).gather(1, state)[:, 0]
    changed = (after[name].argmax(dim=1) != state[:, 0]) & (lost > CLEARLY)
    seen = torch.ones_like(changed)
    for hider, hiding in HIDDEN_BY.get(name, ()):
        seen &= (before[hider].argmax(dim=1) != hiding) & (after[hider].argmax(dim=1) != hiding)
    return changed, seen
