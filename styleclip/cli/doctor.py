"""`styleclip doctor`: what this machine has, and what to do about what it lacks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Finding:
    """One line of the table; a `remedy` says what to do, `needed` that nothing works without it."""

    value: str
    remedy: str = ""
    needed: bool = False


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON and nothing else.")
def doctor(as_json: bool) -> None:
    """Report versions, devices, compilers and weights; exit code 1 when something needed is missing."""
    from styleclip.records import to_json

    findings = {name: _examine(check) for name, check in CHECKS.items()}
    click.echo(to_json(findings) if as_json else _table(findings), nl=False)
    if any(finding.needed and finding.remedy for finding in findings.values()):
        click.get_current_context().exit(1)


def _packages() -> Finding:
    from styleclip.records import versions

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
    from styleclip.models import backend

    return Finding(backend(), needed=True)


def _compilers() -> Finding:
    found = {name: shutil.which(name) for name in ("ninja", "c++", "nvcc")}
    return Finding(", ".join(f"{name} {path or 'absent'}" for name, path in found.items()))


def _demo_weights() -> Finding:
    from styleclip.weights.resources import checkpoint_path

    folder = checkpoint_path("demo")
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    if not names:
        return Finding(f"none in {folder}", "install styleclip again", needed=True)
    return Finding(f"{', '.join(names)} in {folder}", needed=True)


def _faces() -> Finding:
    from styleclip.alignment.faces import mtcnn_detector

    mtcnn_detector()
    return Finding("MTCNN of facenet-pytorch", needed=True)


def _landmarks() -> Finding:
    from styleclip.alignment.predictors import import_dlib
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


def _examine(check: Callable[[], Finding]) -> Finding:
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
