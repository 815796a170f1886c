"""`styleclip sample`: draw pictures from the generator."""

from __future__ import annotations

import click

from styleclip.cli.options.common import CommonOptions, common_options
from styleclip.cli.options.option import option
from styleclip.cli.options.types import PSI_RANGE, SEEDS
from styleclip.cli.output.progress import Progress

SAMPLE_FILES = ("seed_[0-9]*[0-9].png", "sheet.png", "latent.safetensors")


@click.command()
@option("--seeds", type=SEEDS, default="0-7", metavar="LIST", help="The samples to draw, e.g. 0-7,12.")
@option("--psi", type=PSI_RANGE, metavar="F", default=1.0, help="Truncation: 1 is none, 0 the mean face.")
@common_options
def sample(common: CommonOptions, seeds: tuple[int, ...], psi: float) -> None:
    """Draw one picture per seed, a sheet of all, and their latents."""
    import styleclip
    from styleclip.images import png_bytes, to_pil
    from styleclip.latents import save_latent
    from styleclip.networks.machine import machine_record
    from styleclip.sheets import contact_sheet
    from styleclip.storage.files import atomic_write, versions
    from styleclip.storage.result_folder import ResultFolder
    from styleclip.storage.temporaries import final_path
    from styleclip.weights.urls import input_name

    folder = common.folder("samples", SAMPLE_FILES)
    editor = styleclip.Editor(common.load(clip_on_use=True))
    latent = editor.sample(seeds=list(seeds), psi=psi)
    settings = {
        "command": "sample",
        "model": input_name(common.model),
        "label": common.label,
        "seeds": seeds,
        "psi": psi,
    }
    record = {**settings, **editor.models.provenance, "versions": versions(), "machine": machine_record()}
    pictures, paths = [], []
    output = ResultFolder(folder, SAMPLE_FILES, common.overwrite)
    with output, Progress("sample", common.quiet) as progress:
        for i, seed in enumerate(seeds):
            image = editor.render(latent[i])
            pictures += to_pil(image)
            [picture] = to_pil(image, keep_channels=True)
            name = f"seed_{seed:04d}.png"
            png = png_bytes(picture, common.recording.of_picture({**record, "seed": seed}, name))
            paths.append(atomic_write(output.place / name, png))
            progress.show(i + 1, len(seeds))
        sheet = contact_sheet(pictures, [f"seed {seed}" for seed in seeds])
        png = png_bytes(sheet, common.recording.of_picture(record, "sheet.png"))
        paths.append(atomic_write(output.place / "sheet.png", png))
        paths.append(save_latent(latent, output.place / "latent.safetensors"))
    common.report([final_path(path) for path in paths], common.recording.of_json(record, folder))
