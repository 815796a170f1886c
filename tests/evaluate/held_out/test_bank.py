"""Banks of attributes, and what the held-out CLIP reads of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.evaluate.held_out.bank import portrait_bank, read_bank
from styleclip.evaluate.held_out.bank_reader import BankReader, certainty

CARS = """
[view]
front = "a car from the front"
behind = "a car from behind"

[lights]
on = "a car with its lights on"
off = "a car with its lights off"
hidden_by = ["view.behind"]
"""


def test_the_bank_of_portraits() -> None:
    whole = {each.name: each for each in portrait_bank().attributes}
    assert whole["hat"].states == {"none": "a face without a hat", "hat": "a face wearing a hat"}
    assert whole["bangs"].hidden_by == (("baldness", "bald"), ("hat", "hat"))
    assert {"hair colour", "eyewear", "expression", "age", "gender", "skin tone", "necklace"} <= {*whole}
    few = portrait_bank(["a", "face", "wearing", "without", "hat", "smiling", "sad"])
    assert {each.name: [*each.states] for each in few.attributes} == {
        "hat": ["none", "hat"],
        "expression": ["smiling", "sad"],
    }


def test_a_bank_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "cars.toml").write_text(CARS)
    bank = read_bank(tmp_path / "cars.toml")
    assert bank.name == "cars.toml" and len(bank.sha256) == 64
    view, lights = bank.attributes
    assert (view.name, view.states["behind"], view.hidden_by) == ("view", "a car from behind", ())
    assert lights.hidden_by == (("view", "behind"),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no attribute"),
        ("[view", "is no bank of attributes"),
        ("view = 1", "is no bank of attributes"),
        ('[view]\nfront = "a car"', "is no bank of attributes"),
        ('[view]\nfront = "a car"\nbehind = 3', "is no bank of attributes"),
        (CARS.replace("view.behind", "view.above"), "'view.above' in hidden_by is no ATTRIBUTE.STATE"),
    ],
)
def test_what_is_no_bank(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "bank.toml").write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_bank(tmp_path / "bank.toml")


def test_attributes_that_the_clip_cannot_tell_are_left_out(reader: BankReader) -> None:
    assert "gender" in reader.left_out and not {*reader.left_out} & {*reader.attributes}
    assert {"hat", "eyewear", "hair colour", "beard"} <= {*reader.attributes}


def test_certainty() -> None:
    assert certainty(torch.tensor([[1.0, 0], [0, 1]])) == 1
    assert certainty(torch.full((3, 4), 0.25)) == pytest.approx(0)


def verdict(reader: BankReader, **states: str) -> dict[str, Tensor]:
    """One picture: the first state of every attribute, or the one that is given, with a probability of .9."""
    found = {}
    for name, attribute in reader.attributes.items():
        names = [*attribute.states]
        probabilities = torch.full((1, len(names)), 0.1 / max(1, len(names) - 1))
        probabilities[0, names.index(states.get(name, names[0]))] = 0.9
        found[name] = probabilities
    return found


def test_flips(reader: BankReader) -> None:
    before, after = verdict(reader), verdict(reader, hat="hat", beard="beard", bangs="bangs")
    flips = reader.flips(before, after, ["beard"])
    assert flips is not None
    assert flips.count.tolist() == [1] and reader.names(flips, 0) == ("hat: none -> hat",)  # the hat hides the bangs
    assert flips.visible.item() == len(reader.attributes) - 2


def test_what_hid_a_claimed_attribute_may_go(reader: BankReader) -> None:
    before, after = verdict(reader, hat="hat"), verdict(reader, bangs="bangs")
    asked, other = reader.flips(before, after, ["bangs"]), reader.flips(before, after, [])
    assert asked is not None and other is not None and (asked.count.item(), other.count.item()) == (0, 1)


def test_no_attribute_but_those_of_the_claims(reader: BankReader) -> None:
    assert reader.flips(verdict(reader), verdict(reader), [*reader.attributes]) is None
