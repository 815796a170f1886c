"""`styleclip evaluate --clip`: measure a CLIP itself."""

from __future__ import annotations

from styleclip.cli.options.common import CommonOptions
from styleclip.cli.output.printing import print_lines
from styleclip.cli.output.progress import Progress

ITSELF = "default"  # the value of --clip without a name


def measure_clip(common: CommonOptions, seeds: tuple[int, ...] | None) -> None:
    """Tabulate what the CLIP of `common` understands of composition."""
    import styleclip
    from styleclip.evaluate.composition import COMPOSITION_FILES, SEEDS, measure_composition
    from styleclip.runtime.devices import pick_device
    from styleclip.weights.locate import model_parts

    folder = common.folder("composition", COMPOSITION_FILES)
    name = str(model_parts(common.model)["clip"]) if common.clip == ITSELF else common.clip
    clip = styleclip.load_clip(name, fetch=common.fetch).to(pick_device(common.device))
    with Progress("evaluate", common.quiet) as progress:
        report = measure_composition(clip, seeds or SEEDS, progress)
    paths = report.save(folder, common.overwrite)
    if not common.as_json:
        print_lines(*report.table().split("\n"))
    common.report(paths, report.to_json())
