"""`styleclip models`: what `list`, `pull`, `inspect` and `verify` print, and where names lead."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

import styleclip
from styleclip.cli import main
from styleclip.cli.output.progress import fetch_with_progress
from styleclip.errors import WeightError
from styleclip.latents import Latent
from styleclip.models import load_clip
from styleclip.weights.catalog import SHORT_LICENCES, Weight, catalog, checkpoint_path, short_licence, weight, weights
from styleclip.weights.describe import describe
from styleclip.weights.formats import rosinality
from styleclip.weights.formats.own_files import save_generator
from styleclip.weights.load import load_generator
from styleclip.weights.locate import generator_file
from tests.golden import fill
from tests.helpers.checkpoint_writers import save_pickle, write_nvidia_pickle
from tests.helpers.compare_networks import assert_same, tiny_discriminator
from tests.helpers.nvidia_trees import nvidia_discriminator, nvidia_generator
from tests.helpers.support import run_python, run_styleclip
from tests.helpers.tiny import CONTEXT, TINY, clip_config, tiny_clip, tiny_generator

PICKLES = [fill.HERE / f"nvidia_{flavour}_tiny32.pkl" for flavour in ("ada", "sg3repo")]
KINDS = ["generator", "encoder", "identity", "clip", "mapper", "latents", "relevance", "landmarks"]
UNSTATED = "not stated in the file"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no network but this machine, and a terminal of 120 columns."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name, value in {"STYLECLIP_HOME": str(folder), "NO_PROXY": "*", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    for name in ("STYLECLIP_OFFLINE", "STYLECLIP_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a server that gives the files of the folder `served`."""
    (tmp_path / "served").mkdir()
    handler = partial(Quiet, directory=tmp_path / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def known(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weight:
    """A weight that is in the catalog and not on this disk."""
    save_generator(tiny_generator(), tmp_path / "served" / "tiny.safetensors")
    url = f"{server}/tiny.safetensors"
    entry = Weight("tiny", "generator", "a tiny generator", "yours, if you like it", "tiny.safetensors", (url,))
    monkeypatch.setitem(weights(), "tiny", entry)
    return entry


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, arguments)], prog_name="styleclip")


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def failed(result: Result, code: int, *words: str) -> None:
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ") and [word for word in words if word not in last] == [], result.stderr


def cells(line: str) -> list[str]:
    return re.split(r"  +", line.strip())


# --- list


def test_models_and_files_are_told_apart() -> None:
    models, files, legend = done("list").split("\n\n")
    assert models.startswith("Models, for `--model NAME`") and files.startswith(
        "Files, for `styleclip models pull NAME`"
    )
    shown = [line for line in models.splitlines()[2:] if line[:2].strip() or line[2] != " "]
    assert [line[2:].split()[0] for line in shown] == list(catalog()["models"])
    assert shown[0].startswith("* demo ") and shown[1].startswith("  ffhq ")
    rows = [line for line in files.splitlines()[2:] if line[2] != " "]
    assert [line[2:].split()[0] for line in rows] == list(weights()), "in the order of the catalog"
    here = [line[2:].split()[0] for line in rows if line.startswith("* ")]
    assert here == [name for name, each in weights().items() if each.ships]
    assert cells(files.splitlines()[1]) == ["NAME", "KIND", "PX", "SIZE", "LICENCE", "WHAT"]
    assert cells(next(line for line in rows if line[2:].startswith("e4e-ffhq "))) == [
        "e4e-ffhq", "encoder", "1024", "1.2 GB", "NVIDIA non-commercial", "e4e for FFHQ faces",
    ]  # fmt: skip
    assert legend.startswith("* is on this disk")


