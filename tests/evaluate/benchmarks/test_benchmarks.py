"""ARO and SugarCrepe: files of their structure, their rules of counting, and their preparation of pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import styleclip
from styleclip.cli import main
from styleclip.demo.render import render
from styleclip.demo.world import faces, with_state
from styleclip.errors import UsageError
from styleclip.evaluate.benchmarks.aro import measure_aro, plain_caption, read_symmetric
from styleclip.evaluate.benchmarks.cases import Case, choose, macro_mean, shares_by_group
from styleclip.evaluate.benchmarks.sugarcrepe import measure_sugarcrepe
from styleclip.images import to_pil
from styleclip.networks.clip import CLIP
from tests.helpers.support import failed
from tests.helpers.tiny import tiny_clip

BOX = {"bbox_x": 64, "bbox_y": 0, "bbox_w": 64, "bbox_h": 64}


@pytest.fixture(scope="module")
def demo() -> CLIP:
    return styleclip.load_clip("demo")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of ARO, of two pictures: a bald face left and one with a hat right; the box is the right one."""
    place = tmp_path_factory.mktemp("aro")
    z = torch.randn(1, 64, generator=torch.Generator().manual_seed(6))
    hat = with_state(with_state(z, "bald", "no"), "hat", "yes")
    bald = with_state(with_state(z, "bald", "yes"), "hat", "no")
    left, right = to_pil(render(faces(torch.cat([bald, hat]))))
    (place / "images").mkdir()
    both = Image.new("RGB", (128, 64))
    both.paste(left, (0, 0))
    both.paste(right, (64, 0))
    both.save(place / "images" / "1.png")
    hat_first = {"true_caption": "a face wearing a hat", "false_caption": "a bald face"}
    bald_first = {"true_caption": "a bald face", "false_caption": "a face wearing a hat"}
    tie = {"true_caption": "a face", "false_caption": "a face"}

    def items(key: str, cases: list[tuple[dict[str, str], Any]]) -> str:
        return json.dumps([{"image_path": "1.png", **BOX, **captions, key: group} for captions, group in cases])

    relations = [(hat_first, "above"), (hat_first, "above"), (bald_first, "above"), (bald_first, "near"), (tie, "on")]
    (place / "visual_genome_relation.json").write_text(items("relation_name", relations))
    pairs = [*[(hat_first, ["red", "old"])] * 25, *[(bald_first, ["wet", "dry"])] * 24]
    (place / "visual_genome_attribution.json").write_text(items("attributes", pairs))
    return place


def test_relations_without_the_symmetric_ones(demo: CLIP, folder: Path) -> None:
    """The mean over relations, not cases; a tie is wrong; the box is cut out."""
    relations, attributions = measure_aro(demo, folder, ["near"])
    assert relations.name == "VG-Relation" and relations.groups["above"] == (pytest.approx(2 / 3), 3)
    assert relations.groups["near"] == (0, 1) and relations.groups["on"] == (0, 1)
    assert relations.share == pytest.approx((2 / 3 + 0) / 2) and relations.cases == 4 and not relations.note
    assert (attributions.share, attributions.cases) == (1, 25)  # the pair of 24 cases does not count
    assert attributions.groups == {"red_old": (1, 25), "wet_dry": (0, 24)}


def test_without_a_list_the_figure_is_said_to_be_another(demo: CLIP, folder: Path) -> None:
    relations, _ = measure_aro(demo, folder)
    assert relations.share == pytest.approx((2 / 3 + 0 + 0) / 3) and "--symmetric FILE" in relations.note


