"""`python -m benchmarks studio`: how quickly the picture of the studio follows, with the demo models.

Without a browser: frames asked for one after the other over the websocket, the memory of the server, and ten clients at
once. In Chromium: a slider that the mouse drags, and random clicks in ten tabs at once. Pictures of many clients are
compared with the same states drawn alone.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from benchmarks.studio_client import PROMPTS, Answer, Tab, lag, open_tab, state_of, text_row
from benchmarks.studio_server import StudioServer, chromium_path
from benchmarks.tools import Report, Setup, bench_command, markdown_table

FIRST_MEMORY = 1000  # frames, after which allocators have grown to what they need
SEED = 0


@bench_command
@click.option("--frames", type=click.IntRange(1), help="Over the websocket.  [default: 10000; 500 with --quick]")
@click.option("--clients", type=click.IntRange(1), default=10, show_default=True, help="At once, also tabs.")
@click.option("--clicks", type=click.IntRange(1), help="Of each client and tab.  [default: 200; 20 with --quick]")
@click.option("--browser/--no-browser", default=True, help="Drive Chromium where there is one.")
def studio(setup: Setup, frames: int | None, clients: int, clicks: int | None, browser: bool) -> Report:
    """Measure the lag of the studio's frames, its memory, and many clients at once."""
    frames, clicks = frames or (500 if setup.quick else 10_000), clicks or (20 if setup.quick else 200)
    environment = os.environ | {"OMP_NUM_THREADS": str(setup.threads)}
    server = StudioServer("--device", str(setup.device), environment=environment)
    try:
        results = [measure_frames(server, 1, frames), measure_frames(server, len(PROMPTS), frames // 10)]
        results.append(measure_clients(server, clients, clicks))
        if browser and chromium_path():
            from benchmarks.studio_browser import measure_drag, measure_tabs

            results += [measure_drag(server, setup.quick), measure_tabs(server, clients, clicks)]
    finally:
        server.close()
    return Report(results, markdown(results))


def measure_frames(server: StudioServer, rows: int, frames: int) -> dict[str, Any]:
    """Frames of one client, whose strengths differ from frame to frame."""
    with open_tab(server.url) as tab:
        tab.draw_whole(strengths_at(0, rows))
        seconds, memory = [], []
        started = time.perf_counter()
        for i in range(frames):
            seconds.append(tab.draw(strengths_at(i, rows)).seconds)
            if i + 1 in (min(FIRST_MEMORY, frames), frames):
                memory.append(server.resident_bytes())
        taken = time.perf_counter() - started
    name = f"one client, {rows} row{'s' if rows > 1 else ''}"
    return {"name": name, "frames": frames, **lag(seconds, taken), "memory": [memory[0], memory[-1]]}


def strengths_at(i: int, rows: int) -> dict[str, Any]:
    """The state of frame i of a slider that goes to and fro."""
    strength = round(1.5 * math.sin(i / 20), 3)
    return state_of(3, [text_row(f"r{k}", PROMPTS[k], strength) for k in range(rows)])


def measure_clients(server: StudioServer, clients: int, messages: int) -> dict[str, Any]:
    """Clients with random states at once; every picture has to be that of the same state drawn alone."""
    with open_tab(server.url) as tab:
        tab.draw_whole(state_of(0, [text_row(f"r{k}", prompt, 1.0) for k, prompt in enumerate(PROMPTS)]))
    states = [random_states(SEED + client, messages) for client in range(clients)]
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(lambda own: draw_all(server.url, own), states))
    taken = time.perf_counter() - started
    seconds = [answer.seconds for own in answers for answer in own]
    wrong = count_other_pictures(server.url, states, answers)
    return {"name": f"{clients} clients", "frames": len(seconds), **lag(seconds, taken), "wrong": wrong}


def random_states(seed: int, count: int) -> list[dict[str, Any]]:
    """States of different faces and rows."""
    numbers, found = random.Random(seed), []
    for _ in range(count):
        prompts = numbers.sample(PROMPTS, numbers.randint(0, 3))
        rows = [text_row(f"r{k}", prompt, round(numbers.uniform(-1.5, 1.5), 3)) for k, prompt in enumerate(prompts)]
        found.append(state_of(numbers.randrange(100_000), rows, numbers.choice((0.7, 1.0))))
    return found


def draw_all(url: str, states: Sequence[dict[str, Any]]) -> list[Answer]:
    with open_tab(url) as tab:
        return [draw_when_free(tab, state) for state in states]


def draw_when_free(tab: Tab, state: dict[str, Any]) -> Answer:
    """Ask again while the queue of the server is full."""
    while (answer := tab.draw(state)).facts["type"] == "busy":
        time.sleep(0.1)
    return answer


def count_other_pictures(
    url: str, states: Sequence[Sequence[dict[str, Any]]], answers: Sequence[Sequence[Answer]]
) -> int:
    """How many pictures differ from those of their states drawn alone."""
    with open_tab(url) as tab:
        pairs = [pair for own, drawn in zip(states, answers, strict=True) for pair in zip(own, drawn, strict=True)]
        return sum(tab.draw_whole(state).picture != answer.picture for state, answer in pairs)


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """The table of lags, and the memory below it."""
    lines = [
        [
            row["name"],
            str(row["frames"]),
            f"{row['per_second']:.0f}",
            f"{1000 * row['median']:.1f}",
            f"{1000 * row['p95']:.1f}",
            str(row.get("behind", "")),
            str(row.get("wrong", "")),
        ]
        for row in results
    ]
    columns = ["demo, 128 px", "frames", "frames/s", "lag, ms: median", "95 %", "states behind", "wrong"]
    memory = next(row["memory"] for row in results if "memory" in row)
    first, last = (f"{value / 2**20:.0f} MiB" for value in memory)
    frames = results[0]["frames"]
    return (
        f"{markdown_table(columns, lines)}\n\n"
        f"Memory of the server: {first} after {min(FIRST_MEMORY, frames)} frames, {last} after {frames}."
    )
