"""The edits of one call of `global-dir`, found once for all strengths and betas. Imported when the command works."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from styleclip.cli.wishes import AlphaBeta, EditRequest
from styleclip.errors import UsageError
from styleclip.latents import Latent, Space
from styleclip.methods.direction_files import load_direction
from styleclip.methods.global_direction import GlobalDirection
from styleclip.methods.style_direction import StyleDirection
from styleclip.models import Models
from styleclip.progress import OnStep, ignore
from styleclip.prompts import Prompt
from styleclip.settings import Strength
from styleclip.weights.load import sha256_of


class TableWarning(UserWarning):
    """A generator without a relevance table."""


@dataclass
class Turn:
    """A method whose direction is found, and which remembers how far every image went, and where to."""

    method: GlobalDirection
    edit: StyleDirection
    origin: dict[str, Any]  # of its relevance
    alphas: list[float] = field(default_factory=list)  # of every image
    after: Latent | None = None

    name: ClassVar[str] = GlobalDirection.name

    def settings(self, models: Models) -> dict[str, Any]:
        return self.method.settings(models)

    def __call__(self, models: Models, latent: Latent, prompt: Prompt, on_step: OnStep = ignore) -> Latent:
        source = models.generator.to_space(latent, Space.S)
        alpha = self.method.strengths(models, source, self.edit, on_step)
        self.alphas, self.after = [round(value, 6) for value in alpha.tolist()], self.edit.apply(source, alpha)
        return self.after

    def record(self) -> dict[str, Any]:
        """What "auto" came to and where the direction comes from, for `result.json`."""
        return {
            "target": self.edit.prompt.target,
            "neutral": self.edit.prompt.neutral,
            "alpha": self.alphas,
            "beta": self.edit.beta,
            "channels": len(self.edit.channels),
            "movement": self.edit.movement,
            "relevance": self.origin,
        }


def check(texts: Sequence[EditRequest], method: GlobalDirection, combinations: Collection[AlphaBeta]) -> None:
    """Raise UsageError for texts and settings that make no sense, before anything is loaded."""
    if method.channels is not None and not texts:
        raise UsageError("a saved direction has its channels already; leave out --channels")
    for wish in texts:
        wish.prompt()
        for combination in combinations:
            _settled(method, wish, combination)


def find_turns(
    models: Models, wishes: Iterable[EditRequest], method: GlobalDirection, combinations: Sequence[AlphaBeta]
) -> dict[AlphaBeta, Sequence[Turn]]:
    """For every combination the edits in turn. Raises UsageError where texts single out no channel."""
    columns = [_turns(models, wish, method, combinations) for wish in wishes]
    return dict(zip(combinations, zip(*columns, strict=True), strict=True))


def _turns(models: Models, wish: EditRequest, method: GlobalDirection, combinations: Sequence[AlphaBeta]) -> list[Turn]:
    """One edit at every combination."""
    if wish.saved:
        return _saved_turns(models, wish.saved, wish.alpha, method, combinations)
    prompt = wish.prompt()
    origin, seen = _origin(models, method), method.measure(models, prompt)
    methods = [_settled(method, wish, combination) for combination in combinations]
    edits = [each.select(models, prompt, seen) for each in methods]
    return [
        Turn(replace(each, alpha=edit.alpha, found=edit), edit, origin)
        for each, edit in zip(methods, edits, strict=True)
    ]


def _saved_turns(
    models: Models, path: Path, alpha: Strength | None, method: GlobalDirection, combinations: Sequence[AlphaBeta]
) -> list[Turn]:
    edit = load_direction(path, models)
    origin = {"source": "file", "file": path.resolve(), "sha256": sha256_of(path)}
    alphas = [_first(alpha, combination.alpha, edit.alpha) for combination in combinations]
    saved = replace(method, beta=edit.beta, channels=None, found=edit)
    return [Turn(replace(saved, alpha=each), edit, origin) for each in alphas]


def _origin(models: Models, method: GlobalDirection) -> dict[str, Any]:
    """Where the relevance of texts comes from. Issues a TableWarning for "auto" where there is no table."""
    table = None if method.relevance == "gradient" else models.relevance()
    if table is not None:
        if method.refine_top:
            raise UsageError("this generator has a relevance table; pass --refine-top with --relevance gradient")
        return {"source": "table", **table.about}
    if method.relevance == "auto":
        warnings.warn(
            f"this generator has no relevance table, so the gradient over {method.images} images takes its place; "
            "`styleclip prepare` makes the table, once",
            TableWarning,
            stacklevel=2,
        )
    return {"source": "gradient", "images": method.images, "seed": method.seed, "refine_top": method.refine_top}


def _settled(method: GlobalDirection, wish: EditRequest, combination: AlphaBeta) -> GlobalDirection:
    """`method` with the strength and beta of an edit by texts."""
    alpha = _first(wish.alpha, combination.alpha)
    if wish.beta is not None:
        return replace(method, alpha=alpha, beta=wish.beta, channels=None)
    return replace(method, alpha=alpha, beta=_first(combination.beta))


def _first(*values: Strength | None) -> Any:
    return next((value for value in values if value is not None), None)
