"""Ranking pictures by a text."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image

import styleclip
from styleclip.classification.search import search_pictures
from styleclip.demo.render import render
from styleclip.demo.world import faces, with_state


def test_faces_that_fit_come_first(tmp_path: Path) -> None:
    z = torch.randn(8, 64, generator=torch.Generator().manual_seed(4))
    bald = with_state(with_state(z[:3], "bald", "yes"), "hat", "no")
    others = with_state(with_state(z[3:], "bald", "no"), "hat", "no")
    ranking = search_pictures(styleclip.load_clip("demo"), render(faces(torch.cat([others, bald]))), "a bald face")
    assert {*ranking.order[:3]} == {5, 6, 7} and ranking.best(1)[0][0] == f"picture {ranking.order[0] + 1}"
    assert ranking.cosines[ranking.order].diff().max() <= 0
    assert [path.name for path in ranking.save(tmp_path, top=4)] == ["search.png", "result.json"]
    record = json.loads((tmp_path / "result.json").read_text())
    assert len(record["pictures"]) == 8 and record["pictures"][0]["cosine"] > record["pictures"][7]["cosine"]
    with Image.open(tmp_path / "search.png") as sheet:
        assert sheet.width > 4 * 256 and sheet.height < 2 * 256
