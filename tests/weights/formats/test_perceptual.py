"""Files of LPIPS: the heads alone, and trunk and heads together, under any key and with any prefix."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from styleclip.errors import WeightError
from styleclip.weights.load import load_generator

HEADS = {f"lin{i}.model.1.weight": torch.ones(1, 2, 1, 1) for i in range(5)}


@pytest.mark.parametrize("prefix", ["", "module.", "perceptual_loss."])
@pytest.mark.parametrize("keys", [(), ("state_dict",)])
def test_lpips_is_told_from_its_heads(tmp_path: Path, prefix: str, keys: tuple[str, ...]) -> None:
    whole = {**HEADS, "net.slice1.0.weight": torch.ones(64, 3, 11, 11)}
    for tensors, message in (
        (HEADS, "the linear heads of LPIPS, .* and no trunk"),
        (whole, "a whole LPIPS, trunk and"),
    ):
        value: object = {f"{prefix}{name}": tensor for name, tensor in tensors.items()}
        for key in keys:
            value = {key: value}
        torch.save(value, tmp_path / "lpips.pth")
        with pytest.raises(WeightError, match=f"it holds {message}.*; run `styleclip models pull lpips-alex` for one"):
            load_generator(tmp_path / "lpips.pth")
