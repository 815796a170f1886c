"""What counts as a hit and as a flip, from probabilities given by hand."""

from __future__ import annotations

import torch

from styleclip.demo.captions import state_names
from styleclip.demo.judge import Verdict
from styleclip.demo.world import ATTRIBUTES
from styleclip.evaluate.demo_world.verdicts import flips, shown_claims
from styleclip.evaluate.flips import has_changed


def verdict(*faces: dict[str, str]) -> Verdict:
    """Faces that surely have these states, and else the first of every attribute."""
    return {
        attribute.name: torch.stack(
            [
                torch.eye(len(attribute.states))[attribute.states.index(face.get(attribute.name, attribute.states[0]))]
                for face in faces
            ]
        )
        for attribute in ATTRIBUTES
    }


def claim(**states: str) -> dict[str, int]:
    return {name: state_names(name).index(state) for name, state in states.items()}


def names(changes: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, changed in changes.items() if changed.any()}


def test_a_hit_shows_every_claim() -> None:
    seen = verdict({"hair_color": "red", "eye_color": "blue"}, {"hair_color": "red"})
    shown = shown_claims(seen, claim(hair_color="red", eye_color="blue"))
    assert shown["hair_color"].tolist() == [True, True] and shown["eye_color"].tolist() == [True, False]


def test_what_is_hidden_is_no_hit() -> None:
    seen = verdict({"bangs": "yes"}, {"bangs": "yes", "hat": "yes"}, {"bangs": "yes", "bald": "yes"})
    assert shown_claims(seen, claim(bangs="yes"))["bangs"].tolist() == [True, False, False]


def test_claims_do_not_flip_and_others_do() -> None:
    before, after = verdict({}), verdict({"hair_color": "red", "beard": "yes", "shirt": "blue"})
    assert names(flips(before, after, claim(hair_color="red"))) == {"beard", "shirt"}


def test_what_is_hidden_does_not_flip() -> None:
    before = verdict({}, {"eyewear": "sunglasses"})
    after = verdict({"eye_color": "blue", "eyewear": "sunglasses"}, {"eye_color": "blue"})
    assert names(flips(before, after, claim(eyewear="sunglasses"))) == set()


def test_what_hid_a_claim_may_go() -> None:
    claims = claim(bangs="yes")
    hatted, after = verdict({"hat": "yes"}), verdict({"bangs": "yes"})
    assert names(flips(hatted, after, claims)) == set()
    assert names(flips(verdict({}), verdict({"bangs": "yes", "hat": "yes"}), claims)) == {"hat"}


def test_what_hid_no_claim_may_not_go() -> None:
    after = verdict({"eye_color": "blue"})
    assert names(flips(verdict({"eyewear": "sunglasses"}), after, claim(eye_color="blue"))) == set()
    assert names(flips(verdict({"eyewear": "glasses"}), after, claim(eye_color="blue"))) == {"eyewear"}
    assert names(flips(verdict({"eyewear": "sunglasses"}), verdict({}), claim(beard="yes"))) == {"eyewear"}


def test_a_slight_shift_is_not_a_change() -> None:
    before, after, far = (torch.tensor([[p, 1 - p]]) for p in (0.6, 0.4, 0.05))
    assert not has_changed(before, after).any() and has_changed(before, far).all()