@pytest.mark.parametrize(("columns", "width"), [("80", 100), ("100", 100), ("120", 120), ("250", 120)])
def test_the_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = done("list").splitlines()
    assert width - 10 < max(map(len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []


def test_every_licence_has_a_short_form() -> None:
    tags = {entry.licence: short_licence(entry.licence) for entry in weights().values()}
    assert set(tags.values()) == set(SHORT_LICENCES.values())
    assert {tags[entry.licence] for entry in weights().values() if "NVIDIA" in entry.licence} == {
        "NVIDIA non-commercial"
    }
    assert [text for text, tag in tags.items() if "commercial" in text and "commercial" not in tag] == []


def test_one_kind() -> None:
    files, _ = done("list", "--kind", "clip").split("\n\n")
    assert [line.split()[0] for line in files.splitlines()[2:]] == [name for name in weights() if "openai" in name]
    failed(run("list", "--kind", "model"), 2, f"no file is of the kind 'model'; choose one of {', '.join(KINDS)}")


def test_a_list_for_machines() -> None:
    found = json.loads(done("list", "--json"))
    assert [entry["name"] for entry in found["models"]] == list(catalog()["models"])
    assert [entry["present"] for entry in found["models"]][:2] == [True, False]
    assert [entry["name"] for entry in found["files"]] == list(weights())
    ffhq = found["files"][0]
    assert ffhq["licence"] == "NVIDIA Source Code License, non-commercial" and ffhq["present"] is False
    assert ffhq["path"] == str(weight("ffhq").path) and ffhq["urls"][0].endswith("/ffhq.pkl")
    one = json.loads(done("list", "--kind", "relevance", "--json"))
    assert one["models"] == [] and {entry["kind"] for entry in one["files"]} == {"relevance"}


def test_what_is_here_is_marked(cache: Path) -> None:
    for file in ("ffhq.pkl", "model_ir_se50.pth"):
        (cache / file).touch()
    marked = [line.split()[1] for line in done("list").splitlines() if line.startswith("* ") and "disk" not in line]
    ship = [name for name, each in weights().items() if each.ships and each.kind == "mapper"]
    assert marked == ["demo", "ffhq", "ffhq", "demo", "arcface", *ship]


def test_listing_imports_nothing_heavy() -> None:
    script = "import sys; sys.argv[1:] = ['models', 'list']; from styleclip.cli import main\ntry: main()\nfinally: "
    result = run_python("-c", script + "print(*({'torch', 'numpy', 'requests'} & set(sys.modules)), 'nothing')")
    assert result.stdout.endswith("\nnothing\n"), result.stderr


# --- pull


def test_the_licence_comes_before_the_download_and_the_path_alone_on_stdout(known: Weight, cache: Path) -> None:
    first = run("pull", "tiny", "demo")
    assert first.stdout.splitlines() == [str(cache / "tiny.safetensors"), str(weight("demo").path)]
    assert first.stderr == "Fetching tiny (a tiny generator)\nLicence: yours, if you like it\n"
    second = run("pull", "tiny", "--offline")
    assert (second.stdout, second.stderr) == (f"{cache / 'tiny.safetensors'}\n", ""), "it is here already"
    [record] = json.loads(done("pull", "tiny", "--json"))
    assert record["path"] == str(known.path) and record["present"] and record["licence"] == known.licence


def test_the_licence_is_shown_before_a_download_that_fails(known: Weight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights(), "tiny", replace(known, urls=(known.urls[0] + ".gone",)))
    result = run("pull", "tiny", "--quiet")
    failed(result, 1, "cannot download tiny (127.0.0.1:", "HTTP 404", "licence: yours")
    assert result.stderr.splitlines()[1] == "Licence: yours, if you like it"


def test_a_url(known: Weight, cache: Path) -> None:
    result = run("pull", known.urls[0])
    [path] = result.stdout.splitlines()
    assert Path(path).parent == cache and path.endswith("-tiny.safetensors")
    assert result.stderr == f"Fetching {known.urls[0]}\nLicence: unknown, ask its author\n"
    assert done("inspect", known.urls[0]).startswith(Path(path).name)


def test_names_that_are_unknown_or_missing(cache: Path) -> None:
    failed(run("pull", "demo", "fhq"), 1, "no weight is called 'fhq'; the closest are ffhq, ")
    failed(run("pull"), 2, "Missing argument 'NAME...'")
    failed(run("pull", "ffhq", "--offline"), 1, "download https://nvlabs", f"to {cache / 'ffhq.pkl'} (licence: NVIDIA")
    failed(run("fetch"), 2, "No such command 'fetch'")


def test_an_interrupted_download_says_that_it_goes_on(
    known: Weight, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(url: str, partial: Path, *_: object) -> None:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("styleclip.weights.cache.download", interrupted)
    result = run("pull", "tiny")
    assert (result.exit_code, result.stdout) == (130, "")
    assert (
        result.stderr.splitlines()[-1] == "Interrupted; what has come is kept, and the same command goes on from there"
    )
    assert (cache / "tiny.safetensors.partial").exists() and not known.path.exists()


def test_the_bar_does_not_run_into_the_licence(known: Weight, monkeypatch: pytest.MonkeyPatch) -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    with open(slave, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        fetch_with_progress(known)
    screen = os.read(master, 100_000).decode()
    os.close(master)
    assert "\rFetching tiny (a tiny generator)\r\nLicence: yours, if you like it\r\n" in screen
    assert re.search(r"tiny\.safetensors: .*B/s", screen)


# --- inspect


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
    ("name", "words"),
    [
        ("absent.pt", "absent.pt: there is no such file; check the path, or see `styleclip models list`"),
        (".", "it is a folder; pass the file inside of it"),
        ("junk", "junk: it is neither a safetensors, a torch, a pickle nor a npy file"),
        ("file:///absent.pt", "there is no file /absent.pt; check the URL"),
    ],
)
def test_what_cannot_be_inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk").write_bytes(b"junk")
    failed(run("inspect", name), 1, words)


# --- verify


def test_verify(known: Weight, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship = [[name, "ok (no hash is known)"] for name, each in weights().items() if each.ships]
    assert list(map(cells, done("verify").splitlines())) == ship
    done("pull", "tiny")
    rows = list(map(cells, done("verify").splitlines()))
    assert sorted(rows) == sorted([*ship, ["tiny", "ok (as first downloaded)"]])
    result = run("verify", "tiny", "ffhq")
    assert result.exit_code == 1 and cells(result.stdout.splitlines()[1]) == [
        "ffhq",
        "absent; run `styleclip models pull ffhq`",
    ]
    known.path.write_bytes(known.path.read_bytes()[:-1] + b"\0")
    result = run("verify", "tiny", "--json")
    [record] = json.loads(result.stdout)
    assert (
        result.exit_code == 1 and record["verdict"].startswith("its sha256 is ") and record["path"] == str(known.path)
    )
    failed(run("verify", "demo", "fhq"), 1, "no weight is called 'fhq'; the closest are ffhq")


# --- names elsewhere


def tiny_clip_file(folder: Path) -> Path:
    config = json.dumps(clip_config())
    save_file(tiny_clip().state_dict(), folder / "clip.safetensors", {"styleclip": "clip", "config": config})
    return folder / "clip.safetensors"


def test_a_clip_by_its_name_or_url(tmp_path: Path) -> None:
    path, asked = tiny_clip_file(tmp_path), []

    def fetch(weight: Weight) -> Path:
        asked.append((weight.name, weight.kind))
        return path

    url = "https://example.org/clip.pt"
    for name in ("openai-ViT-B-32", url):
        assert_same(load_clip(name, fetch=fetch), tiny_clip())
        models = styleclip.load(
            str(save_generator(tiny_generator(), tmp_path / "g.safetensors")), clip=name, fetch=fetch
        )
        assert_same(models.clip, tiny_clip())
    assert asked == [("openai-ViT-B-32", "clip")] * 2 + [(url, "clip")] * 2
    assert_same(load_clip(path.as_uri()), tiny_clip())
    with pytest.raises(WeightError, match="'arcface' is neither a file nor an open_clip model"):
        load_clip("arcface", fetch=fetch)


def test_the_file_behind_a_model(tmp_path: Path) -> None:
    path = save_generator(tiny_generator(), tmp_path / "g.safetensors")
    assert generator_file("demo").name == "generator.safetensors"
    assert generator_file(str(path)) == path == generator_file(path.as_uri())
    assert generator_file("afhqcat", lambda _: path) == path
    with pytest.raises(WeightError, match="'arcface' is neither a model nor a file nor a URL"):
        generator_file("arcface")


def test_a_label_reaches_the_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, clip = write_nvidia_pickle(tmp_path / "net.pkl", tiny_generator(), c_dim=5), tiny_clip_file(tmp_path)
    models = styleclip.load(str(path), clip=clip, label=3)
    assert_same(models.generator, load_generator(path, label=3))
    assert models.provenance["generator"]["label"] == 3
    monkeypatch.chdir(tmp_path)
    sample = ["sample", "--model", str(path), "--clip", str(clip), "--seeds", "0", "--out"]
    for label in ("1", "3"):
        assert CliRunner().invoke(main, [*sample, label, "--label", label]).exit_code == 0
    one, three = (Latent.load(tmp_path / label / "latent.safetensors").data for label in ("1", "3"))
    assert torch.equal(three, styleclip.Editor(models).sample(seeds=[0]).data) and not torch.equal(one, three)
    failed(CliRunner().invoke(main, [*sample, "none"]), 1, "choose 0 to 4 by label= or --label")


def test_help_names_what_clip_may_be() -> None:
    said = run_styleclip("sample", "--help").stdout
    assert all(word in said for word in ("ARCHITECTURE/TAG", "ARCHITECTURE/FILE", "URL", "--label N"))


@pytest.mark.parametrize("command", ["list", "pull", "inspect", "convert", "verify"])
def test_help(command: str) -> None:
    said = done(command, "--help")
    assert said.startswith(f"Usage: styleclip models {command}") and "--json" in said
