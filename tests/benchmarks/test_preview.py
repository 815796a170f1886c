"""The benchmark of previews: one row for each way to draw, the nearest picture last."""

from __future__ import annotations

from tests.helpers.bench_runner import run_bench_json


def test_previews_are_timed_and_compared_with_the_picture() -> None:
    record = run_bench_json("preview")
    assert [(row["what"], row["px"]) for row in record["results"]] == [
        ("whole picture", 32),
        ("skip image", 16),
        ("preview", 16),
    ]
    assert record["results"][0]["ratio"] == 1 and all(row["ms"] > 0 for row in record["results"])
    psnr = {(row["what"], row["px"], row["share"]): row["psnr"] for row in record["errors"]}
    for px in (32, 64):
        for share in (0.1, 0.3, 1.0):
            assert psnr["preview", px, share] > psnr["nearby", 128, share] > 10
            assert psnr["preview", px, share] > psnr["skip image", px, share] + 5
