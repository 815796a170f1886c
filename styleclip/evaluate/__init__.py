"""Measure an editor in the demo world: success and leakage of its edits, by a classifier that no loss ever sees.

Per prompt, over the faces that lack the attribute: success is the fraction on which the judge (demo/judge.py) sees the
target afterwards, leakage the fraction of the other attributes that it sees changed, identity the cosine of the
face-recognition features before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.demo.captions import alternatives, claimed_states
from styleclip.demo.judge import Judge, Verdict, load_judge
from styleclip.demo.world import HIDDEN_BY
from styleclip.editor import Editor
from styleclip.errors import UsageError
from styleclip.files import atomic_path, atomic_write, to_json
from styleclip.latents import Latent
from styleclip.methods import make_method
from styleclip.methods.base import Method
from styleclip.methods.mapper import LatentMapper
from styleclip.models import Models
from styleclip.progress import OnStep, Step, ignore
from styleclip.prompts import Prompt
from styleclip.weights.catalog import checkpoint_path

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
MIN_LOST_PROBABILITY = 0.5  # an attribute changed when its state before the edit lost more than this


@dataclass(frozen=True)
class PromptScore:
    """One prompt, averaged over the faces that lacked its attribute."""

    prompt: str
    faces: int
    success: float
    leakage: float
    identity: float
    clip_gain: float
    seconds: float  # per face
    leaks: dict[str, float]  # fraction of faces on which each other attribute changed


@dataclass(frozen=True)
class Report:
    """A method on many prompts; `mean` averages the prompts."""

    method: str
    settings: dict[str, Any]
    seeds: list[int]
    cells: list[PromptScore]
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

    def save(self, folder: Path) -> list[Path]:
        """Write report.png and report.json."""
        with atomic_path(folder / "report.png") as temporary:
            self.plot(temporary)
        return [folder / "report.png", atomic_write(folder / "report.json", to_json(self.to_json()).encode())]

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
    on_step: OnStep = ignore,
) -> Report:
    """Edit the face of every seed towards every prompt, and measure each with the judge.

    `method` may be a name of `styleclip.methods.METHODS`. A method that needs a neutral text gets the other states of
    the attribute: "a face with black hair" and so on for red hair. A step is a prompt. Raises UsageError for prompts
    without an attribute that the judge knows.
    """
    editing = make_method(method) if isinstance(method, str) else method
    edits = [(_prompt(text, editing), editing) for text in (PROMPTS if prompts is None else prompts)]
    cells = _prompt_scores(models, edits, seeds, on_step)
    return Report(editing.name, editing.settings(models), list(seeds), cells, dict(models.provenance))


def run_mappers(
    models: Models, mappers: Sequence[LatentMapper], seeds: Sequence[int], on_step: OnStep = ignore
) -> Report:
    """As `run`, with one mapper per prompt: the prompt in its file. Raises UsageError where there is none."""
    edits = []
    for mapper in mappers:
        prompt = mapper.load_mapper(models).prompt
        if prompt is None:
            raise UsageError("a mapper does not tell the text it was trained for; pass one that train-mapper wrote")
        edits.append((prompt, mapper))
    settings = {"mappers": [mapper.settings(models) for mapper in mappers]}
    cells = _prompt_scores(models, edits, seeds, on_step)
    return Report(LatentMapper.name, settings, list(seeds), cells, dict(models.provenance))


def read_prompts(path: Path) -> list[str]:
    """The lines of a file without blank lines and `#` comments; raises UsageError where none is left."""
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file in UTF-8; write one prompt per line") from error
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise UsageError(f"{path} holds no prompt; write one per line")
    return prompts


def _prompt_scores(
    models: Models, edits: Sequence[tuple[Prompt, Method]], seeds: Sequence[int], on_step: OnStep
) -> list[PromptScore]:
    """A score for every prompt and the method that edits towards it."""
    editor, judge = Editor(models), load_judge(checkpoint_path("demo/judge.safetensors"))
    latent = editor.sample(seeds=seeds)
    before, scores = judge.predict(editor.render(latent)), list[PromptScore]()
    for prompt, method in edits:
        scores.append(_prompt_score(editor, judge, method, prompt, latent, before))
        values = {"success": scores[-1].success, "leakage": scores[-1].leakage}
        on_step(Step(len(scores), len(edits), values))
    return scores


def _prompt(text: str, method: Method) -> Prompt:
    neutral = alternatives(text) if getattr(method, "needs_neutral", False) else ()
    return Prompt(text, neutral) if neutral else Prompt(text)


def _prompt_score(
    editor: Editor, judge: Judge, method: Method, prompt: Prompt, latent: Latent, verdict: Verdict
) -> PromptScore:
    """Edit the faces that lack the attributes of the prompt; `verdict` is that of all faces before."""
    claims = claimed_states(prompt.target)
    if not claims:
        raise UsageError(
            f"the judge cannot tell whether {prompt.target!r} came true; name attributes of the demo world"
        )
    lacking = ~_has_states(verdict, claims)
    if not lacking.any():
        raise UsageError(f"every face already shows {prompt.target!r}; pass more --seeds")
    result = editor.edit(latent[lacking], prompt, method)
    before, after = {name: states[lacking] for name, states in verdict.items()}, judge.predict(result.after)
    leaks = {}
    for name in (name for name in before if name not in claims):
        changed, visible = _attribute_change(before, after, name)
        leaks[name] = changed[visible].float().mean().item() if visible.any() else 0.0
    scores = result.scores
    return PromptScore(
        prompt=prompt.target,
        faces=int(lacking.sum()),
        success=_has_states(after, claims).float().mean().item(),
        leakage=sum(leaks.values()) / len(leaks),
        identity=sum(score.get("identity", 1.0) for score in scores) / len(scores),
        clip_gain=sum(score["clip_after"] - score["clip_before"] for score in scores) / len(scores),
        seconds=result.seconds / len(scores),
        leaks={name: leak for name, leak in leaks.items() if leak > 0},
    )


def _has_states(verdict: Verdict, claims: dict[str, int]) -> Tensor:
    """[N]: whether every claimed state is the most probable one."""
    return torch.stack([verdict[name].argmax(dim=1) == state for name, state in claims.items()]).all(dim=0)


def _attribute_change(before: Verdict, after: Verdict, name: str) -> tuple[Tensor, Tensor]:
    """[N]: whether the attribute clearly changed, and whether it can be seen both before and after."""
    state = before[name].argmax(dim=1, keepdim=True)
    lost = (before[name] - after[name]).gather(1, state)[:, 0]
    changed = (after[name].argmax(dim=1) != state[:, 0]) & (lost > MIN_LOST_PROBABILITY)
    visible = torch.ones_like(changed)
    for hider, hiding in HIDDEN_BY.get(name, ()):
        visible &= (before[hider].argmax(dim=1) != hiding) & (after[hider].argmax(dim=1) != hiding)
    return changed, visible
