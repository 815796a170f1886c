"""Time per image by the kind of operation, measured with torch.profiler."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.tools import markdown_table
from styleclip.text.units import human_number

KINDS = {  # by part of the operation's name; the first match counts
    "filtered_lrelu_gate": "filtered_lrelu, backward",
    "filtered_lrelu": "filtered_lrelu",
    "blur_act": "blur_act",
    "bias_act_backward": "bias_act, backward",
    "bias_act": "bias_act",
    "upfirdn2d": "upfirdn2d",
    "conv": "convolutions",
    "mm": "matrix products",
    "linear": "matrix products",
}
OTHER = "everything else"
RUNS = 3  # profiled together


def time_shares(works: dict[str, Callable[[], Any]], device: torch.device) -> list[dict[str, Any]]:
    """Seconds and share of every kind of operation in every work, the longest first.

    The time of an operation excludes the operations it calls; on a GPU it is the time of its kernels. The backward pass
    of blur_act runs the filter and the activation as separate operations.
    """
    rows = []
    for name, work in works.items():
        work()
        seconds = _seconds_by_kind(work, device)
        total = sum(seconds.values())
        rows += [{"work": name, "kind": k, "seconds": s, "share": s / total} for k, s in seconds.most_common()]
    return rows


def _seconds_by_kind(work: Callable[[], Any], device: torch.device) -> Counter[str]:
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it logs a missing GPU as an error
    gpu = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]) as profiler:
        for _ in range(RUNS):
            work()
        if gpu:
            torch.cuda.synchronize(device)
    seconds: Counter[str] = Counter()
    for event in profiler.key_averages():
        if event.device_type.name == "CPU":  # GPU kernels are listed twice, once as part of their operation
            microseconds = event.self_device_time_total if gpu else event.self_cpu_time_total
            seconds[_kind(event.key)] += microseconds / 1e6 / RUNS
    return seconds


def _kind(name: str) -> str:
    return next((kind for part, kind in KINDS.items() if part in name), OTHER)


def shares_table(rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table with a row for every kind and two columns for every work."""
    works = list(dict.fromkeys(row["work"] for row in rows))
    known = {(row["kind"], row["work"]): row for row in rows}
    kinds = dict.fromkeys(row["kind"] for row in sorted(rows, key=lambda row: -works.index(row["work"])))
    lines = []
    for kind in kinds:
        cells = [known.get((kind, work), {"seconds": 0.0, "share": 0.0}) for work in works]
        lines.append(
            [kind, *(text for c in cells for text in (human_number(1000 * c["seconds"]), f"{c['share']:.1%}"))]
        )
    return markdown_table(["operation", *(text for work in works for text in (f"{work}, ms", "share"))], lines)
