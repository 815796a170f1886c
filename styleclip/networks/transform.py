"""Moving and turning the pictures of a StyleGAN3, whose input is a continuous function of the plane.

Karras et al. 2021, "Alias-Free Generative Adversarial Networks", section 3.2. The styles are the same for every place.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

from styleclip.errors import UsageError
from styleclip.networks.generator import Generator
from styleclip.networks.generator_config import GeneratorConfig
from styleclip.networks.stylegan3 import StyleGAN3Config

MAX_SHIFT = 100.0  # image widths, either way
RECORDED = ("translate", "rotate")  # keys of provenance


@dataclass(frozen=True)
class Transform:
    """Where a picture lies: it is turned around its center, then moved.

    Args:
        translate: to the right and down, in widths of the image.
        rotate: counter-clockwise, in degrees.
    """

    translate: tuple[float, float] = (0.0, 0.0)
    rotate: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "translate", tuple(self.translate))  # a list of JSON, too
        numbers = [*self.translate, self.rotate]
        if len(self.translate) != 2 or not all(math.isfinite(number) for number in numbers):
            raise UsageError(
                f"translate is {self.translate} and rotate {self.rotate}; pass two finite numbers and one, such as "
                "(0.1, 0) and 20"
            )
        if max(map(abs, self.translate)) > MAX_SHIFT:
            raise UsageError(f"translate is {self.translate}; move pictures by at most {MAX_SHIFT:g} times their width")

    def record(self) -> dict[str, Any]:
        """What records tell of it: the arguments of `load`."""
        return dict(zip(RECORDED, (list(self.translate), self.rotate), strict=True))


def check_transform(config: GeneratorConfig) -> None:
    """Raise UsageError unless this is the shape of a StyleGAN3."""
    if not isinstance(config, StyleGAN3Config):
        raise UsageError(
            "--translate and --rotate move the pictures of a StyleGAN3, and this generator is none; leave them out"
        )


def transformed_generator(generator: Generator, transform: Transform) -> Generator:
    """The same generator with this transform in the place of its own; all tensors but that one are shared.

    Raises UsageError for another generator than a StyleGAN3.
    """
    check_transform(generator.config)
    twin = _twin(generator)
    twin.synthesis = _twin(twin.synthesis)
    twin.synthesis.input = _twin(twin.synthesis.input)
    twin.synthesis.input.transform = twin.synthesis.input.transform.clone()
    twin.synthesis.input.move(transform.translate, transform.rotate)
    return twin


def _twin(module: Any) -> Any:
    """A module with the same tensors and submodules, which can be replaced in it."""
    twin = copy.copy(module)
    twin._modules, twin._buffers = dict(module._modules), dict(module._buffers)
    return twin
