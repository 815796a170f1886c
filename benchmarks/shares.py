"""Where the time of a picture goes, by the kind of operation (torch.profiler)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.tools import table
from styleclip.cli.output.progress import human_number

KINDS = {  # by a part of the name of an operation; the first that fits
    "blur_act": "blur_act",
    "bias_act_backward": "bias_act, backward",
    "bias_act": "bias_act",
    "upfirdn2d": "upfirdn2d",
    "conv": "convolutions",
    "mm": "matrix products",
    "linear": "matrix products",
}
OTHER = "everything else"
RUNS = 3  # that a profile adds up


def shares(works: dict[str, Callable[[], Any]], device: torch.device) -> list[dict[str, Any]]:
    """Seconds of every kind of operation in every work, and its share of the work; the longest first.

    On a CPU an operation's time is its own, without that of those it calls; on a GPU it is that of its kernels. The
    filter and activation behind blur_act run again, as operations of their own, when it goes backward.
    """
    rows = []
    for name, work in works.items():
        work()
        spent = _spent(work, device)
        total = sum(spent.values())
        rows += [{"work": name, "kind": k, "seconds": s, "share": s / total} for k, s in spent.most_common()]
    return rows


def _spent(work: Callable[[], Any], device: torch.device) -> Counter[str]:
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler calls it an error that there is no GPU
    gpu = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]) as profiler:
        for _ in range(RUNS):
            work()
        if gpu:
            torch.cuda.synchronize(device)
    spent: Counter[str] = Counter()
    for event in profiler.key_averages():
        if event.device_type.name == "CPU":  # kernels of a GPU are listed twice, once below their operation
            own = event.self_device_time_total if gpu else event.self_cpu_time_total
            spent[_kind(event.key)] += own / 1e6 / RUNS
    return spent


def _kind(name: str) -> str:
    return next((kind for part, kind in KINDS.items() if part in name), OTHER)


def shares_table(rows: Sequence[dict[str, Any]]) -> str:
    """A row for every kind, two columns for every work."""
    works = list(dict.fromkeys(row["work"] for row in rows))
    known = {(row["kind"], row["work"]): row for row in rows}
    kinds = dict.fromkeys(row["kind"] for row in sorted(rows, key=lambda row: -works.index(row["work"])))
    lines = []
    for kind in kinds:
        cells = [known.get((kind, work), {"seconds": 0.0, "share": 0.0}) for work in works]
        lines.append(
            [kind, *(text for c in cells for text in (human_number(1000 * c["seconds"]), f"{c['share']:.1%}"))]
        )
    return table(["operation", *(text for work in works for text in (f"{work}, ms", "share"))], lines)
