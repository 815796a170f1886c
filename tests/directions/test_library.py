"""The library of directions: names, additions at once by several processes, removals, and where a name leads."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from styleclip.directions.library import (
    check_new,
    direction_file,
    entry_path,
    library_folder,
    library_names,
    locked_library,
    named_file,
    new_entry,
    remove_entry,
)
from styleclip.directions.listing import list_library
from styleclip.directions.loading import add_to_library, load_direction
from styleclip.directions.own_files import read_latent_directions, save_latent_directions
from styleclip.errors import OutputError, UsageError, WeightError
from styleclip.latents import Space
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from tests.helpers.support import environment


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLECLIP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def step(models: Models, name: str, seed: int = 0) -> LatentDirection:
    draw = torch.Generator().manual_seed(seed)
    return LatentDirection(Space.W, torch.randn(1, models.generator.config.w_dim, generator=draw), name)


def names_in(path: Path) -> list[str]:
    return [each.name for each in read_latent_directions(path)]


@pytest.mark.parametrize(
    ("name", "better"),
    [("Smile", "smile"), ("a b", "a-b"), ("a:b", "a-b"), ("../x", "x"), ("nul", "_nul"), ("", "edit"), ("a@3", "a-3")],
)
def test_names(name: str, better: str) -> None:
    with pytest.raises(UsageError, match=f"{name!r} cannot be the name of a direction; call it {better!r}"):
        check_new(name)
    check_new(better)


def test_an_entry_takes_its_name_and_a_pack_keeps_different_ones(models: Models) -> None:
    path = add_to_library([step(models, "Some File.npy")], "smile", models)
    assert path == library_folder() / "smile.safetensors" and names_in(path) == ["smile"]
    add_to_library([step(models, name) for name in ("Eye ratio", "eye_ratio", "Eye-Ratio", "a:b")], "face", models)
    assert names_in(entry_path("face")) == ["eye-ratio", "eye_ratio", "eye-ratio-2", "a-b"]
    assert library_names() == ["face", "smile"]
    loaded = load_direction("face:eye-ratio-2", models)
    assert isinstance(loaded, LatentDirection) and loaded.name == "eye-ratio-2"


def test_what_is_there_stays(models: Models) -> None:
    add_to_library([step(models, "x")], "smile", models)
    before = entry_path("smile").read_bytes()
    with pytest.raises(OutputError, match="the library has a direction smile already; pass --overwrite or another"):
        add_to_library([step(models, "y", seed=1)], "smile", models)
    assert entry_path("smile").read_bytes() == before
    add_to_library([step(models, "y", seed=1)], "smile", models, overwrite=True)
    assert entry_path("smile").read_bytes() != before
    assert sorted(path.name for path in library_folder().iterdir()) == [".library.lock", "smile.safetensors"]


def test_several_at_once(models: Models) -> None:
    """One of several threads gets the name, and the others hear that it is taken."""
    said: list[str] = []

    def add(seed: int) -> None:
        try:
            add_to_library([step(models, "x", seed)], "smile", models)
        except OutputError as error:
            said.append(str(error))

    threads = [threading.Thread(target=add, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 3 and all("has a direction smile already" in text for text in said)
    assert len(read_latent_directions(entry_path("smile"))) == 1


def test_another_process_waits_and_needs_no_torch() -> None:
    script = (
        "import sys, styleclip.directions.library as library\n"
        "library.check_new('smile')\n"
        "print('torch' in sys.modules, flush=True)\n"
        "with library.new_entry('smile'): pass"
    )
    with new_entry("smile") as path:
        command = [sys.executable, "-c", script]
        other = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert other.stdout is not None and other.stdout.readline() == "False\n"
        path.write_bytes(b"")
    _, errors = other.communicate(timeout=60)
    assert other.returncode and "the library has a direction smile already" in errors


def test_a_library_that_cannot_be_written_to(home: Path) -> None:
    home.mkdir()
    library_folder().write_bytes(b"")
    with (
        pytest.raises(OutputError, match="the library .* cannot be written to .*; set STYLECLIP_HOME"),
        locked_library(),
    ):
        pass


def test_a_full_disk(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="cannot be written to .No space left on device.; free some space, or set ST"):
        add_to_library([step(models, "x")], "smile", models)
    assert library_names() == []


def test_damaged_entries_are_listed_with_their_problem(models: Models) -> None:
    path = add_to_library([step(models, "x")], "smile", models)
    whole = path.read_bytes()
    for content, problem in (
        (whole[:-4], "it holds no direction that styleclip wrote; import or make it again"),
        (whole.replace(b'"range\\": null', b'"range\\": -100'), "its range is damaged; import"),
        (whole.replace(b'"unit\\": null', b'"unit\\": -1.0'), "its unit -1 is damaged; import"),
    ):
        assert content != whole
        path.write_bytes(content)
        [listed] = list_library()
        assert problem in listed.problem


def test_removal(models: Models) -> None:
    add_to_library([step(models, "x")], "smile", models)
    with pytest.raises(WeightError, match="the library has no 'smil'; the closest directions are smile"):
        remove_entry("smil")
    assert remove_entry("smile") == entry_path("smile") and library_names() == []
    with pytest.raises(WeightError, match="the library has no 'smile'; the library is empty"):
        remove_entry("smile")


def test_what_else_lies_in_the_folder() -> None:
    (library_folder() / "folder.safetensors").mkdir(parents=True)
    (library_folder() / "loop.safetensors").symlink_to("loop.safetensors")
    for name in (".hidden.safetensors", "notes.txt"):
        (library_folder() / name).write_bytes(b"")
    assert library_names() == ["loop"]
    assert list_library()[0].problem.endswith(
        "it cannot be opened (Too many levels of symbolic links); check the path and its permissions"
    )
    remove_entry("loop")
    assert library_names() == []


def test_where_a_name_leads(models: Models, tmp_path: Path) -> None:
    add_to_library([step(models, "x")], "e4e-age", models)
    assert direction_file("e4e-age").path == named_file("e4e-age").path == entry_path("e4e-age"), "before the catalog"
    (tmp_path / "e4e-age").write_bytes(b"")
    assert direction_file("e4e-age").path == Path("e4e-age"), "an existing file comes first"
    asked: list[str] = []

    def fetch(each: object) -> Path:
        asked.append(each.name)  # type: ignore[attr-defined]
        return Path("fetched")

    assert direction_file("stit-smile", fetch) == (Path("fetched"), None)
    url = "https://example.com/x/pack.safetensors"
    assert direction_file(f"{url}:age", fetch) == (Path("fetched"), "age")
    assert direction_file(url, fetch) == (Path("fetched"), None)
    assert asked == ["stit-smile", url, url]
    with pytest.raises(WeightError, match="'stit-smil' is neither .* closest directions are stit-smile"):
        direction_file("stit-smil", fetch)
    with pytest.raises(WeightError, match="stit-smile is not on this disk; run `styleclip models pull stit-smile`"):
        named_file("stit-smile")
    with pytest.raises(WeightError, match="neither"):
        direction_file("https//example.com/a:b", fetch)


def test_a_folder_with_an_index(models: Models, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    for name in ("age", "pose"):
        save_latent_directions([step(models, name)], folder / f"{name}.safetensors")
    index = folder / "index.json"
    index.write_text(json.dumps({"age": {"file": "age.safetensors"}, "turn": "pose.safetensors"}))
    assert direction_file("pack:turn").path == Path("pack/pose.safetensors")
    assert load_direction(f"{folder}:age", models).name == "age"  # type: ignore[union-attr]
    with pytest.raises(WeightError, match="pack holds 2 directions; pass one as FOLDER:NAME, e.g. pack:age"):
        direction_file("pack")
    with pytest.raises(WeightError, match="pack has no direction 'tur'; the closest are turn"):
        direction_file("pack:tur")
    index.write_text(json.dumps({"only": "age.safetensors"}))
    assert direction_file("pack").path == Path("pack/age.safetensors")
    for damage in (
        "[]",
        "{}",
        '{"a": 3}',
        '{"a": "../age.safetensors"}',
        '{"a": {"file": "b.npy"}}',
        '{"a": ',
        "{" * 9999,
    ):
        index.write_text(damage)
        with pytest.raises(WeightError, match=r"pack/index.json: .*; write it again with `styleclip direction pack`$"):
            direction_file("pack")
