"""Directions in files of every author: the numbers of each kind are those of numpy, and no number is scaled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from styleclip.directions.importing import import_directions
from styleclip.errors import UsageError
from styleclip.latents import Space
from styleclip.models import Models
from tests.helpers.direction_files import (
    AXES,
    COMPONENTS,
    CONFIG,
    CONV_STYLES,
    CONVOLUTIONS,
    EQUAL,
    LISTED,
    NUM_WS,
    PAIR,
    PARENT,
    RECORDS,
    SCALED,
    STEPS,
    STYLES,
    TABLES,
    W_PLUS,
    WITHOUT_TORGB,
    D,
    S,
    W,
    cuda,
    ganspace_cache,
    legacy,
    npy,
    npz,
    unit,
    write_comfy,
    write_pickle_of,
)
from tests.helpers.tiny import tiny_generator, tiny_models


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models(generator=tiny_generator(CONFIG))


def without_metadata(tensors: Tensor, path: Path) -> None:
    write_comfy(tensors, path, None)


ONE: dict[str, tuple[Callable[[Any, Path], object], Any, Space, Tensor]] = {
    "InterFaceGAN": (npy, W.double().numpy(), Space.W, W),
    "e4e": (torch.save, W, Space.W, W),
    "e4e, before torch 1.6": (legacy, W, Space.W, W),
    "one axis": (npy, W[0].numpy(), Space.W, W),
    "half precision": (torch.save, W.half(), Space.W, W.half().float()),
    "STIT": (npy, EQUAL.double().numpy(), Space.W, EQUAL[:1]),
    "equal rows of a batch": (torch.save, EQUAL[None], Space.W, EQUAL[:1]),
    "e4e's pose": (cuda, W_PLUS[0], Space.W_PLUS, W_PLUS),
    "TargetCLIP": (npy, SCALED.numpy(), Space.W_PLUS, SCALED),
    "SFE": (torch.save, W_PLUS.reshape(1, -1), Space.W_PLUS, W_PLUS),
    "flat, one axis": (npy, W_PLUS.flatten().numpy(), Space.W_PLUS, W_PLUS),
    "a view of a table of all": (torch.save, PARENT[:, 3], Space.W, PARENT[:, 3][None]),
    "a dict in an npy": (npy, {"direction": W.numpy(), "name": "age", "layers": 4}, Space.W, W),
    "a dict of one": (torch.save, {"boundary": W, "accuracy": 0.9}, Space.W, W),
    "an npz": (npz, {"boundary": W.numpy()}, Space.W, W),
    "styles": (torch.save, S, Space.S, S),
    "styles of convolutions": (torch.save, S[:, CONVOLUTIONS], Space.S, WITHOUT_TORGB),
    "styles by layer": (torch.save, [*STYLES.values()], Space.S, S),
    "styles by name": (torch.save, STYLES, Space.S, S),
    "styles of StyleCLIP's axes": (write_pickle_of, AXES, Space.S, WITHOUT_TORGB),
    "styles of one axis": (npy, np.array([each[0].numpy() for each in CONV_STYLES], object), Space.S, WITHOUT_TORGB),
    "names and styles": (write_pickle_of, [[*STYLES], [each.numpy() for each in STYLES.values()]], Space.S, S),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("write", "content", "space", "step"), ONE.values(), ids=ONE)
def test_a_file_of_one_direction(
    tmp_path: Path, tiny: Models, write: Callable[[Any, Path], object], content: Any, space: Space, step: Tensor
) -> None:
    write(content, tmp_path / "age.dat")
    [direction] = import_directions(tmp_path / "age.dat", tiny)
    assert (direction.space, direction.name, direction.alpha, direction.unit) == (space, "age", 1.0, None)
    assert direction.center is None and direction.generator is None
    assert torch.equal(direction.data, step)  # no number is scaled
    direction.check_fits(tiny)
    assert direction.origin["source_file"] == "age.dat" and len(direction.origin["source_sha256"]) == 64


SETS: dict[str, tuple[Callable[[Any, Path], object], Any, list[str], Tensor]] = {
    "e4e's GANSpace": (torch.save, COMPONENTS, [*"01234"], STEPS),
    "the same, before torch 1.6": (legacy, COMPONENTS, [*"01234"], STEPS),
    "GANSpace's cache": (npz, ganspace_cache(5, D), [*"01234"], STEPS),
    "rosinality": (torch.save, {"ckpt": "stylegan2.pt", "eigvec": PARENT}, [str(i) for i in range(D)], PARENT.T),
    "SeFa": (npy, PARENT.T.numpy(), [str(i) for i in range(D)], PARENT.T),
    "SeFa, as many as w": (npy, PARENT.T[:NUM_WS].numpy(), [str(i) for i in range(NUM_WS)], PARENT.T[:NUM_WS]),
    "ComfyUI": (write_comfy, unit(3, D), ["component_02", "component_01", "component_00"], unit(3, D).flip(0)),
    "ComfyUI without metadata": (without_metadata, unit(2, D), ["component_00", "component_01"], unit(2, D)),
    "a list": (torch.save, [W, W + 1], ["0", "1"], PAIR),
    "a list of rows": (write_pickle_of, [W[0].numpy(), W[0].numpy() + 1], ["0", "1"], PAIR),
    "a dict": (torch.save, {"age": W, "smile": W + 1, "made": "2021"}, ["age", "smile"], PAIR),
    "a dict with records": (npy, RECORDS, ["age", "smile"], PAIR),
    "a list of records": (torch.save, LISTED, ["age", "smile"], PAIR),
    "a list of pairs": (write_pickle_of, [("age", W.numpy()), ("smile", W.numpy() + 1)], ["age", "smile"], PAIR),
    "pairs of one name": (torch.save, [("age", W), ("age", W + 1)], ["0", "1"], PAIR),
    "names and tensors": (torch.save, [["age", "smile"], [W, W + 1]], ["age", "smile"], PAIR),
    "below a key": (torch.save, {"directions": {"age": W, "smile": W + 1}, "model": "ffhq"}, ["age", "smile"], PAIR),
    "names beside": (torch.save, {"names": ["age", "smile"], "vectors": [W, W + 1]}, ["age", "smile"], PAIR),
    "a linear classifier": (npz, {"coef_": PAIR.numpy(), "intercept_": np.zeros(1)}, ["coef_-0", "coef_-1"], PAIR),
    "named tables": (npz, TABLES, ["age-0", "age-1", "smile"], PARENT[:3]),
    "safetensors": (save_file, {"age": W, "smile": W + 1}, ["age", "smile"], PAIR),
    "names of no command": (torch.save, {"a/b:c @3": W, "a_b_c_3": W + 1}, ["a-b-c-3", "a_b_c_3"], PAIR),
    "names alike": (torch.save, {"a:": W, "a": W + 1}, ["a", "a-2"], PAIR),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("write", "content", "names", "steps"), SETS.values(), ids=SETS)
def test_a_file_of_several(
    tmp_path: Path,
    tiny: Models,
    write: Callable[[Any, Path], object],
    content: Any,
    names: list[str],
    steps: Tensor,
) -> None:
    write(content, tmp_path / "set.dat")
    directions = import_directions(tmp_path / "set.dat", tiny)
    assert [each.name for each in directions] == names and {each.space for each in directions} == {Space.W}
    assert torch.allclose(torch.cat([each.data for each in directions]), steps, rtol=0, atol=1e-6)
    [second] = import_directions(tmp_path / "set.dat", tiny, index=1)
    assert torch.equal(second.data, directions[1].data)
    [last] = import_directions(tmp_path / "set.dat", tiny, index=names[-1])
    assert torch.equal(last.data, directions[-1].data)
    with pytest.raises(UsageError, match=f"set.dat has no direction 'frown'; pass one of {names[0]}, "):
        import_directions(tmp_path / "set.dat", tiny, index="frown")
