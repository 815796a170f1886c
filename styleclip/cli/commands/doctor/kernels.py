"""Compiled kernels in `styleclip doctor`: whether they are there, the compilers, and `--build`."""

from __future__ import annotations

import os
import time

import click

from styleclip.cli.commands.doctor.checks import Finding

KERNELS_NOTE = "a picture takes a fifth longer on a CPU"  # without compiled kernels: benchmarks/generator.md
BUILD_REMEDY = "run `styleclip doctor --build`"
MAX_BUILD_LINES = 40  # of a failed build that STYLECLIP_DEBUG=1 shows


def check_ops() -> Finding:
    import torch

    import cuda_ops
    from cuda_ops.build import TARGETS, library_path, why_cannot_build

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


def build_kernels() -> bool:
    """Compile what can be compiled here, a line each on stderr; False when a compiler fails or there is none."""
    from cuda_ops.build import TARGETS

    built = [_build(target) for target in TARGETS]
    return all(built)


def _build(target: str) -> bool:
    from cuda_ops import build as ops

    if reason := ops.why_cannot_build(target):
        click.echo(f"The {target} kernels are not built: {reason}", err=True)
        return target == "cuda"  # which most machines do without
    click.echo(f"Building the {target} kernels ... ", nl=False, err=True)
    start = time.monotonic()
    try:
        path = ops.build(target)
    except ops.BuildError as error:
        output = error.output.splitlines()[-MAX_BUILD_LINES:]
        debug = os.environ.get("STYLECLIP_DEBUG") == "1"
        hint = "; set STYLECLIP_DEBUG=1 for more of the compiler's words" if output and not debug else ""
        click.echo("\n".join([f"failed\nError: {error}{hint}", *(output if debug else [])]), err=True)
        return False
    click.echo(f"{time.monotonic() - start:.0f} s, {path}", err=True)
    return True
