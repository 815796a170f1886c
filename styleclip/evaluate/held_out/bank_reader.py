"""What the held-out CLIP reads of the attributes of a bank in pictures, and which of them flipped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from styleclip.evaluate.flips import has_changed
from styleclip.evaluate.held_out.bank import Bank, BankAttribute
from styleclip.networks.clip import CLIP
from styleclip.prompts import encode

MIN_CERTAINTY = 0.5  # of an attribute: 0 where all states are equally probable, 1 where one is certain

Verdict = Mapping[str, Tensor]  # attribute -> [N, states], the probability of each state


@dataclass(frozen=True)
class Flips:
    """Of N edits.

    Args:
        flipped: attribute -> [N] bool: it clearly changed, was not asked for, and can be seen before and after.
        visible: [N], how many attributes that were not asked for can be seen before and after.
        changes: attribute -> [N, 2], the most probable state before and after.
    """

    flipped: Mapping[str, Tensor]
    visible: Tensor
    changes: Mapping[str, Tensor]

    @property
    def count(self) -> Tensor:
        """[N]: flips of every edit."""
        return torch.stack([torch.zeros_like(self.visible), *self.flipped.values()]).sum(dim=0)


class BankReader:
    """A zero-shot classifier of the attributes that a CLIP can tell on samples of a generator.

    Args:
        clip: the held-out CLIP.
        bank: its attributes.
        features: [N, D], of samples without an edit. An attribute that is uncertain on most of them is left out.
    """

    def __init__(self, clip: CLIP, bank: Bank, features: Tensor) -> None:
        self.scale = clip.logit_scale
        self.texts = {each.name: encode(clip, [*each.states.values()]) for each in bank.attributes}
        self.certainty = {name: certainty(self._probabilities(name, features)) for name in self.texts}
        self.attributes = {each.name: each for each in bank.attributes if self.certainty[each.name] >= MIN_CERTAINTY}

    @property
    def left_out(self) -> list[str]:
        """The attributes that this CLIP cannot tell."""
        return [name for name in self.texts if name not in self.attributes]

    def verdict(self, features: Tensor) -> Verdict:
        """The probabilities of every attribute in pictures with these unit features [N, D]."""
        return {name: self._probabilities(name, features) for name in self.attributes}

    def flips(self, before: Verdict, after: Verdict, claimed: Collection[str]) -> Flips | None:
        """What flipped of the attributes that no claim is about; None where no such attribute is known.

        That what hid a claimed attribute went is no flip.
        """
        others = [each for name, each in self.attributes.items() if name not in claimed]
        if not others:
            return None
        hiding = {pair for name in claimed if name in self.attributes for pair in self.attributes[name].hidden_by}
        flipped, changes = dict[str, Tensor](), dict[str, Tensor]()
        visible = torch.zeros_like(before[others[0].name][:, 0])
        for attribute in others:
            name = attribute.name
            seen = self._is_visible(before, attribute) & self._is_visible(after, attribute)
            states = torch.stack([before[name].argmax(dim=1), after[name].argmax(dim=1)], dim=1)
            went = torch.zeros_like(seen)
            for place, state in enumerate(attribute.states):
                if (name, state) in hiding:
                    went |= states[:, 0] == place
            flipped[name] = has_changed(before[name], after[name]) & seen & ~went
            changes[name], visible = states, visible + seen
        return Flips(flipped, visible, changes)

    def names(self, flips: Flips, row: int) -> tuple[str, ...]:
        """The flips of an edit, as "hat: none -> hat"."""
        named = []
        for name, flipped in flips.flipped.items():
            if flipped[row]:
                states = [*self.attributes[name].states]
                before, after = (states[place] for place in flips.changes[name][row].tolist())
                named.append(f"{name}: {before} -> {after}")
        return tuple(named)

    def _probabilities(self, name: str, features: Tensor) -> Tensor:
        return (self.scale * features @ self.texts[name].T.to(features)).softmax(dim=1)

    def _is_visible(self, verdict: Verdict, attribute: BankAttribute) -> Tensor:
        """[N] bool: whether no other attribute hides this one."""
        visible = torch.ones(len(verdict[attribute.name]), dtype=torch.bool, device=verdict[attribute.name].device)
        for other, state in attribute.hidden_by:
            states = [*self.attributes[other].states] if other in self.attributes else []
            if state in states:
                visible &= verdict[other].argmax(dim=1) != states.index(state)
        return visible


def certainty(probabilities: Tensor) -> float:
    """The mean of the largest of the probabilities [N, states], scaled so that chance is 0 and certainty 1."""
    chance = 1 / probabilities.shape[1]
    return (probabilities.amax(dim=1).mean().item() - chance) / (1 - chance)
