"""Attributes of modules of NVIDIA's PyTorch networks that change what they compute, and the values that ours has."""

from __future__ import annotations

import math
import re
from typing import Any

from styleclip.errors import WeightError
from styleclip.weights.formats.messages import short_repr
from styleclip.weights.formats.nvidia_modules import Module

Rules = list[tuple[str, dict[str, Any]]]  # a pattern of module paths -> the values their attributes must have


def generator_rules(blocks: int, clamp: float | None, lr_mul: float, img_channels: int = 3) -> Rules:
    return [
        ("|mapping|synthesis", {"num_ws": 2 * blocks}),
        (r"|synthesis\.b\d+", {"img_channels": img_channels}),
        (r"synthesis\.b\d+", {"architecture": "skip"}),
        (r".*\.conv[01]", {"activation": "lrelu", "act_gain": math.sqrt(2)}),
        (r".*\.conv0", {"up": 2}),
        (r".*\.conv1", {"up": 1}),
        (r".*\.(conv[01]|torgb)", {"conv_clamp": clamp}),
        (r".*\.(affine|embed)", {"activation": "linear", "bias_gain": 1}),
        (r"mapping\.fc\d+", {"activation": "lrelu", "bias_gain": lr_mul}),
    ]


def discriminator_rules(clamp: float | None) -> Rules:
    return [
        (r"b\d+", {"architecture": "resnet"}),
        (r".*\.(fromrgb|conv[01]?)", {"activation": "lrelu", "act_gain": math.sqrt(2), "conv_clamp": clamp}),
        (r".*\.(fromrgb|conv|conv0)", {"up": 1, "down": 1}),
        (r".*\.(conv1|skip)", {"up": 1, "down": 2}),
        (r".*\.skip", {"activation": "linear", "act_gain": 1, "conv_clamp": None}),
        (r"b4\.mbstd", {"num_channels": 1}),
        (r"b4\.fc", {"activation": "lrelu", "bias_gain": 1}),
        (r"b4\.out", {"activation": "linear", "bias_gain": 1}),
    ]


def check_attributes(modules: list[Module], rules: Rules, architecture: str = "StyleGAN2") -> None:
    """Raise WeightError where an attribute makes a module compute another function than ours."""
    for module in modules:
        expected: dict[str, Any] = _expected_of_weight(module)
        for pattern, values in rules:
            if re.fullmatch(pattern, module.path):
                expected |= values
        for name, value in expected.items():
            if not _equal(found := module.state.get(name, "not set"), value):
                where = f"{module.path}.{name}".lstrip(".")
                differs = f"is {short_repr(found)}, where ours has {value}"
                raise WeightError(f"its {where} {differs}; pass another {architecture}")


def _expected_of_weight(module: Module) -> dict[str, Any]:
    """The equalised learning rate and the padding that follow from the shape of a weight."""
    weight = module.state["_parameters"].get("weight", module.state["_buffers"].get("weight"))
    if weight is None:
        return {}
    gain = module.state.get("bias_gain", 1) / math.sqrt(math.prod(weight.shape[1:]))
    everywhere = {"weight_gain": gain, "padding": weight.shape[-1] // 2}
    return {name: value for name, value in everywhere.items() if name in module.state}


def _equal(found: Any, expected: Any) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=1e-6)
    return bool(found == expected)
