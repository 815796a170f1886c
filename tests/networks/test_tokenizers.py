"""Texts as numbers of words, and a CLIP whose config lists its words."""

import pytest
import torch

from styleclip.errors import UsageError, WeightError
from styleclip.networks.clip import build_clip
from styleclip.networks.tokenizers import WordTokenizer
from tests.helpers.tiny import CONTEXT, clip_config

KNOWN = ("a", "face", "isn't", "makeup", "fair", "haired", "up", "woman", "he's")


def words_config(**changes: object) -> dict[str, object]:
    config = {key: value for key, value in clip_config().items() if key not in ("tokens", "vocabulary")}
    return config | {"words": list(KNOWN), **changes}


def test_words_are_numbered_and_the_end_is_largest() -> None:
    tokenizer = WordTokenizer(KNOWN, context=6)
    assert tokenizer(["A face!", "a zebra", ""]).tolist() == [
        [1, 3, 4, 12, 0, 0],
        [1, 3, 2, 12, 0, 0],
        [1, 12, 0, 0, 0, 0],
    ]
    assert tokenizer.vocab_size == 13
    assert tokenizer(["a a a a a face"]).tolist() == [[1, 3, 3, 3, 3, 12]]
    assert tokenizer(["a"], context_length=4).tolist() == [[1, 3, 12, 0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("isn\u2019t", ["isn't"]),
        ("make-up", ["makeup"]),
        ("Fair-haired woman's face", ["fair", "haired", "woman", "face"]),
        ("he's a face's", ["he's", "a", "face"]),
        ("face,\u00a0(a) face... 50%", ["face", "a", "face", "50"]),
        ("\u00e9t\u00e9 - \u732b \U0001f600", ["\u00e9t\u00e9", "\u732b"]),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    tokenizer = WordTokenizer(KNOWN, context=8)
    assert tokenizer.words(text) == words
    assert tokenizer.unknown_words(f"{text} {text}") == [word for word in words if word not in KNOWN]


def test_a_clip_of_words_knows_them_and_the_neighbours_of_others() -> None:
    clip = build_clip(words_config(neighbours={"lady": ["woman"]}))
    assert clip.vocabulary == KNOWN and clip.neighbours == {"lady": ("woman",)}
    one, same, other = clip.encode_text(["a face", "A face.", "woman"])
    torch.testing.assert_close(one, same)
    assert (one - other).abs().max() > 1e-3
    clip.encode_text(["face " * (CONTEXT - 2)])
    with pytest.raises(UsageError, match=f"more than the {CONTEXT - 2} tokens"):
        clip.encode_text(["face " * (CONTEXT - 1)])
    assert build_clip(words_config()).neighbours == {}


def test_words_of_a_file_are_printable() -> None:
    with pytest.raises(WeightError, match="control characters"):
        build_clip(words_config(neighbours={"lady": ["wo\x1b[2Jman"]}))
