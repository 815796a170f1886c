"""`styleclip models inspect`: what it tells of every kind of file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from styleclip.errors import WeightError
from styleclip.weights.catalog import Weight, checkpoint_path
from styleclip.weights.describe import describe
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.formats.registry import read_one
from styleclip.weights.formats.style_tables import IMPORTABLE, UNIT_ROWS
from styleclip.weights.load import load_generator, load_mapper
from tests.golden import fill
from tests.helpers.checkpoint_writers import save_pickle
from tests.helpers.compare_networks import tiny_discriminator
from tests.helpers.direction_files import components, ganspace_edit, unit, write_pickle_of
from tests.helpers.models_command import cells, done, run, tiny_clip_file
from tests.helpers.nvidia_trees import nvidia_discriminator, nvidia_generator
from tests.helpers.support import failed
from tests.helpers.tiny import CONTEXT, TINY, tiny_generator

PICKLES = [fill.HERE / f"nvidia_{flavour}_tiny32.pkl" for flavour in ("ada", "sg3repo")]
UNSTATED = "not stated in the file"


@pytest.mark.parametrize("path", PICKLES, ids=["ada", "sg3"])
def test_the_recorded_pickles(path: Path) -> None:
    generator, discriminator = json.loads(done("inspect", path, "--json"))["parts"]
    expected = {
        "kind": "generator",
        "resolution": 32,
        "channels": [64, 64, 64, 32],
        "z_dim": 64,
        "w_dim": 64,
        "num_ws": 8,
        "style_channels": 640,
        "mapping_layers": 8,
        "conv_clamp": None,
        "classes": 0,
        "parameters": 288_947,
        "precision": "float32",
    }
    assert {name: generator[name] for name in expected} == expected
    assert (discriminator["kind"], discriminator["resolution"]) == ("discriminator", 32)
    for part in (generator, discriminator):
        assert part["format"].startswith("NVIDIA") and "non-commercial" in part["licence"]
    lines = done("inspect", path).splitlines()
    assert lines[0] == f"{path.name}  1.52 MB" and re.fullmatch(r"sha256  [0-9a-f]{64}", lines[1])
    assert ["parameters", "288,947"] in map(cells, lines) and ["conv_clamp", "none"] in map(cells, lines)
    assert lines[3] == "generator" and "discriminator" in lines


def test_a_name_that_is_here(known: Weight) -> None:
    failed(run("inspect", "tiny"), 1, "tiny is not on this disk; run `styleclip models pull tiny`")
    failed(run("inspect", "ffhq"), 1, "ffhq is not on this disk; run `styleclip models pull ffhq`")
    done("pull", "tiny")
    lines = done("inspect", "tiny").splitlines()
    assert cells(lines[2]) == ["name", "tiny: a tiny generator"] and cells(lines[3]) == ["licence", known.licence]
    assert json.loads(done("inspect", known.path, "--json"))["catalog"]["name"] == "tiny", "by its path too"
    assert done("inspect", "demo").startswith("generator.safetensors"), "a model's name is its generator"


def test_the_licence_of_our_own_files(tmp_path: Path) -> None:
    save_generator(tiny_generator(), tmp_path / "a.safetensors", {"licence": "CC BY 4.0", "source": "net.pkl"})
    save_generator(tiny_generator(), tmp_path / "b.safetensors")
    [told], [untold] = (describe(tmp_path / f"{name}.safetensors")["parts"] for name in "ab")
    assert (told["licence"], told["source"]) == ("CC BY 4.0", "net.pkl")
    assert untold["licence"] == UNSTATED and "source" not in untold
    for name in ("generator", "clip", "identity", "judge"):
        [part] = describe(checkpoint_path(f"demo/{name}.safetensors"))["parts"]
        assert (part["kind"], part["licence"]) == (name, "MIT")


def test_a_part_of_no_use_does_not_hide_the_others(tmp_path: Path) -> None:
    critic = nvidia_discriminator(tiny_discriminator())
    critic.state["c_dim"] = 5
    networks = {"G_ema": nvidia_generator(tiny_generator(), c_dim=5), "D": critic}
    generator, discriminator = describe(save_pickle(networks, tmp_path / "net.pkl"))["parts"]
    assert (generator["classes"], generator["z_dim"]) == (5, TINY.z_dim)
    assert (
        discriminator["problem"].startswith("its discriminator is conditional on 5 classes")
        and "resolution" not in discriminator
    )


def test_a_file_without_any_use(tmp_path: Path) -> None:
    theirs: Any = dict(rosinality.export_generator(tiny_generator().state_dict()))
    del theirs["g_ema"]["conv1.activate.bias"]
    torch.save(theirs, tmp_path / "bad.pt")
    failed(run("inspect", tmp_path / "bad.pt"), 1, "bad.pt: the tensors do not fit: missing conv1.activate.bias")


def test_other_kinds(tmp_path: Path) -> None:
    torch.save(torch.randn(6, 18, 512), tmp_path / "latents.pt")
    [latents] = describe(tmp_path / "latents.pt")["parts"]
    assert (latents["kind"], latents["w+"], latents["precision"]) == ("latents", [6, 18, 512], "float32")
    clip = describe(tiny_clip_file(tmp_path))["parts"][0]
    assert (clip["embed_dim"], clip["vision_image_size"], clip["text_context_length"]) == (10, 32, CONTEXT)
    tensors = {
        "w_avg": torch.zeros(4, 8),
        "styles.0.linear.weight": torch.ones(8, 8),
        "styles.3.linear.weight": torch.ones(1),
    }
    save_file(tensors, tmp_path / "encoder.safetensors", {"styleclip": "encoder", "kind": "psp"})
    [encoder] = describe(tmp_path / "encoder.safetensors")["parts"]
    assert (encoder["kind"], encoder["encoder"], encoder["num_ws"], encoder["w_dim"]) == ("encoder", "psp", 2, 8)
    save_file(
        {"coarse.fc0.weight": torch.ones(8, 8)}, tmp_path / "m.safetensors", {"styleclip": "mapper", "mapper": "levels"}
    )
    [mapper] = describe(tmp_path / "m.safetensors")["parts"]
    assert (mapper["mapper"], mapper["networks"], mapper["parameters"]) == ("levels", 1, 64)


@pytest.mark.parametrize(
    ("array", "facts"),
    [
        (np.zeros((8, 8, 3), np.uint8), {"kind": "table", "table": [8, 8, 3], "precision": "uint8"}),
        (np.ones((2, 18, 512), np.int64), {"kind": "table", "table": [2, 18, 512], "precision": "int64"}),
        (np.ones((100, 7)), {"kind": "table", "table": [100, 7], "precision": "float64"}),
        (np.eye(1, 512), {"kind": "table", "table": [1, 512]}),
        (np.eye(80, 512), {"kind": "table", "remark": f"{UNIT_ROWS}; {IMPORTABLE}"}),
        (np.ones((2, 18, 512)), {"kind": "latents", "w+": [2, 18, 512], "fits": "W+ of 1024 px, w of 512"}),
        (np.ones((14, 512)), {"kind": "latents", "fits": "one code of W+ of 256 px, w of 512; W or Z of 512"}),
        (np.ones((1, 18, 512)), {"kind": "latents", "remark": IMPORTABLE}),
        (np.ones((3, 6048)), {"kind": "latents", "fits": "S without toRGB of 1024 px, config f"}),
        (np.ones((3, 9088), np.float16), {"fits": "S of 1024 px, config f", "precision": "float16"}),
        (np.ones(9216), {"kind": "latents", "fits": "W+ of 1024 px in one row"}),
    ],
)
def test_tables_by_their_shapes(tmp_path: Path, array: Any, facts: dict[str, Any]) -> None:
    np.save(tmp_path / "table.npy", array)
    [part] = describe(tmp_path / "table.npy")["parts"]
    assert {name: part[name] for name in facts} == facts
    for load, kind in ((load_generator, "generator"), (load_mapper, "mapper")):
        with pytest.raises(WeightError, match=rf"it holds (latents|a table \[.*\]), no {kind}; pass a file with one"):
            load(tmp_path / "table.npy")


@pytest.mark.parametrize("row", [0.0, np.nan])
def test_a_relevance_table_with_a_row_of_no_use(tmp_path: Path, row: float) -> None:
    table = np.zeros((6048, 16), np.float32)
    table[:, 3] = 1
    table[5] = row
    np.save(tmp_path / "fs3.npy", table)
    assert read_one(tmp_path / "fs3.npy", "relevance").summary["fits"] == "relevance of 1024 px, config f"
    if np.isnan(row):
        said = "fs3.npy: its relevance table [6048, 16] holds NaN or infinite numbers; download it again"
        failed(run("inspect", tmp_path / "fs3.npy"), 1, said)
    else:
        assert describe(tmp_path / "fs3.npy")["parts"][0]["kind"] == "relevance"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.pt", "absent.pt: there is no such file; check the path, or see `styleclip models list`"),
        (".", "it is a folder; pass the file inside of it"),
        ("junk", "junk: it is a text file, not weights; check the download, or save its numbers with numpy.save"),
        ("file:///absent.pt", "there is no file /absent.pt; check the URL"),
    ],
)
def test_what_cannot_be_inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk").write_bytes(b"junk")
    failed(run("inspect", name), 1, words)


def test_directions(tmp_path: Path) -> None:
    torch.save(components(80, 512), tmp_path / "pca.pt")
    write_pickle_of(ganspace_edit(512, (7, 7)), tmp_path / "edit.pkl")
    torch.save({"kind": unit(1, 512), "format": unit(18, 512), "by": "me"}, tmp_path / "set.pt")
    facts = {"directions": 80, "tables": "[80, 512]", "format": "GANSpace", "precision": "float32"}
    edit = {"directions": 1, "layers": "7-7", "range": "-4 to 4", "component": 54, "output_class": "ffhq"}
    named = {"directions": 2, "tables": "kind [1, 512], format [18, 512]", "format": "a table"}
    for file, expected in (("pca.pt", facts), ("edit.pkl", edit), ("set.pt", named)):
        [part] = describe(tmp_path / file)["parts"]
        assert part["kind"] == "directions" and part.items() >= expected.items()
    write_pickle_of(ganspace_edit(512, (7, 7), lat_stdev=None), tmp_path / "edit.pkl")
    failed(run("inspect", tmp_path / "edit.pkl"), 1, "edit.pkl: its lat_stdev is None, no number; save it again")
