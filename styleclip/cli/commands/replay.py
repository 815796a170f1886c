"""`styleclip replay`: a result made again from its record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.option import option
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import StageProgress
from styleclip.settings import setting
from styleclip.text.names import slug

WRITTEN = ("*.png", "result.json")
INPUT = "A file that it was made from, or a folder of such files; may be given again.  [default: near the record]"
LEFT_OUT = ("label", "amount", "parent_layers", "translate", "rotate", "dtype", "metadata", "record_paths")


@dataclass(frozen=True)
class ReplayOptions(CommonOptions):
    """The options of `replay`; what is None is read from the record."""

    model: str | None = setting(  # type: ignore[assignment]
        None, "The generator, where it is not where the record says: a name, file or URL.", metavar="NAME"
    )
    clip: str | None = setting(None, "The CLIP, likewise.", metavar="NAME")
    device: str | None = setting(  # type: ignore[assignment]
        None, "Device to run on.  [default: that of the record]", metavar="auto|cpu|cuda[:N]"
    )


@click.command()
@click.argument("path", metavar="RESULT", type=click.Path(exists=True, path_type=Path))
@option("--input", "inputs", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="FILE", help=INPUT)
@option_group("common", ReplayOptions, without=LEFT_OUT)
def replay(common: ReplayOptions, path: Path, inputs: tuple[Path, ...]) -> None:
    """Make RESULT again, and check that it has the same bits: a result.json, its folder, or a PNG alone.

    Says of each picture whether it has the same bits, and what differs: versions, machine, weights. Exit code 1 where a
    picture differs.
    """
    import styleclip

    name = path.parent.name if path.name == "result.json" else path.stem
    folder = common.folder(f"replays/{slug(name)}", WRITTEN)
    with StageProgress("replay", common.quiet) as progress:
        replayed = styleclip.replay(
            path,
            model=common.model,
            clip=common.clip,
            inputs=inputs,
            device=common.device,
            fetch=common.fetch,
            on_step=progress,
        )
    paths = replayed.save(folder, common.overwrite)
    lines = [f"{name}: {'same bits' if same else 'OTHER BITS'}" for name, same in replayed.same.items()]
    common.report(paths, replayed.record(), [*lines, *replayed.differences])
    if not replayed.is_same:
        if not common.as_json and not replayed.differences:
            print_lines("The records are equal, so the processor or its libraries sum in another order", err=True)
        click.get_current_context().exit(1)
