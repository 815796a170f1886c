"""The ideal edit, and the pixels that show nothing but background."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from styleclip.demo.captions import claimed_states
from styleclip.demo.ideal import hiders, ideal_z
from styleclip.demo.render import background_mask, render
from styleclip.demo.world import ATTRIBUTES, CLEAR, GEOMETRY, Z_DIM, faces, with_state

Z = torch.randn(64, Z_DIM, generator=torch.Generator().manual_seed(0))
STATES = [a.name for a in ATTRIBUTES]


def states(z: torch.Tensor) -> dict[str, torch.Tensor]:
    return {name: faces(z).values[name].argmax(dim=1) for name in STATES}


@pytest.mark.parametrize(
    "text",
    ["a face with red hair", "a face with blonde hair and blue eyes", "an old face in a red shirt", "a bald face"],
)
def test_claims_are_set_and_nothing_else_changes(text: str) -> None:
    claims = claimed_states(text)
    before, after = states(Z), states(ideal_z(Z, claims))
    for name, state in claims.items():
        assert (after[name] == state).all()
    others = [name for name in STATES if name not in claims and name not in hiders(claims)]
    changed = torch.stack([before[name] != after[name] for name in others])
    assert changed.float().mean() < 0.01  # a value at the edge of two states may cross it as |z| is kept
    geometry = [(faces(Z).values[n] - faces(ideal_z(Z, claims)).values[n]).abs().mean() for n in GEOMETRY]
    assert max(geometry) < 0.1


def test_what_hides_a_claim_goes() -> None:
    hatted, bald = with_state(Z, "hat", "yes"), with_state(Z, "bald", "yes")
    after = states(ideal_z(torch.cat([hatted, bald]), claimed_states("a face with bangs")))
    assert not after["hat"].any() and not after["bald"].any() and after["bangs"].all()


def test_what_hides_nothing_stays() -> None:
    glasses, sunglasses = with_state(Z, "eyewear", "glasses"), with_state(Z, "eyewear", "sunglasses")
    blue = claimed_states("a face with blue eyes")
    assert (states(ideal_z(glasses, blue))["eyewear"] == 1).all()
    assert (states(ideal_z(sunglasses, blue))["eyewear"] == 0).all()
    hatted = with_state(Z, "hat", "yes")
    assert states(ideal_z(hatted, claimed_states("a face with a beard")))["hat"].float().mean() > 0.97


def test_what_clearly_holds_keeps_its_value() -> None:
    claims = claimed_states("an old face")
    old = Z[faces(Z).values["age"][:, 1] >= CLEAR]
    assert len(old) > 5 and torch.equal(ideal_z(old, claims), old)
    assert (faces(ideal_z(Z, claims)).values["age"][:, 1] >= CLEAR).all()


def test_background_is_the_same_behind_all_people() -> None:
    """Two people before one background in one light: where both show 99 % of it, they are the same."""
    one, other = faces(Z[:32]), faces(Z[32:])
    other = replace(other, values=other.values | {name: one.values[name] for name in ("background", "light")})
    both = background_mask(one) & background_mask(other)
    change = (render(one) - render(other)).abs().amax(dim=1)
    assert change[both].max() < 0.02 and change[~both].mean() > 0.2
    assert 0.15 < background_mask(one).float().mean() < 0.6
    assert background_mask(one)[:, 2, 2].all() and not background_mask(one)[:, 32, 32].any()
