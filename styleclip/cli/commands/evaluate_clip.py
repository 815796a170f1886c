"""`styleclip evaluate --clip`: measure a CLIP itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.common import CommonOptions
from styleclip.cli.options.from_settings import option_group
from styleclip.cli.options.option import option
from styleclip.cli.options.types import EXISTING_FILE
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress
from styleclip.errors import UsageError

if TYPE_CHECKING:
    from styleclip.evaluate.benchmarks.report import BenchmarkReport
    from styleclip.networks.clip import CLIP

ITSELF = "default"  # the value of --clip without a name
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
ARO = "With --clip alone, in place of renders: the folder of ARO's files (docs/evaluation.md)."
SYMMETRIC = "The 157 relations that ARO leaves out: its notebook, which lists them as symmetric, or one per line."
SUGARCREPE = "With --clip alone, in place of renders: the folder of SugarCrepe's files; pass --coco, too."
COCO = "The folder of the pictures of COCO val2017."


@dataclass(frozen=True)
class Benchmarks:
    """The files of published benchmarks."""

    aro: Path | None = None
    symmetric: Path | None = None
    sugarcrepe: Path | None = None
    coco: Path | None = None

    def check(self) -> None:
        """Raise UsageError for a file that belongs to another one."""
        if self.symmetric and not self.aro:
            raise UsageError("--symmetric lists relations of ARO; pass it with --aro FOLDER")
        if bool(self.sugarcrepe) != bool(self.coco):
            raise UsageError("SugarCrepe needs its files and the pictures of COCO; pass --sugarcrepe and --coco")

    def any(self) -> bool:
        """Whether a file was given."""
        return any((self.aro, self.symmetric, self.sugarcrepe, self.coco))


benchmark_options = option_group(
    "benchmarks",
    Benchmarks,
    options=[
        option("--aro", type=FOLDER, metavar="FOLDER", help=ARO),
        option("--symmetric", type=EXISTING_FILE, metavar="FILE", help=SYMMETRIC),
        option("--sugarcrepe", type=FOLDER, metavar="FOLDER", help=SUGARCREPE),
        option("--coco", type=FOLDER, metavar="FOLDER", help=COCO),
    ],
)


def measure_clip(common: CommonOptions, seeds: tuple[int, ...] | None, benchmarks: Benchmarks) -> None:
    """Tabulate what the CLIP of `common` understands of composition, on renders or in published benchmarks."""
    import styleclip
    from styleclip.evaluate.benchmarks.report import BENCHMARK_FILES
    from styleclip.evaluate.composition import COMPOSITION_FILES, SEEDS, measure_composition
    from styleclip.runtime.devices import pick_device
    from styleclip.weights.locate import model_parts

    benchmarks.check()
    if seeds and benchmarks.any():
        raise UsageError("--seeds are those of renders; leave them out for a benchmark")
    files = BENCHMARK_FILES if benchmarks.any() else COMPOSITION_FILES
    folder = common.folder("benchmarks" if benchmarks.any() else "composition", files)
    name = str(model_parts(common.model)["clip"]) if common.clip == ITSELF else common.clip
    clip = styleclip.load_clip(name, fetch=common.fetch).to(pick_device(common.device))
    with Progress("evaluate", common.quiet) as progress:
        report = _benchmarks(clip, benchmarks, progress) if benchmarks.any() else None
        measured = report or measure_composition(clip, seeds or SEEDS, progress)
    paths = measured.save(folder, common.overwrite)
    if not common.as_json:
        print_lines(*measured.table().split("\n"))
    common.report(paths, measured.to_json())


def _benchmarks(clip: CLIP, files: Benchmarks, progress: Progress) -> BenchmarkReport:
    from styleclip.evaluate.benchmarks.aro import measure_aro, read_symmetric
    from styleclip.evaluate.benchmarks.report import BenchmarkReport
    from styleclip.evaluate.benchmarks.sugarcrepe import measure_sugarcrepe

    scores = []
    if files.aro:
        symmetric = read_symmetric(files.symmetric) if files.symmetric else None
        scores += measure_aro(clip, files.aro, symmetric, progress)
    if files.sugarcrepe and files.coco:
        scores += measure_sugarcrepe(clip, files.sugarcrepe, files.coco, progress)
    return BenchmarkReport(clip.name, scores)