def test_order_by_the_parts_of_speech_of_spacy(demo: CLIP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    z = with_state(torch.randn(1, 64, generator=torch.Generator().manual_seed(8)), "hair_color", "red")
    to_pil(render(faces(with_state(z, "bald", "no"))))[0].save(tmp_path / "a.png")
    captions = ["A face with red hair.", "a face with red hair"]
    (tmp_path / "coco_karpathy_test.json").write_text(json.dumps([{"image": "a.png", "caption": captions}]))
    monkeypatch.setitem(sys.modules, "spacy", None)  # as where it is not installed
    with pytest.raises(UsageError, match="pip install spacy"):
        measure_aro(demo, tmp_path)

    def load(name: str) -> Any:
        tags = {"face": "NN", "red": "JJ", "hair": "NN"}
        assert name == "en_core_web_sm"
        return lambda text: [SimpleNamespace(text=word, tag_=tags.get(word, "IN")) for word in text.split()]

    monkeypatch.setitem(sys.modules, "spacy", SimpleNamespace(load=load))
    [score] = measure_aro(demo, tmp_path)
    assert (
        score.name == "COCO-Order" and score.cases == 2 and score.share in (0, 0.5, 1) and "another draw" in score.note
    )


def test_of_equal_captions_the_first_counts(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    cases = [Case(tmp_path / "a.png", None, ("a face", "a face"), right, "x") for right in (0, 1)]
    assert choose(tiny_clip(), cases) == [True, False]
    assert shares_by_group(cases, [True, False]) == {"x": (0.5, 2)}


def test_a_caption_is_made_plain() -> None:
    assert plain_caption('  A "big" dog, (brown); runs: fast.') == "a big dog, brown runs fast"
    assert plain_caption(" ".join(map(str, range(40)))) == " ".join(map(str, range(30)))


def test_pictures_are_prepared_as_open_clip_does(tmp_path: Path) -> None:
    """The shorter side is resized and the middle taken: what is right and left does not count."""
    clip = tiny_clip()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels[:, 32:64]).save(tmp_path / "middle.png")
    prepare = open_clip.image_transform(32, is_train=False, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    with Image.open(tmp_path / "wide.png") as picture, torch.no_grad():
        feature = clip.model.encode_image(prepare(picture)[None], normalize=True)[0]  # type: ignore[operator]
    texts = ["a face", "red hair", "old hair", "with a face", "a red face"]
    nearest = int((clip.encode_text(texts) @ feature).argmax())
    for name in ("wide.png", "middle.png"):
        [found] = choose(clip, [Case(tmp_path / name, None, tuple(texts), nearest, "")])
        assert found


def test_sugarcrepe_by_category(demo: CLIP, folder: Path, tmp_path: Path) -> None:
    item = {"filename": "1.png", "caption": "a bald face", "negative_caption": "a face with long hair"}
    other = {**item, "caption": item["negative_caption"], "negative_caption": item["caption"]}
    tie = {**item, "negative_caption": item["caption"]}
    bald = folder / "images" / "1.png"
    with Image.open(bald) as picture:
        (tmp_path / "coco").mkdir()
        picture.crop((0, 0, 64, 64)).save(tmp_path / "coco" / "1.png")
    (tmp_path / "add_obj.json").write_text(json.dumps({"0": item, "1": tie}))
    (tmp_path / "swap_att.json").write_text(json.dumps({"0": item, "7": other}))
    scores = measure_sugarcrepe(demo, tmp_path, tmp_path / "coco")
    assert [(score.name, score.share, score.cases) for score in scores] == [
        ("SugarCrepe add_obj", 0.5, 2),
        ("SugarCrepe swap_att", 0.5, 2),
    ]


@pytest.mark.parametrize("content", ['{"a": 1}', "[]", "[{}]", '[{"image_path": "x"}]', "no json"])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "visual_genome_relation.json").write_text(content)
    with pytest.raises(UsageError, match="download it again"):
        measure_aro(tiny_clip(), tmp_path)


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "visual_genome_relation.json").write_bytes((folder / "visual_genome_relation.json").read_bytes())
    with pytest.raises(UsageError, match=r"images.1\.png is not there"):
        measure_aro(tiny_clip(), tmp_path)
    with pytest.raises(UsageError, match="none of the files of ARO"):
        measure_aro(tiny_clip(), tmp_path / "images")
    with pytest.raises(UsageError, match="none of the files of SugarCrepe"):
        measure_sugarcrepe(tiny_clip(), tmp_path, tmp_path)
    with pytest.raises(UsageError, match="no group that counts"):
        macro_mean("VG-Relation", {"near": (0.5, 2)}, [])


def test_lists_of_relations(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# symmetric\nnear\nnext to\n")
    (tmp_path / "b.txt").write_text('["near", "next to"]')
    source = ["# macro accuracy\n", "symmetric = ['near', 'next to']\n", "df = df[~df.Relation.isin(symmetric)]"]
    cells = [{"cell_type": "markdown", "source": ["symmetric = []"]}, {"cell_type": "code", "source": source}]
    (tmp_path / "aro.ipynb").write_text(json.dumps({"cells": cells}))
    found = [read_symmetric(tmp_path / name) for name in ("a.txt", "b.txt", "aro.ipynb")]
    assert found == [("near", "next to")] * 3
    for other in ('{"near": 1}', '{"cells": [{"cell_type": "code", "source": ["symmetric = [near]"]}]}', "[1]", ""):
        (tmp_path / "c.txt").write_text(other)
        with pytest.raises(UsageError, match="is no list of relations"):
            read_symmetric(tmp_path / "c.txt")


def test_the_command(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "symmetric.txt").write_text("near\n")
    runner, words = CliRunner(), ["evaluate", "--clip", "--aro", str(folder), "--symmetric", "symmetric.txt", "--quiet"]
    result = runner.invoke(main, words)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[2:4] == ["| VG-Relation | 4 | 0.333 |", "| VG-Attribution | 25 | 1.000 |"]
    record = json.loads((tmp_path / "styleclip-out/benchmarks/report.json").read_text())
    assert record["benchmarks"]["VG-Relation"]["groups"]["above"]["cases"] == 3
    failed(runner.invoke(main, [*words, "--seeds", "1-2"]), 2, "--seeds are those of renders")
    failed(runner.invoke(main, ["evaluate", "--aro", str(folder)]), 2, "a benchmark measures a CLIP alone")
    failed(runner.invoke(main, ["evaluate", "--clip", "--coco", str(folder)]), 2, "pass --sugarcrepe and --coco")
    failed(runner.invoke(main, ["evaluate", "--clip", "--symmetric", "symmetric.txt"]), 2, "pass it with --aro")
