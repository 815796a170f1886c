"""Importing directions: what was assumed is said, and options decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import styleclip
from styleclip.directions.importing import import_directions
from styleclip.directions.own_files import read_latent_directions, save_latent_directions
from styleclip.errors import UsageError, WeightError
from styleclip.latents import Latent, Space, save_latent
from styleclip.methods.latent_direction import LatentDirection
from styleclip.models import Models
from tests.helpers.direction_files import (
    COMPONENTS,
    CONFIG,
    CONV_STYLES,
    EQUAL,
    NUM_WS,
    W_PLUS,
    WITHOUT_TORGB,
    D,
    S,
    W,
    components,
    ganspace_edit,
    normal,
    npy,
    npz,
    read,
    unit,
    write_pickle_of,
)
from tests.helpers.tiny import tiny_generator, tiny_models


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models(generator=tiny_generator(CONFIG))


def test_a_set_of_several_spaces(tmp_path: Path, tiny: Models) -> None:
    torch.save({"age": W, "pose": W_PLUS, "curls": S, "all": normal(3, NUM_WS, D)}, tmp_path / "set.pt")
    directions, notes = read(tmp_path / "set.pt", tiny)
    assert [each.name for each in directions] == ["age", "pose", "curls", "all-0", "all-1", "all-2"] and notes == []
    assert [each.space.value for each in directions] == ["w", "w+", "s", "w+", "w+", "w+"]
    found = styleclip.load_direction(f"{tmp_path / 'set.pt'}:curls", tiny)
    assert isinstance(found, LatentDirection) and torch.equal(found.data, S) and found.origin["file"] == "set.pt"


def test_eigenvectors_are_columns(tmp_path: Path, tiny: Models) -> None:
    """`torch.svd(W).V` of weights that grow along a planted axis."""
    planted = unit(1, D, seed=5)
    weights = normal(200, D) + 30 * normal(200, 1, seed=2) * planted
    torch.save({"ckpt": "/home/me/stylegan2.pt", "eigvec": torch.svd(weights).V}, tmp_path / "factor.pt")
    first, *_ = import_directions(tmp_path / "factor.pt", tiny)
    assert abs((first.data @ planted.T).item()) > 0.999
    assert first.origin["checkpoint"] == "stylegan2.pt"


@pytest.mark.parametrize(("space", "count"), [("w", NUM_WS), ("w+", 1)])
def test_a_row_for_each_w(tmp_path: Path, tiny: Models, space: str, count: int) -> None:
    npy(W_PLUS[0].numpy(), tmp_path / "pose.npy")
    directions, notes = read(tmp_path / "pose.npy", tiny)
    assert len(directions) == 1 and notes == [
        f"pose.npy: the table [{NUM_WS}, {D}] is read as one direction of W+, since it has a row for each of its "
        f"{NUM_WS} w; `direction import --space w` reads it as W"
    ]
    directions, notes = read(tmp_path / "pose.npy", tiny, space=space)
    assert [each.space.value for each in directions] == [space] * count and notes == []
    assert torch.equal(torch.cat([each.data for each in directions]).reshape(NUM_WS, D), W_PLUS[0])


def test_components_as_many_as_w_are_no_guess(tmp_path: Path, tiny: Models) -> None:
    torch.save(components(NUM_WS, D, tiny.generator.w_avg), tmp_path / "pca.pt")
    directions, notes = read(tmp_path / "pca.pt", tiny)
    assert len(directions) == NUM_WS and notes == []


def test_layers_and_range(tmp_path: Path, tiny: Models) -> None:
    torch.save(W, tmp_path / "age.pt")
    [direction] = import_directions(tmp_path / "age.pt", tiny, layers=[1, 2], range=(-3, 5), licence="MIT")
    rows = torch.zeros(1, NUM_WS, D)
    rows[:, 1:3] = W
    assert direction.space is Space.W_PLUS and torch.equal(direction.data, rows)
    assert (direction.layers, direction.range, direction.licence) == ("1-2", (-3, 5), "MIT")
    torch.save(S, tmp_path / "s.pt")
    with pytest.raises(UsageError, match="layers choose rows of W\\+, and this direction is in s; leave them out"):
        import_directions(tmp_path / "s.pt", tiny, layers=[1])


def test_ganspace_counts_deviations_from_the_mean(tmp_path: Path, tiny: Models) -> None:
    """With --absolute the formula of e4e's editings/ganspace.py; else a slider at 0 leaves the face alone."""
    torch.save(COMPONENTS, tmp_path / "pca.pt")
    [relative], _ = read(tmp_path / "pca.pt", tiny, index=2)
    [absolute], _ = read(tmp_path / "pca.pt", tiny, index=2, absolute=True)
    w = normal(3, D, seed=9)
    mean, comp, std = (value.numpy().astype(float) for value in COMPONENTS.values())
    coordinate = ((w.numpy() - mean) * comp[2]).sum(axis=-1) / std[2]
    expected = w.numpy() + (1.5 - coordinate)[:, None] * comp[2] * std[2]
    latent = Latent(Space.W, w)
    in_s = tiny.generator.to_space(latent, Space.S)
    offset = absolute.offset(tiny, latent)
    assert offset is not None and relative.offset(tiny, latent) is None
    edited = in_s + offset + 1.5 * absolute.step(tiny)
    wanted = tiny.generator.to_space(Latent(Space.W, torch.tensor(expected, dtype=torch.float32)), Space.S)
    assert torch.allclose(edited.data, wanted.data, rtol=0, atol=1e-5)
    assert torch.equal((latent + 0 * relative).data, w)


