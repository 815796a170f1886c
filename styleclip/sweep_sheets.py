"""Sheets and videos of a sweep: all faces at every strength and every threshold, labelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from styleclip.editor import Editor
from styleclip.images import fit_to, to_pil
from styleclip.latents import Latent, Space
from styleclip.methods.channel_report import channel_count
from styleclip.methods.latent_direction import LatentDirection
from styleclip.methods.slider_edit import name_of
from styleclip.results import EditResult
from styleclip.settings import Strength, format_number
from styleclip.sheets import LARGE_CELL, View, faces_sheet, labelled_sheet, rows_of_faces, thumbnails
from styleclip.sweep_edits import AnyDirection
from styleclip.sweeps import SweepPoint, SweepResult

FRAMES = 31  # from one end of a sweep to the other
FACTORS = (0.5, 1.0, 1.5)  # of a single strength, on a sheet


@dataclass(frozen=True)
class SweepSummary:
    """A result of a sweep as latents in S [N, C] and small pictures; the full pictures of many need much memory.

    `steps` are the latents with the first of several edits, with the first two, ..., with all.
    """

    point: SweepPoint
    source: Latent
    edited: Latent
    steps: Sequence[Latent]
    pictures: Sequence[Image]

    @staticmethod
    def of(editor: Editor, result: SweepResult) -> SweepSummary:
        generator, edit = editor.models.generator, result.result
        source, edited = (generator.to_space(latent, Space.S) for latent in (edit.source, edit.edited))
        point = SweepPoint(result.combination, result.directions)
        return SweepSummary(point, source, edited, edit.steps, thumbnails(edit.after))

    def view(self) -> View:
        return View(_amount_label(self.point, self.point.amount), beta_label(self.point), self.pictures)

    def views(self, editor: Editor) -> Iterator[View]:
        """The result among others: after every one of several edits, or at 0.5, 1 and 1.5 times a number.

        An absolute direction stands alone: what lies between is at no alpha that is known.
        """
        amount = self.point.amount
        latents, labels = [self.edited], [_amount_label(self.point, amount)]
        if len(self.point.directions) > 1:
            latents = list(self.steps)
            labels = [f"{'+ ' * (i > 0)}{name_of(each)}" for i, each in enumerate(self.point.directions)]
        elif isinstance(amount, float) and amount and not _is_absolute(self.point.directions[0]):
            latents = [self.source + factor * (self.edited - self.source) for factor in FACTORS]
            labels = [_amount_label(self.point, round(factor * amount, 6)) for factor in FACTORS]
        for latent, label in zip(latents, labels, strict=True):
            yield View(label, beta_label(self.point), thumbnails(editor.render(latent)))


def sweep_sheet(editor: Editor, summaries: Sequence[SweepSummary], faces: Sequence[str]) -> Image:
    """The labelled sheet of a sweep; a single strength is shown among others. `faces` are their labels."""
    single = len({(summary.point.alpha, summary.point.strength) for summary in summaries}) == 1
    views = [view for each in summaries for view in (each.views(editor) if single else [each.view()])]
    return faces_sheet(thumbnails(editor.render(summaries[0].source)), views, faces)


def strength_sheet(editor: Editor, results: Mapping[float, EditResult], faces: Sequence[str]) -> Image:
    """The labelled sheet of one edit at several strengths; a single one is shown at 0.5, 1 and 1.5 times as much.

    Args:
        editor: renders what is between.
        results: by strength the results of the same latents.
        faces: the labels of the latents.
    """
    first = next(iter(results.values()))
    images = {strength: result.after for strength, result in results.items()}
    if len(results) == 1:
        [strength] = results
        source = editor.models.generator.to_space(first.source, first.edited.space)
        step = first.edited - source
        images = {factor * strength: editor.render(source + factor * step) for factor in FACTORS}
    views = [View(f"strength {format_number(each)}", "", thumbnails(shown)) for each, shown in images.items()]
    return faces_sheet(thumbnails(first.before), views, faces)


def sweep_range(summaries: Sequence[SweepSummary]) -> dict[str, tuple[Latent, Latent]]:
    """The first and the last latents of a video, for the label of each beta.

    They are those of the lowest and the highest of several numbers, else the source and the last result.
    """
    ranges: dict[str, tuple[Latent, Latent]] = {}
    for beta in dict.fromkeys(summary.point.beta for summary in summaries):
        row = [summary for summary in summaries if summary.point.beta == beta]
        numbers = {each.point.amount: each.edited for each in row if isinstance(each.point.amount, float)}
        first = numbers[min(numbers)] if len(numbers) > 1 else row[0].source
        last = numbers[max(numbers)] if len(numbers) > 1 else row[-1].edited
        ranges[beta_label(row[0].point)] = first, last
    return ranges


def sweep_frames(editor: Editor, ranges: Mapping[str, tuple[Latent, Latent]]) -> Iterator[Image]:
    """FRAMES frames from the first latents to the last ones, below one another where there are several labels."""
    for frame in range(FRAMES):
        rows: list[Sequence[Image]] = []
        labels: list[str] = []
        for label, (first, last) in ranges.items():
            latent = first + frame / (FRAMES - 1) * (last - first)
            lines = rows_of_faces([fit_to(picture, LARGE_CELL) for picture in thumbnails(editor.render(latent))])
            rows, labels = rows + lines, labels + [label] * len(lines)
        yield labelled_sheet(rows, (), labels if len(ranges) > 1 else (), LARGE_CELL)


def sweep_films(editor: Editor, ranges: Mapping[str, tuple[Latent, Latent]]) -> dict[str, list[Image]]:
    """The pictures of a single face on the way from the first latents to the last and back, for a video of its photo.

    By the name of the video: "photo", or photo_1, photo_2, ... where there are several labels.
    """
    films: dict[str, list[Image]] = {}
    for number, (first, last) in enumerate(ranges.values(), start=1):
        latents = (first + frame / (FRAMES - 1) * (last - first) for frame in range(FRAMES))
        pictures = [to_pil(editor.render(latent))[0] for latent in latents]
        films["photo" if len(ranges) == 1 else f"photo_{number}"] = [*pictures, *pictures[-2:0:-1]]
    return films


def beta_label(point: SweepPoint) -> str:
    """The threshold; of a single edit with the value that "auto" came to and the number of channels.

    Where nothing was asked for and all channels move, as by regression, it is empty.
    """
    if len(point.directions) > 1:
        return "" if point.beta is None else f"beta {format_number(point.beta)}"
    [direction] = point.directions
    if isinstance(direction, LatentDirection) or (point.beta is None and not direction.beta):
        return ""
    value = format_number(point.beta) if isinstance(point.beta, float) else f"{point.beta or ''} {direction.beta:.3f}"
    return f"beta {value}\n{channel_count(len(direction.channels))}"


def _is_absolute(direction: AnyDirection) -> bool:
    return isinstance(direction, LatentDirection) and direction.center is not None


def _amount_label(point: SweepPoint, amount: Strength | None) -> str:
    name = "alpha" if point.strength is None else "strength"
    return "edited" if amount is None else f"{name} {format_number(amount)}"
