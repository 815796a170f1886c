"""`styleclip direction interfacegan`: the direction of an attribute by a linear boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styleclip.cli.commands.direction.entries import add_entry
from styleclip.cli.options.common import COMMON_KINDS, FORCE, CommonOptions, given_neutral
from styleclip.cli.options.from_settings import Command, option_group
from styleclip.cli.options.option import option
from styleclip.cli.options.source import LATENT_SPACE_HELP, SpaceName
from styleclip.cli.options.types import EXISTING_FILE, LAYERS
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import StageProgress
from styleclip.directions.settings import BoundarySettings
from styleclip.errors import UsageError
from styleclip.settings import setting

if TYPE_CHECKING:
    from torch import Tensor

    from styleclip.latents import Latent
    from styleclip.methods.latent_direction import LatentDirection
    from styleclip.models import Models
    from styleclip.progress import OnStep
    from styleclip.prompts import Prompt
    from styleclip.weights.cache import Fetch

DEFAULT_SAMPLES = 500
SCORES = "In place of a text, a CSV file with the columns seed and score; or only score, in the order of --latents."
CONDITION = "A direction whose attribute stays, by name or file; may be given again."


@dataclass(frozen=True)
class ScoreSource:
    """Samples and their scores: a text that CLIP scores drawn or given latents by, or a file of scores."""

    prompt: str | None = setting(None, "The attribute, in words: CLIP scores samples by it.", metavar="TEXT")
    neutral: tuple[str, ...] = setting((), "What samples show instead.  [default: as for edits]", metavar="TEXT")
    force: bool = setting(False, FORCE)
    scores: Path | None = setting(None, SCORES, metavar="FILE")
    latents: Path | None = setting(None, "The samples.  [default: drawn, or the seeds of --scores]", metavar="FILE")
    latent_space: SpaceName | None = setting(None, LATENT_SPACE_HELP)
    samples: int | None = setting(None, f"How many to draw for a text.  [default: {DEFAULT_SAMPLES}]", least=10)

    def __post_init__(self) -> None:
        if (self.prompt is None) is (self.scores is None):
            both = "--prompt and --scores both score the samples" if self.scores else "nothing scores the samples"
            raise UsageError(f"{both}; pass one of --prompt and --scores")
        if self.prompt is None and self.neutral:
            raise UsageError("--neutral is for a text; pass it with --prompt")
        if self.samples is not None and (self.scores or self.latents):
            raise UsageError("--samples draws latents, and a file has them already; leave one of the two out")
        if self.latent_space is not None and self.latents is None:
            raise UsageError("--latent-space says what a file of latents holds; pass it with --latents")

    def text(self) -> Prompt | None:
        """The text, of which the samples are scored; None with --scores. Raises UsageError for empty texts."""
        from styleclip.prompts import Prompt

        return None if self.prompt is None else Prompt(self.prompt, given_neutral(self.neutral), self.force)

    def read(self, models: Models, on_step: OnStep) -> tuple[Latent, Tensor]:
        """The samples and their scores. Raises UsageError for files that do not fit together."""
        from styleclip.directions.scores import clip_scores, drawn_samples, seen_features
        from styleclip.methods.prompt_check import check_prompt
        from styleclip.weights.latent_files import load_latents

        given = load_latents(self.latents, models.generator, self.latent_space) if self.latents else None
        if self.scores is not None:
            return _read_scores(models, self.scores, given)
        text = self.text()
        assert text is not None  # one of both is there
        check_prompt(models, text, by_claims=True)
        if given is not None:
            latent, features = given, seen_features(models, given)
        else:
            latent, features = drawn_samples(models, self.samples or DEFAULT_SAMPLES, on_step)
        return latent, clip_scores(models, text, features)

    def record(self) -> dict[str, Any]:
        """Where the scores come from."""
        from styleclip.weights.file_state import sha256_of

        if self.scores is None:
            return {"scores": "CLIP"}
        return {"scores": self.scores.name, "scores_sha256": sha256_of(self.scores)}


source_options = option_group("source", ScoreSource, {"scores": EXISTING_FILE, "latents": EXISTING_FILE})


@click.command(cls=Command)
@source_options
@option("--condition", "conditions", multiple=True, metavar="NAME", help=CONDITION)
@option("--name", metavar="NAME", required=True, help="The name in the library.")
@option("--layers", type=LAYERS, metavar="LIST", help="Rows of W+ that the direction moves, e.g. 0-7.  [default: all]")
@option("--absolute", is_flag=True, help="Alpha 1 takes a face to the samples that show it, from wherever it is.")
@option_group("settings", BoundarySettings)
@option("--calibrate/--no-calibrate", default=True, help="Measure the unit of --strength.")
@option_group("common", CommonOptions, COMMON_KINDS, without=("out", "metadata", "record_paths"))
def interfacegan(
    common: CommonOptions,
    settings: BoundarySettings,
    source: ScoreSource,
    conditions: tuple[str, ...],
    name: str,
    layers: tuple[int, ...] | None,
    absolute: bool,
    calibrate: bool,
) -> None:
    """Find the direction of an attribute by a linear boundary in W (InterFaceGAN, Shen et al. 2020).

    CLIP scores samples for --prompt, or --scores has scores of your own. Alpha 1 leads from the samples without the
    attribute to those with it.
    """
    from styleclip.directions.interfacegan import interfacegan as find
    from styleclip.directions.library import check_new
    from styleclip.weights.urls import input_name

    text = source.text()
    check_new(name, common.overwrite)
    models = common.load(clip_on_use=True)
    others = [_load_condition(each, models, common.fetch) for each in conditions]
    with StageProgress("interfacegan", common.quiet) as progress:
        latent, scores = source.read(models, progress)
    origin = {**source.record(), **({"conditions": [*map(input_name, conditions)]} if conditions else {})}
    direction = replace(find(models, latent, scores, settings, others, absolute, origin), prompt=text)
    if layers:
        direction = direction.with_layers(layers, models.generator.num_ws)
    add_entry(common, models, [direction], name, calibrate)
    if not common.as_json:
        print_lines(accuracy_line(direction.origin))


def _read_scores(models: Models, path: Path, given: Latent | None) -> tuple[Latent, Tensor]:
    """The samples that a file scores: those of its seeds, or those given."""
    from styleclip.directions.scores import read_scores, seed_latents

    scores, seeds = read_scores(path)
    if given is not None and seeds is not None:
        raise UsageError(f"{path} names its samples by seed; leave --latents out")
    if seeds is not None:
        return seed_latents(models, seeds), scores
    if given is None:
        raise UsageError(f"{path} has no column seed; pass the latents that it scores with --latents")
    if len(given) != len(scores):
        raise UsageError(f"{path} has {len(scores)} scores for {len(given)} latents; pass one for each")
    return given, scores


def _load_condition(name: str, models: Models, fetch: Fetch) -> LatentDirection:
    """Raises UsageError for the direction of a text, which is another for each face."""
    from styleclip.directions.loading import load_direction
    from styleclip.methods.latent_direction import LatentDirection

    direction = load_direction(name, models, fetch)
    if not isinstance(direction, LatentDirection):
        raise UsageError(f"{name} is the direction of a text in s; make a boundary of that text and pass that one")
    return direction


def accuracy_line(origin: Mapping[str, Any]) -> str:
    """How well the boundary tells samples that it was not fitted to."""
    told = [f"{origin['explained']:.0%} of the variance of their scores"] if "explained" in origin else []
    told += [f"{origin['validation']:.0%} of the held-out ones"] if "validation" in origin else []
    told += [f"{origin['remaining']:.0%} of all others"] if "remaining" in origin else []
    return f"Of {origin['samples']:,} samples the boundary tells {', '.join(told)}"