def test_a_boundary_is_absolute_from_the_origin(tmp_path: Path, tiny: Models) -> None:
    torch.save(W, tmp_path / "age.pt")
    [direction] = import_directions(tmp_path / "age.pt", tiny, absolute=True)
    assert direction.center is not None and torch.equal(direction.center, torch.zeros(D))
    torch.save(S, tmp_path / "s.pt")
    with pytest.raises(
        UsageError, match="an absolute direction lies in w or w\\+, and this one in s; leave --absolute"
    ):
        import_directions(tmp_path / "s.pt", tiny, absolute=True)


def test_the_mean_tells_the_generator(tmp_path: Path, tiny: Models) -> None:
    w_avg = tiny.generator.w_avg
    torch.save(components(2, D, w_avg + 0.02 * normal(D) * w_avg.norm() / 8), tmp_path / "pca.pt")
    directions, notes = read(tmp_path / "pca.pt", tiny)
    assert notes == [] and {each.generator for each in directions} == {tiny.generator_fingerprint}
    torch.save(components(2, D), tmp_path / "pca.pt")
    directions, [note] = read(tmp_path / "pca.pt", tiny)
    assert {each.generator for each in directions} == {None}
    assert "its mean is not that of this generator (their cosine is " in note and "--model" in note
    torch.save(components(2, 32), tmp_path / "pca.pt")
    with pytest.raises(WeightError, match="its mean has 32 numbers, and w 64; pass its generator with --model|not fit"):
        import_directions(tmp_path / "pca.pt", tiny)


def test_a_saved_edit_of_ganspace(tmp_path: Path, tiny: Models) -> None:
    edit = ganspace_edit(D, (1, 3), sigma=-4.0)
    write_pickle_of(edit, tmp_path / "edit.pkl")
    [direction], notes = read(tmp_path / "edit.pkl", tiny)
    step = np.zeros((1, NUM_WS, D))
    step[:, 1:4] = 0.25 * edit["lat_comp"]
    assert np.abs(direction.data.numpy() - step).max() <= 1e-6 and notes == []
    assert (direction.name, direction.layers, direction.alpha, direction.range) == (
        "eye-openness", "1-3", -4.0, (-4.0, 4.0),
    )  # fmt: skip
    assert direction.origin["component"] == 54 and direction.origin["source"] == "GANSpace"
    [absolute], _ = read(tmp_path / "edit.pkl", tiny, layers=[0], absolute=True)
    assert absolute.layers == "0" and absolute.center is not None
    assert torch.equal(absolute.center, tiny.generator.w_avg)  # the edit has no mean
    write_pickle_of(ganspace_edit(D, (0, NUM_WS - 1)), tmp_path / "edit.pkl")
    assert read(tmp_path / "edit.pkl", tiny)[0][0].space is Space.W
    write_pickle_of(ganspace_edit(D, (1, 2), edit_type="both"), tmp_path / "edit.pkl")
    assert read(tmp_path / "edit.pkl", tiny)[1] == [
        "edit.pkl: it is an edit of activations; only its latent part is used"
    ]


@pytest.mark.parametrize("content", [W.double().numpy(), EQUAL.double().numpy()])
def test_vectors_of_any_generator(tmp_path: Path, tiny: Models, content: Any) -> None:
    """Published for StyleGAN 1 in float64, some of them in z."""
    npy(content, tmp_path / "age.npy")
    _, [note] = read(tmp_path / "age.npy", tiny)
    assert note.startswith("age.npy: its generator cannot be known: vectors like it belong to StyleGAN 1 or 2")


