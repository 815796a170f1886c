"""`styleclip doctor`: report what this machine has and what is missing, and compile the kernels."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from styleclip.cli.options.option import option
from styleclip.cli.output.printing import print_json, print_lines
from styleclip.cli.output.tables import table

if TYPE_CHECKING:
    from styleclip.diagnostics import Finding

MAX_BUILD_LINES = 40  # of a failed build that STYLECLIP_DEBUG=1 shows


@click.command()
@option("--build", is_flag=True, help="First compile the kernels: for the CPU, and for GPUs where CUDA is.")
@option("--json", "as_json", is_flag=True, help="Print the findings as JSON and nothing else.")
def doctor(build: bool, as_json: bool) -> None:
    """Report versions, devices, compilers and weights; exit code 1 when something needed is missing."""
    from styleclip.diagnostics import diagnose

    built = _build_kernels() if build else True
    findings = diagnose()
    print_json(findings) if as_json else print_lines(*_report(findings))
    if not built or any(finding.needed and finding.remedy for finding in findings.values()):
        click.get_current_context().exit(1)


def _report(findings: Mapping[str, Finding]) -> list[str]:
    """A row per finding, and below it one for its remedy."""
    rows: list[tuple[str, str, str]] = []
    for name, finding in findings.items():
        mark = "ok" if not finding.remedy else "XX" if finding.needed else "--"
        rows.append((mark, name, finding.value))
        if finding.remedy:
            rows.append(("", "", f"-> {finding.remedy}"))
    return table(rows)


def _build_kernels() -> bool:
    """Compile what can be compiled here, a line each on stderr; False when a compiler fails or there is none."""
    from cuda_ops.build import TARGETS

    built = [_build(target) for target in TARGETS]
    return all(built)


def _build(target: str) -> bool:
    from cuda_ops import build as ops
    from cuda_ops.cache import build_into_cache

    if reason := ops.why_cannot_build(target):
        print_lines(f"The {target} kernels are not built: {reason}", err=True)
        return target == "cuda"  # which most machines do without
    print_lines(f"Building the {target} kernels ... ", err=True, end="")
    start = time.monotonic()
    try:
        path = build_into_cache(target)
    except ops.BuildError as error:
        output = error.output.splitlines()[-MAX_BUILD_LINES:]
        debug = os.environ.get("STYLECLIP_DEBUG") == "1"
        hint = "; set STYLECLIP_DEBUG=1 for more of the compiler's words" if output and not debug else ""
        print_lines("failed", f"Error: {error}{hint}", *(output if debug else []), err=True)
        return False
    print_lines(f"{time.monotonic() - start:.0f} s, {path}", err=True)
    return True
