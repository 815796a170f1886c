"""The outputs of the layers of CLIP's vision tower, which compare pictures by form (CLIPasso, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from torch import Tensor, nn

from styleclip.errors import UsageError
from styleclip.networks.clip import CLIP
from styleclip.networks.resize import apply_resizes


def layer_features(clip: CLIP, image: Tensor, *layers: str) -> tuple[dict[str, Tensor], Tensor]:
    """The outputs of these layers for images [N, 1..4, H, W] in [-1, 1], by name, and the unit features [N, D].

    A residual tower has the layers "stem" and "layer1" to "layer4", with outputs [N, C, h, w]; a vision transformer
    has "block0", "block1", ..., with outputs [N, tokens, C], the class token first. By default all of them. The outputs
    are differentiable in the image. Raises UsageError for a layer that this CLIP does not have.
    """
    with record_outputs(clip, layers or layer_names(clip)) as outputs:
        features = clip.encode_pixels(*apply_resizes(image, clip.resize_crop(image)))
    return {name: _tokens_of(clip, output) for name, output in outputs.items()}, features


def layer_names(clip: CLIP) -> tuple[str, ...]:
    """The names of the layers, in their order."""
    return tuple(_layers(clip))


def is_transformer(clip: CLIP) -> bool:
    """Whether the vision tower is a transformer; a residual network where it is not."""
    return hasattr(cast(Any, clip.model).visual, "transformer")


@contextmanager
def record_outputs(clip: CLIP, names: tuple[str, ...]) -> Iterator[dict[str, Tensor]]:
    """Within the block every pass through the vision tower writes the outputs of these layers into the mapping."""
    layers, outputs = _layers(clip), dict[str, Tensor]()
    if unknown := [name for name in names if name not in layers]:
        raise UsageError(f"the vision tower of {clip.name} has no layer {unknown[0]!r}; it has {', '.join(layers)}")

    def recorder(name: str) -> Any:
        def record(module: nn.Module, inputs: Any, output: Tensor) -> None:
            outputs[name] = output

        return record

    with ExitStack() as hooks:
        for name in names:
            hooks.callback(layers[name].register_forward_hook(recorder(name)).remove)
        yield outputs


def _layers(clip: CLIP) -> dict[str, nn.Module]:
    visual = cast(Any, clip.model).visual
    if is_transformer(clip):
        return {f"block{i}": block for i, block in enumerate(visual.transformer.resblocks)}
    if not hasattr(visual, "attnpool"):
        raise UsageError(f"the vision tower of {clip.name} is neither a residual network nor a vision transformer")
    return {"stem": visual.avgpool, **{f"layer{i}": getattr(visual, f"layer{i}") for i in range(1, 5)}}


def _tokens_of(clip: CLIP, output: Tensor) -> Tensor:
    """The output of a block as [N, tokens, C]; open_clip's transformers may have the tokens first."""
    if is_transformer(clip) and not cast(Any, clip.model).visual.transformer.batch_first:
        return output.transpose(0, 1)
    return output