def test_a_latent_that_is_asked_for_as_a_direction(tmp_path: Path, tiny: Models) -> None:
    w_avg = tiny.generator.w_avg
    torch.save(w_avg[None] + 0.1 * normal(1, D), tmp_path / "code.pt")
    _, [note] = read(tmp_path / "code.pt", tiny)
    assert note.startswith("code.pt: its numbers are nearer to the average w than to 0, as those of latents are")
    save_latent(Latent(Space.W, W), tmp_path / "w.safetensors")
    [direction], [note] = read(tmp_path / "w.safetensors", tiny)
    assert note == "w.safetensors: the file calls it latents; it is read as a direction, as asked"
    assert direction.name == "w" and torch.equal(direction.data, W)
    npz({"w": W_PLUS.numpy()}, tmp_path / "projected_w.npz")
    [direction], [note] = read(tmp_path / "projected_w.npz", tiny)
    assert direction.space is Space.W_PLUS and "the file calls it latents" in note


def test_a_folder_with_a_file_for_each_layer(tmp_path: Path, tiny: Models) -> None:
    """StyleGAN-Human's ss/ATTRIBUTE/style_vect_mean_0.pkl ...; it has one more than its code uses."""
    for count in (len(CONV_STYLES), len(CONV_STYLES) + 1):
        for i, styles in enumerate([*CONV_STYLES, torch.ones(1, 7)][:count]):
            write_pickle_of(styles.numpy(), tmp_path / f"style_vect_mean_{i}.pkl")
        [direction], notes = read(tmp_path, tiny)
        assert direction.space is Space.S and torch.equal(direction.data, WITHOUT_TORGB)
        assert len(notes) == (count > len(CONV_STYLES))


def test_a_folder_of_files(tmp_path: Path, tiny: Models) -> None:
    """STIT's editings/w_directions: a pack by the names of the files, without an index."""
    npy(EQUAL.numpy(), tmp_path / "Eye ratio.npy")
    torch.save(COMPONENTS, tmp_path / "pca.pt")
    (tmp_path / "README.md").write_text("directions")
    directions, _ = read(tmp_path, tiny, absolute=True, layers=[1])
    assert [each.name for each in directions] == ["eye-ratio", *(f"pca_{i}" for i in range(5))]
    assert {(each.space, each.layers) for each in directions} == {(Space.W_PLUS, "1")}
    zero, mean = directions[0].center, directions[1].center
    assert zero is not None and not zero.any() and mean is not None and torch.equal(mean, COMPONENTS["mean"][0])
    (tmp_path / "pca.pt").write_text("<html>")
    with pytest.raises(WeightError, match="pca.pt: it is a web page"):
        import_directions(tmp_path, tiny)
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightError, match="empty: it is a folder with no file of directions; pass the file inside"):
        import_directions(tmp_path / "empty", tiny)


def test_our_own_files(tmp_path: Path, tiny: Models) -> None:
    own = [LatentDirection(Space.W, W, "age", unit=2.0), LatentDirection(Space.W, 2 * W, "smile")]
    path = save_latent_directions(own, tmp_path / "own.safetensors")
    [smile] = import_directions(path, tiny, index="smile", layers=[0])
    assert smile.name == "smile" and torch.equal(smile.data[:, 0], 2 * W)
    with pytest.raises(UsageError, match="own.safetensors says its space; leave the space out"):
        import_directions(path, tiny, space="w")


def test_zeros_in_a_set_are_left_out(tmp_path: Path, tiny: Models) -> None:
    torch.save({"age": W, "none": 0 * W}, tmp_path / "set.pt")
    [direction], [note] = read(tmp_path / "set.pt", tiny)
    assert direction.name == "age" and note == "set.pt: none is 0 everywhere and left out"


def test_a_set_that_is_too_long_for_a_file_of_ours(tmp_path: Path, tiny: Models) -> None:
    torch.save(normal(1024, D), tmp_path / "set.pt")
    directions = import_directions(tmp_path / "set.pt", tiny)
    path = save_latent_directions(directions, tmp_path / "set.safetensors")
    assert len(read_latent_directions(path)) == 1024
    told = [replace(each, licence="x" * 1000) for each in directions]
    with pytest.raises(UsageError, match="what is known of 1024 directions is too long for one file; save fewer"):
        save_latent_directions(told, tmp_path / "set.safetensors")
