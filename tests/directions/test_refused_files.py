"""Files that hold no direction, or none for the generator: each is refused by a sentence with a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.directions.importing import import_directions
from styleclip.errors import WeightError
from styleclip.models import Models
from tests.helpers.direction_files import (
    CONFIG,
    D,
    W,
    ganspace_cache,
    ganspace_edit,
    normal,
    npz,
    unit,
    write_pickle_of,
)
from tests.helpers.tiny import tiny_generator, tiny_models


@pytest.fixture(scope="module")
def tiny() -> Models:
    return tiny_models(generator=tiny_generator(CONFIG))


REFUSED: dict[str, tuple[Any, str]] = {
    "zeros": (torch.zeros(1, D), "its direction is 0 everywhere; pass another file"),
    "NaN": (W * float("nan"), r"its direction \[1, 64\] holds NaN or infinite numbers; fetch or make"),
    "whole numbers": (torch.ones(1, D, dtype=torch.int64), "holds no real numbers; pass another file"),
    "another width": (normal(1, 48), r"its table \[1, 48\] does not fit this generator, whose directions are w"),
    "another number of w": (normal(2, 18, D), r"its table \[2, 18, 64\] does not fit this generator"),
    "other layers": ([torch.ones(1, 7), torch.ones(1, 6)], "its 2 layers have 7, 6, ... channels, as this generator"),
    "a relevance table": (unit(6048, 16), "it is a relevance table .*, no direction; pass it as --relevance"),
    "statistics": ([[torch.ones(3)] * 2] * 2, "it holds statistics, no direction; pass a file with one"),
    "a list of numbers": ([["a", "b"], [1, 2]], "it holds a list of 2 entries"),
    "dicts in dicts": ({"a": {"b": {"c": {"d": W}}}}, "it holds a dict of 1 entries|it holds a table"),
    "a state dict": ({"conv.weight": W}, "it holds a dict of 1 entries .*, none of the known weights"),
    "latents of a projector": ({"a": {"latent": normal(18, 512), "noise": [W]}}, "it holds latents, no direction"),
    "latents of a dataset": (torch.zeros(30_000, D), "more than 1024 directions; pass latents with"),
    "deviations of others": ({"comp": normal(5, 1, D), "std": torch.ones(4)}, "do not fit; fetch or make"),
    "a wide eigvec": ({"eigvec": normal(4, D)}, r"its eigvec is of shape \[4, 64\], not \[w_dim, directions\]"),
    "z of GANSpace": (ganspace_edit(D, (0, 1), latent_space="Z"), "its components are directions in z"),
    "no layers": (ganspace_edit(D, (3, 1)), "its edit moves the layers 3 to 1, which are none; save it again"),
    "more layers": (ganspace_edit(D, (0, 17)), "it moves the layers 0-17, and this generator has 0-5; pass the gen"),
    "no number": (ganspace_edit(D, (0, 1), lat_stdev="x"), "its lat_stdev is x, no number; save it again"),
    "z": ({"z": W}, "the file says that it is in z, which no photo has; pass one in w, or say --space w"),
    "many": ([W] * 5000, "it holds .* directions|the same tensor under many names"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path: Path, tiny: Models, content: Any, sentence: str) -> None:
    path = tmp_path / "bad.dat"
    write_pickle_of(content, path) if isinstance(content, dict) else torch.save(content, path)
    with pytest.raises(WeightError, match=sentence) as caught:
        import_directions(path, tiny)
    assert str(caught.value).startswith(f"{path}: ") and "; " in str(caught.value)


def test_z_of_a_cache_of_ganspace(tmp_path: Path, tiny: Models) -> None:
    npz(ganspace_cache(3, D, use_w=False), tmp_path / "z.npz")
    with pytest.raises(WeightError, match="its components are directions in z, by which layers cannot be edited; comp"):
        import_directions(tmp_path / "z.npz", tiny)
