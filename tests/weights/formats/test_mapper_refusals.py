"""Files of latent mappers whose tensors or options do not fit are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from styleclip.errors import WeightError
from styleclip.weights.formats.own_files import save_mapper
from styleclip.weights.load import load_mapper
from tests.helpers.checkpoint_writers import mapper_tensors
from tests.helpers.mapper_files import TINY_LAYOUT, style_networks

Checkpoint = dict[str, Any]


def without(name: str) -> Callable[[Checkpoint], None]:
    return lambda content: content["state_dict"].pop(name)


def with_tensor(name: str, *shape: int, value: float = 1.0) -> Callable[[Checkpoint], None]:
    return lambda content: content["state_dict"].update({name: torch.full(shape, value)})


def with_options(**options: object) -> Callable[[Checkpoint], None]:
    return lambda content: content.update(opts=options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("mapper.fine_mapping.mapping.2.bias"), r"missing mapper\.fine_mapping\.mapping\.2\.bias;"),
        (with_tensor("mapper.fine_mapping.mapping.5.bias", 8), r"surplus mapper\.fine_mapping\.mapping\.5\.bias;"),
        (with_tensor("mapper.extra.weight", 8), r"surplus mapper\.extra\.weight;"),
        (with_tensor("discriminator.weight", 8), r"surplus discriminator\.weight;"),
        (with_tensor("mapper.fine_mapping.mapping.1.weight", 8, 9), r"fine.fc0.weight has shape \[8, 9\] .*\[8, 8\]"),
        (with_tensor("mapper.course_mapping.mapping.1.weight"), r"coarse.fc0.weight has shape \[\] instead of"),
        (with_tensor("mapper.fine_mapping.mapping.1.bias", 8, value=torch.nan), "fine.fc0.bias holds NaN"),
        (with_options(no_fine_mapper=True), "options say no_fine_mapper=True, but .* levels coarse medium fine;"),
        (with_options(mapper_type="SingleMapper"), "options say mapper_type=SingleMapper, but its tensors"),
        (with_options(work_in_stylespace=True), "options say work_in_stylespace=True, but its tensors"),
    ],
)
def test_levels_that_do_not_fit(tmp_path: Path, change: Callable[[Checkpoint], None], message: str) -> None:
    content: Checkpoint = {"state_dict": mapper_tensors("course_mapping", "medium_mapping", "fine_mapping"), "opts": {}}
    change(content)
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(WeightError, match=f"bad.pt: .*{message}"):
        load_mapper(tmp_path / "bad.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("mapper.mapper_2.mapping.1.weight"), r"missing mapper\.mapper_2\.mapping\.1\.weight;"),
        (
            lambda content: content["state_dict"].update(mapper_tensors("mapper_5")),
            r"missing mapper\.mapper_6\.mapping",
        ),
        (
            lambda content: content["state_dict"].update(mapper_tensors("mapper_2", width=4)),
            r"b8\.conv0.* \[4, 4\] .* \[6, 6\]",
        ),
        (with_tensor("mapper.mapper_123.mapping.1.bias", 8), r"surplus mapper\.mapper_123\.mapping\.1\.bias;"),
        (with_tensor("mapper.course_mapping.mapping.1.bias", 8), r"surplus mapper\.course_mapping\.mapping\.1\.bias;"),
    ],
)
def test_style_networks_that_do_not_fit(tmp_path: Path, change: Callable[[Checkpoint], None], message: str) -> None:
    content: Checkpoint = {"state_dict": style_networks(TINY_LAYOUT, torgb=False), "opts": {}}
    change(content)
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(WeightError, match=f"bad.pt: .*{message}"):
        load_mapper(tmp_path / "bad.pt")


def test_our_file_with_other_tensors_is_refused(tmp_path: Path) -> None:
    class Other(torch.nn.Linear): ...

    path = save_mapper(Other(2, 2), tmp_path / "other.safetensors")  # type: ignore[arg-type]
    with pytest.raises(WeightError, match="it has no tensor named coarse.fc0.weight or b4.conv1.fc0.weight; pass a"):
        load_mapper(path)
