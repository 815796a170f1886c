"""`replay`: a result made again from its record, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from styleclip.canvases.result import CanvasResult
from styleclip.errors import UsageError
from styleclip.images import pixels_sha256
from styleclip.progress import OnStep, ignore
from styleclip.replays.canvases import draw_again, sketch_again, stylize_again
from styleclip.replays.context import Choice, Context
from styleclip.replays.differences import record_differences
from styleclip.replays.edits import edit_again
from styleclip.replays.inputs import Inputs
from styleclip.replays.photos import invert_again, paste_again
from styleclip.replays.recorded import Recorded, read_recorded
from styleclip.replays.remade import Remade
from styleclip.replays.sheets import samples_again, sheet_again, source_again
from styleclip.weights.cache import Fetch, fetch

MAX_THREADS = 1024

Record = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Replay:
    """A result that was made again.

    Args:
        recorded: the record that was read.
        remade: the result of it.
        same: whether each picture has the same bits as the recorded one, by name.
        differences: what differs between the records: versions, machine, weights, settings.

    Example:
        replay = styleclip.replay("red-hair/after.png")
        print(replay.is_same, *replay.differences, sep="\\n")
    """

    recorded: Recorded
    remade: Remade
    same: Mapping[str, bool]
    differences: Sequence[str]

    @property
    def is_same(self) -> bool:
        """Whether all pictures have the same bits."""
        return all(self.same.values())

    def record(self) -> dict[str, Any]:
        """What was found, as JSON values."""
        return {"replayed": self.recorded.path, "same": dict(self.same), "differences": list(self.differences)}

    def save(self, folder: Path | str, overwrite: bool = False) -> list[Path]:
        """Write the files of the result; raises OutputError as the result does."""
        return self.remade.save(Path(folder), overwrite)


def replay(
    path: Path | str,
    *,
    model: str | None = None,
    clip: str | None = None,
    inputs: Sequence[Path | str] = (),
    device: str | None = None,
    fetch: Fetch = fetch,
    on_step: OnStep = ignore,
) -> Replay:
    """Make a result again from its record, and compare the pixels of its pictures.

    It runs with as many threads as the result did, as sums depend on them. Frames and videos are not made again.
    Raises UsageError for a file without a record, for one of a command that makes no picture, and where a file that the
    result was made from is not found; WeightError for models that are not here.

    Args:
        path: a result.json, its folder, or a PNG.
        model: the generator, where it is not where the record says: a name, file or URL.
        clip: the CLIP, likewise.
        inputs: files, and folders of files, that the result was made from: photos, latents, directions, mappers.
        device: by default that of the record.
        fetch: downloads weights that the record names and that are not on this disk.
        on_step: gets the steps.

    Example:
        replay = styleclip.replay("smiling-photo/photo.png", inputs=["me.jpg"])
    """
    recorded = read_recorded(path)
    files = Inputs(recorded.folder, [Path(each) for each in inputs])
    context = Context(files, Choice(model, clip, device, fetch), on_step)
    try:
        with _threads(recorded.record):
            remade = _remake(context, recorded.record)
            same = {
                name: name in remade.pictures and pixels_sha256(remade.pictures[name]) == sha256
                for name, sha256 in recorded.pictures.items()
            }
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"[:200]
        raise UsageError(
            f"the record in {path} is not whole ({problem}); make the result again by its command"
        ) from error
    return Replay(recorded, remade, same, record_differences(recorded.record, remade.record))


def _remake(context: Context, record: Record) -> Remade:
    """The result of a record, by what it tells."""
    method = record.get("method")
    if record.get("command") == "sample":
        return samples_again(context, record)
    if record.get("pasted"):
        edited = paste_again(context, record)
        return Remade(edited.record(), {"photo.png": edited.pasted[""]}, lambda *to: edited.save(*to))
    if "results" in record:
        return sheet_again(context, record)
    if "stages" in record:
        inversion = invert_again(context, record)
        return Remade(inversion.record(), inversion.pictures(), lambda *to: inversion.save(*to))
    if method == "draw":
        return _canvas(draw_again(context, record))
    if method == "sketch":
        return _canvas(sketch_again(context, record))
    if method == "stylize":
        styled = stylize_again(context, record)
        pictures = {"photo.png": styled.styled, **styled.result.pictures}
        return Remade(styled.record(), pictures, lambda *to: styled.save(*to))
    if method is None or "provenance" not in record:
        made_by = record.get("command") or record.get("measure")
        what = f"the record is of `styleclip {made_by}`, which" if made_by else "the record"
        raise UsageError(f"{what} tells no picture that can be made again; run the command again")
    source = source_again(context, record)
    result = edit_again(context, record, source)
    return Remade(result.record(), _pictures(record, result.pictures()), lambda *to: source.save(result, *to))


def _pictures(record: Record, pictures: Mapping[str, Any]) -> dict[str, Any]:
    """The pictures of an edit; that of the studio has a name of its own and shows what is after the edit."""
    if "studio" in record and "picture" not in record:
        return {**pictures, "": pictures["after.png"]}
    return dict(pictures)


def _canvas(result: CanvasResult) -> Remade:
    return Remade(result.record(), result.pictures, lambda folder, overwrite: result.save(folder, (), overwrite))


@contextmanager
def _threads(record: Record) -> Iterator[None]:
    """Work with the number of threads of a record."""
    results: Sequence[Record] = record.get("results") or [record]
    told = results[0].get("provenance", results[0])
    count = (told.get("machine") or {}).get("threads")
    before = torch.get_num_threads()
    if isinstance(count, int) and 1 <= count <= MAX_THREADS:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
