"""The losses of a stylization."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.canvases.stylization.content import Content
from styleclip.canvases.stylization.faces import Faces
from styleclip.canvases.stylization.losses import StylizationLosses, hue_loss, total_variation
from styleclip.canvases.stylization.settings import Stylization
from styleclip.settings import resolve
from tests.helpers.tiny import tiny_clip, tiny_recogniser

CLIP = tiny_clip()
DIRECTION = F.normalize(torch.randn(10, generator=torch.Generator().manual_seed(1)), dim=0)
SETTINGS = resolve(Stylization(num_crops=5, crop_size=0.5, threshold=0.0, distortion=0.0), {})


def picture(seed: int) -> Tensor:
    return torch.rand(1, 3, 40, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


PHOTO, STYLED = picture(0), picture(1)


def losses(faces: Faces | None = None, **changes: Any) -> StylizationLosses:
    settings = replace(SETTINGS, **changes)
    return StylizationLosses(lambda _: STYLED, PHOTO, CLIP, DIRECTION, settings, Content(CLIP), faces)


def one_minus_cos(image: Tensor, source: Tensor) -> Tensor:
    change = CLIP.encode_image(image) - CLIP.encode_image(source)
    return 1 - F.cosine_similarity(change, DIRECTION[None])


def test_the_whole_picture_moves_along_the_text() -> None:
    found = losses().style_loss(STYLED, losses().source)
    torch.testing.assert_close(found, one_minus_cos(STYLED, PHOTO))


def test_crops_move_from_the_whole_photo() -> None:
    """Those of a step are random, and always the same."""
    found = losses().patch_loss(STYLED, 3)
    assert found.shape == (5,) and found.std() > 0
    assert torch.equal(found, losses().patch_loss(STYLED, 3)) and not torch.equal(found, losses().patch_loss(STYLED, 4))
    whole = losses(crop_size=1.0, num_crops=2)  # of a photo that is no square: crops as high as it is
    assert whole._random_view(torch.Generator())(STYLED).shape == (2, 3, 40, 40)


def test_crops_may_move_from_the_same_crops_of_the_photo() -> None:
    compared = losses(compare="crop")
    assert compared.patch_loss(PHOTO, 0).tolist() == pytest.approx([1.0] * 5)  # where nothing has changed
    view = compared._random_view(torch.Generator().manual_seed(0))
    torch.testing.assert_close(compared.patch_loss(STYLED, 0), one_minus_cos(view(STYLED), view(PHOTO)))


def test_crops_below_the_threshold_count_nothing() -> None:
    values = losses().patch_loss(STYLED, 0)
    middle = values.median().item()
    cut = losses(threshold=middle).patch_loss(STYLED, 0)
    assert torch.equal(cut, torch.where(values < middle, 0.0, values)) and (cut == 0).sum() == 2


def test_a_reach_asks_for_a_step_of_its_length_along_the_text() -> None:
    step = (CLIP.encode_image(STYLED) - CLIP.encode_image(PHOTO)) @ DIRECTION
    for reach in (0.001, 2.0):
        found = losses(reach=reach).style_loss(STYLED, losses().source)
        torch.testing.assert_close(found, (1 - step / reach).clamp(min=0))
        assert losses(reach=reach).style_loss(PHOTO, losses().source).item() == 1


def test_colours_of_crops_may_vary() -> None:
    plain, varied = (
        losses(jitter=jitter)._random_view(torch.Generator().manual_seed(0))(STYLED) for jitter in (0, 0.5)
    )
    gains = (varied + 1).mean(dim=(2, 3)) / (plain + 1).mean(dim=(2, 3))
    assert gains.shape == (5, 3) and 0.5 <= gains.min() < 0.8 and 1.2 < gains.max() <= 1.5
    torch.testing.assert_close(varied + 1, (plain + 1) * gains[..., None, None], atol=1e-5, rtol=0)


def test_terms_are_weighted_and_those_without_a_weight_are_left_out() -> None:
    terms = losses(lambda_content=0.0, lambda_patch=2.0)(0)
    assert list(terms) == ["patch", "direction", "tv"]
    torch.testing.assert_close(terms["patch"], 2 * losses().patch_loss(STYLED, 0).mean())
    torch.testing.assert_close(terms["tv"], 2e-3 * total_variation(STYLED))


def test_colours_may_fade_or_glow_and_not_turn() -> None:
    grey = PHOTO.mean(dim=1, keepdim=True)
    for share, same in ((0.0, True), (0.5, True), (1.5, True), (-0.5, False), (2.0, False)):
        assert (hue_loss(grey / 2 + share * (PHOTO - grey), PHOTO).item() < 1e-10) == same
    assert hue_loss(PHOTO[:, [1, 2, 0]], PHOTO).item() > 0.1  # other hues
    assert losses(lambda_hue=2.0)(0)["hue"].item() == pytest.approx(2 * hue_loss(STYLED, PHOTO).item())


def test_content_is_compared_in_layers_of_the_clip() -> None:
    content = Content(CLIP)
    same, other = content.features(PHOTO), content.features(STYLED)
    assert content.loss(same, same).item() == 0 and content.loss(other, same).item() > 0.01


def test_the_identity_loss_sees_the_face_alone() -> None:
    frame = torch.tensor([[[0.25, 0.0, 0.5], [0.0, 0.4, 0.5], [0.0, 0.0, 1.0]]])  # x: 32 to 48 px, y: 20 to 36 px
    faces = Faces(frame, tiny_recogniser())
    assert faces.frames(PHOTO).shape == (1, 3, 16, 16)
    torch.testing.assert_close(faces.frames(PHOTO), PHOTO[..., 20:36, 32:48], atol=1e-5, rtol=0)
    styled = STYLED.clone().requires_grad_(True)
    losses(faces).identity_loss(styled).sum().backward()
    assert styled.grad is not None
    seen = styled.grad[0].abs().sum(dim=0).nonzero()
    assert seen.min(dim=0).values.tolist() == [20, 32] and seen.max(dim=0).values.tolist() == [35, 47]
    assert losses(faces, lambda_id=3.0)(0)["identity"].item() > 0
