"""`styleclip doctor`: what this machine has, and what to do about what it lacks."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

import click

KERNELS_NOTE = "a picture takes a fifth longer on a CPU"  # without compiled kernels: benchmarks/generator.md
BUILD_REMEDY = "run `styleclip doctor --build`"
MAX_BUILD_LINES = 40  # lines of a failed build that STYLECLIP_DEBUG=1 shows


@dataclass(frozen=True)
class Finding:
    """One line of the table; a `remedy` says what to do, `needed` that nothing works without it."""

    value: str
    remedy: str = ""
    needed: bool = False


@click.command()
@click.option("--build", is_flag=True, help="First compile the kernels: for the CPU, and for GPUs where CUDA is.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON and nothing else.")
def doctor(build: bool, as_json: bool) -> None:
    """Report versions, devices, compilers and weights; exit code 1 when something needed is missing."""
    from styleclip.files import to_json

    built = _build_ops() if build else True
    findings = {name: _run_check(check) for name, check in CHECKS.items()}
    click.echo(to_json(findings) if as_json else _table(findings), nl=False)
    if not built or any(finding.needed and finding.remedy for finding in findings.values()):
        click.get_current_context().exit(1)


def _build_ops() -> bool:
    """Compile what can be compiled here, a line each on stderr; False when a compiler fails or there is none."""
    from styleclip.networks import ops

    built = [_build(target) for target in ops.TARGETS]
    return all(built)


def _build(target: str) -> bool:
    from styleclip.networks import ops

    if reason := ops.missing(target):
        click.echo(f"The {target} kernels are not built: {reason}", err=True)
        return target == "cuda"  # a machine may well do without
    click.echo(f"Building the {target} kernels ... ", nl=False, err=True)
    start = time.monotonic()
    try:
        path = ops.build(target)
    except ops.BuildError as error:
        said = error.output.splitlines()[-MAX_BUILD_LINES:]
        debug = os.environ.get("STYLECLIP_DEBUG") == "1"
        hint = "; set STYLECLIP_DEBUG=1 for more of the compiler's words" if said and not debug else ""
        click.echo("\n".join([f"failed\nError: {error}{hint}", *(said if debug else [])]), err=True)
        return False
    click.echo(f"{time.monotonic() - start:.0f} s, {path}", err=True)
    return True


def _packages() -> Finding:
    from styleclip.files import versions

    return Finding(", ".join(f"{name} {version}" for name, version in versions().items()))


def _open_clip() -> Finding:
    import open_clip

    return Finding(f"{open_clip.__version__}, {len(open_clip.list_pretrained())} pretrained models known", needed=True)


def _cuda() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("none", "edits run on the CPU; for a GPU install its driver and a CUDA build of torch")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Finding(f"CUDA {torch.version.cuda}: {', '.join(names)}")


def _ops() -> Finding:
    import torch

    from styleclip.networks import ops

    choice = os.environ.get("STYLECLIP_OPS", "auto")
    if choice not in ops.CHOICES:
        return Finding(f"STYLECLIP_OPS={choice}", f"set it to one of {', '.join(ops.CHOICES)}", needed=True)
    if choice == "reference":
        return Finding("plain torch, as STYLECLIP_OPS=reference says")
    here = ops.TARGETS if torch.cuda.is_available() else ("cpu",)
    troubles = {target: trouble for target in here if (trouble := ops.trouble(target))}
    value = ", ".join(f"{t} {'plain torch' if t in troubles else f'compiled ({ops.library(t)})'}" for t in here)
    if "cuda" not in here and (built := ops.library("cuda")):
        value += f", cuda compiled for GPUs elsewhere ({built})"
    if not troubles:
        return Finding(value)
    target, trouble = next(iter(troubles.items()))
    lacking = ops.missing(target)
    remedy = f"{trouble}, and {KERNELS_NOTE}; " + (f"{lacking}, then {BUILD_REMEDY}" if lacking else BUILD_REMEDY)
    return Finding(value, remedy, needed=choice == "native")


def _compilers() -> Finding:
    from styleclip.networks import ops

    found = {name: ops.find(name) for name in ("ninja", "c++")} | {"CUDA toolkit": ops.toolkit()}
    return Finding(", ".join(f"{name} {path or 'absent'}" for name, path in found.items()))


def _demo_weights() -> Finding:
    from styleclip.weights.resources import checkpoint_path

    folder = checkpoint_path("demo")
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    if not names:
        return Finding(f"none in {folder}", "install styleclip again", needed=True)
    return Finding(f"{', '.join(names)} in {folder}", needed=True)


def _faces() -> Finding:
    from styleclip.alignment.detectors import mtcnn_detector

    mtcnn_detector()
    return Finding("MTCNN of facenet-pytorch", needed=True)


def _landmarks() -> Finding:
    from styleclip.alignment.dlib_predictor import import_dlib
    from styleclip.weights.catalog import weight

    version, predictor = import_dlib().__version__, weight("landmarks-68")
    if predictor.path.is_file():
        return Finding(f"dlib {version}, {predictor.path}")
    return Finding(f"dlib {version}", f"only for --landmarks dlib: `styleclip models pull {predictor.name}`")


def _perceptual() -> Finding:
    from styleclip.weights.perceptual import trunk_file

    found = trunk_file()
    return Finding(
        str(found) if found else "none", "" if found else "for nearer inversions: `styleclip models pull lpips-alex`"
    )


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 2**30
    return Finding(f"{free:.1f} GiB free here", "" if free > 1 else "free some space")


CHECKS: dict[str, Callable[[], Finding]] = {
    "versions": _packages,
    "open_clip": _open_clip,
    "GPU": _cuda,
    "ops": _ops,
    "compilers": _compilers,
    "demo weights": _demo_weights,
    "faces": _faces,
    "landmarks": _landmarks,
    "LPIPS": _perceptual,
    "disk": _disk,
}


def _run_check(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # a doctor reports what is broken, whatever it is
        return Finding(f"{type(error).__name__}: {error}", "install styleclip again", needed=True)


def _table(findings: dict[str, Finding]) -> str:
    width = max(map(len, findings))
    lines = []
    for name, finding in findings.items():
        mark = "ok" if not finding.remedy else "XX" if finding.needed else "--"
        lines.append(f"{mark}  {name:<{width}}  {finding.value}")
        if finding.remedy:
            lines.append(f"{'':<{width + 6}}-> {finding.remedy}")
    return "\n".join(lines) + "\n"
