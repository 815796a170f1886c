"""The checks of `styleclip doctor`: each looks at one thing of this machine and names a remedy if it is missing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from styleclip.alignment.detectors import DEFAULT_DETECTOR, DETECTORS
from styleclip.errors import UsageError

LPIPS_REMEDY = "for nearer inversions: `styleclip models pull lpips-alex`"


@dataclass(frozen=True)
class Finding:
    """One line of the table; a `remedy` says what to do, `needed` that nothing works without it."""

    value: str
    remedy: str = ""
    needed: bool = False


def check_versions() -> Finding:
    from styleclip.files import versions

    return Finding(", ".join(f"{name} {version}" for name, version in versions().items()))


def check_open_clip() -> Finding:
    import open_clip

    return Finding(f"{open_clip.__version__}, {len(open_clip.list_pretrained())} pretrained models known", needed=True)


def check_gpu() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("none", "edits run on the CPU; for a GPU install its driver and a CUDA build of torch")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Finding(f"CUDA {torch.version.cuda}: {', '.join(names)}")


def check_demo_weights() -> Finding:
    from styleclip.weights.catalog import checkpoint_path

    folder = checkpoint_path("demo")
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    if not names:
        return Finding(f"none in {folder}", "install styleclip again", needed=True)
    return Finding(f"{', '.join(names)} in {folder}", needed=True)


def check_detector(name: str) -> Finding:
    from styleclip.weights.catalog import weight

    entry = DETECTORS[name]
    try:
        installed = entry.load_module().check()
    except UsageError as error:
        value, _, remedy = str(error).rpartition("; ")
        return Finding(value, remedy, needed=name == DEFAULT_DETECTOR)
    if entry.weight is None:
        return Finding(installed, needed=name == DEFAULT_DETECTOR)
    file = weight(entry.weight).path
    if file.is_file():
        return Finding(f"{installed}, {file}")
    return Finding(installed, f"only for --landmarks {name}: `styleclip models pull {entry.weight}`")


def check_perceptual() -> Finding:
    from styleclip.weights.load import trunk_file

    found = trunk_file()
    return Finding(str(found)) if found else Finding("none", LPIPS_REMEDY)


def check_disk() -> Finding:
    free = shutil.disk_usage(".").free / 2**30
    return Finding(f"{free:.1f} GiB free here", "" if free > 1 else "free some space")
