"""`styleclip doctor`: report what this machine has and what is missing, and compile the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import click

from styleclip.alignment.detectors import DETECTORS
from styleclip.cli.commands.doctor.checks import (
    Finding,
    check_demo_weights,
    check_detector,
    check_disk,
    check_gpu,
    check_open_clip,
    check_perceptual,
    check_versions,
)
from styleclip.cli.commands.doctor.kernels import build_kernels, check_compilers, check_ops
from styleclip.cli.output.tables import table

CHECKS: dict[str, Callable[[], Finding]] = {
    "versions": check_versions,
    "open_clip": check_open_clip,
    "GPU": check_gpu,
    "ops": check_ops,
    "compilers": check_compilers,
    "demo weights": check_demo_weights,
    **{entry.row or name: partial(check_detector, name) for name, entry in DETECTORS.items()},
    "LPIPS": check_perceptual,
    "disk": check_disk,
}


@click.command()
@click.option("--build", is_flag=True, help="First compile the kernels: for the CPU, and for GPUs where CUDA is.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON and nothing else.")
def doctor(build: bool, as_json: bool) -> None:
    """Report versions, devices, compilers and weights; exit code 1 when something needed is missing."""
    from styleclip.files import to_json

    built = build_kernels() if build else True
    findings = {name: _run_check(check) for name, check in CHECKS.items()}
    click.echo(to_json(findings) if as_json else _report(findings), nl=False)
    if not built or any(finding.needed and finding.remedy for finding in findings.values()):
        click.get_current_context().exit(1)


def _run_check(check: Callable[[], Finding]) -> Finding:
    """The finding of a check; an error of it is a finding, too."""
    try:
        return check()
    except Exception as error:
        return Finding(f"{type(error).__name__}: {error}", "install styleclip again", needed=True)


def _report(findings: Mapping[str, Finding]) -> str:
    """A row per finding, and below it one for its remedy."""
    rows: list[tuple[str, str, str]] = []
    for name, finding in findings.items():
        mark = "ok" if not finding.remedy else "XX" if finding.needed else "--"
        rows.append((mark, name, finding.value))
        if finding.remedy:
            rows.append(("", "", f"-> {finding.remedy}"))
    return "\n".join(table(rows)) + "\n"
