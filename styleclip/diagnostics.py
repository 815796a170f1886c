"""What this machine has and lacks for styleclip: `diagnose()` gives a finding, with a remedy, for every check."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from styleclip.alignment.detectors import DEFAULT_DETECTOR, DETECTORS
from styleclip.errors import UsageError

KERNELS_NOTE = "a picture takes a fifth longer on a CPU"  # without compiled kernels: benchmarks/generator.md
BUILD_REMEDY = "run `styleclip doctor --build`"
LPIPS_REMEDY = "for nearer inversions: `styleclip models pull lpips-alex`"


@dataclass(frozen=True)
class Finding:
    """One line of the table; a `remedy` says what to do, `needed` that nothing works without it."""

    value: str
    remedy: str = ""
    needed: bool = False


def diagnose() -> dict[str, Finding]:
    """The findings of all checks, by name."""
    return {name: _run_check(check) for name, check in CHECKS.items()}


def check_versions() -> Finding:
    from styleclip.storage.files import versions

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
    if file := weight(entry.weight).on_disk:
        return Finding(f"{installed}, {file}")
    return Finding(installed, f"only for --landmarks {name}: `styleclip models pull {entry.weight}`")


def check_perceptual() -> Finding:
    from styleclip.weights.load import trunk_file

    found = trunk_file()
    return Finding(str(found)) if found else Finding("none", LPIPS_REMEDY)


def check_downloads() -> Finding:
    from styleclip.weights.cache import leftovers
    from styleclip.weights.catalog import home

    if not (partial := leftovers()):
        return Finding(str(home()))
    size = sum(path.stat().st_size for path in partial)
    remedy = "fetch them again, which goes on from there, or delete *.partial there"
    return Finding(f"{home()}, with {len(partial)} unfinished ({size / 1e6:,.1f} MB)", remedy)


def check_disk() -> Finding:
    free = shutil.disk_usage(".").free / 2**30
    return Finding(f"{free:.1f} GiB free here", "" if free > 1 else "free some space")


def check_ops() -> Finding:
    import torch

    import cuda_ops
    from cuda_ops.build import TARGETS, why_cannot_build
    from cuda_ops.cache import library_path

    choice = os.environ.get("STYLECLIP_OPS", "auto")
    if choice not in cuda_ops.CHOICES:
        return Finding(f"STYLECLIP_OPS={choice}", f"set it to one of {', '.join(cuda_ops.CHOICES)}", needed=True)
    if choice == "reference":
        return Finding("plain torch, as STYLECLIP_OPS=reference says")
    targets = TARGETS if torch.cuda.is_available() else ("cpu",)
    reasons = {target: reason for target in targets if (reason := cuda_ops.unavailable_reason(target))}
    value = ", ".join(f"{t} {'plain torch' if t in reasons else f'compiled ({library_path(t)})'}" for t in targets)
    if "cuda" not in targets and (built := library_path("cuda")):
        value += f", cuda compiled for GPUs elsewhere ({built})"
    if not reasons:
        return Finding(value)
    target, reason = next(iter(reasons.items()))
    missing = why_cannot_build(target)
    remedy = f"{reason}, and {KERNELS_NOTE}; " + (f"{missing}, then {BUILD_REMEDY}" if missing else BUILD_REMEDY)
    return Finding(value, remedy, needed=choice == "native")


def check_compilers() -> Finding:
    from cuda_ops.build import cuda_toolkit, find_program

    found = {name: find_program(name) for name in ("ninja", "c++")} | {"CUDA toolkit": cuda_toolkit()}
    return Finding(", ".join(f"{name} {path or 'absent'}" for name, path in found.items()))


def _run_check(check: Callable[[], Finding]) -> Finding:
    """The finding of a check; an error of it is a finding, too."""
    try:
        return check()
    except Exception as error:
        return Finding(f"{type(error).__name__}: {error}", "install styleclip again", needed=True)


CHECKS: dict[str, Callable[[], Finding]] = {
    "versions": check_versions,
    "open_clip": check_open_clip,
    "GPU": check_gpu,
    "ops": check_ops,
    "compilers": check_compilers,
    "demo weights": check_demo_weights,
    **{entry.row or name: partial(check_detector, name) for name, entry in DETECTORS.items()},
    "LPIPS": check_perceptual,
    "downloads": check_downloads,
    "disk": check_disk,
}
