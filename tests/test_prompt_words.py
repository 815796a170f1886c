"""Warnings and errors about words that the CLIP at hand does not know, in any script."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from open_clip import SimpleTokenizer

from styleclip.networks.tokenizers import WordTokenizer
from styleclip.prompt_words import (
    PromptWarning,
    UnknownWordsError,
    check_words,
    nearest_words,
    unknown_words,
    warn_unknown_words,
    words_of,
)
from styleclip.runtime.warnings_of_thread import collect_warnings
from tests.helpers.tiny import WORDS, tiny_clip


def test_unknown_words_are_named_with_the_nearest_known_ones(recwarn: pytest.WarningsRecorder) -> None:
    clip = tiny_clip()
    clip.neighbours = {"ginger": ("red", "old"), "pelt": ("hair",)}
    warn_unknown_words(clip, ["a face with red hair"])
    assert not recwarn
    texts = ["a zebra face", "ginger hairr"]
    assert nearest_words(clip, texts) == {"zebra": (), "ginger": ("red", "old"), "hairr": ("hair",)}
    with pytest.warns(PromptWarning) as found:
        warn_unknown_words(clip, texts)
    named = "'zebra', 'ginger' (nearest: 'red', 'old') and 'hairr' (nearest: 'hair')"
    assert str(found[0].message) == f"the tiny CLIP does not know {named}; say it in other words"
    clip.vocabulary = None
    warn_unknown_words(clip, ["a zebra face"])


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        *[(word, ()) for word in ("cute", "tired", "cat", "fat", "beautiful")],
        ("hairr", ("hair",)),
        ("smlie", ("smile",)),
        ("beared", ("beard",)),
    ],
)
def test_a_common_word_is_no_misspelling(word: str, nearest: tuple[str, ...]) -> None:
    words = ("cut", "retired", "coat", "at", "flat", "hair", "smile", "beard")
    clip: Any = SimpleNamespace(name="words", vocabulary=words, neighbours={}, tokenizer=WordTokenizer(words, 20))
    assert nearest_words(clip, [word]) == {word: nearest}


def test_an_edit_by_unknown_words_is_refused_unless_forced() -> None:
    clip = tiny_clip()
    check_words(clip, ["a face with red hair"])
    with pytest.raises(UnknownWordsError) as refused:
        check_words(clip, ["a face with hairr"])
    sentence = "the tiny CLIP does not know 'hairr' (nearest: 'hair'); say it in other words"
    assert refused.value.sentence == sentence
    assert str(refused.value) == f"{sentence}, or pass --force (in Python force=True) to edit anyway"
    with pytest.warns(PromptWarning, match="does not know 'hairr'"):
        check_words(clip, ["a face with hairr"], force=True)
    clip.vocabulary = (*WORDS, "an", "young", "black", "short", "long")
    with pytest.raises(
        UnknownWordsError, match="'zebra'; it has words for hair colour, hair length and age; say it in"
    ):
        check_words(clip, ["a zebra face"])
    clip.vocabulary, clip.tokenizer = None, SimpleTokenizer()
    with pytest.warns(PromptWarning, match="hardly knows '😀'"):
        check_words(clip, ["😀"])


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("He isn\u2019t a man's make-up", []),
        ("heavy make-up, wasn't", ["heavy", "wasn't"]),
        ("a red-brown man", ["red", "brown"]),
        ("a café 😀 чел, 20 वह", ["20", "café", "😀", "чел", "वह"]),
    ],
)
def test_words_of_a_clip_of_words(text: str, unknown: list[str]) -> None:
    words = ("he", "isn't", "a", "man", "makeup")
    clip: Any = SimpleNamespace(name="words", vocabulary=words, neighbours={}, tokenizer=WordTokenizer(words, 20))
    assert unknown_words(clip, [text]) == unknown


def test_warnings_of_a_thread_are_collected(recwarn: pytest.WarningsRecorder) -> None:
    with collect_warnings(PromptWarning) as outer:
        with ThreadPoolExecutor(1) as thread, collect_warnings(PromptWarning) as inner:
            warn_unknown_words(tiny_clip(), ["a zebra face"])
            thread.submit(warn_unknown_words, tiny_clip(), ["a lion face"]).result()
        warn_unknown_words(tiny_clip(), ["a tiger face"])
    assert "lion" in str(recwarn.pop(PromptWarning).message) and not recwarn
    assert ["zebra" in inner[0], "tiger" in outer[0], len(inner), len(outer)] == [True, True, 1, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A man's red-brown hair, 2 eyes!", ["a", "man", "s", "red", "brown", "hair", "2", "eyes"]),
        ("рыжие волосы", ["рыжие", "волосы"]),
        ("चेहरा और बाल", ["चेहरा", "और", "बाल"]),
        (
            "hair\U0001f600\U0001f469\u200d\U0001f9b0 ❤\ufe0f",
            ["hair", "\U0001f600\U0001f469\u200d\U0001f9b0", "❤\ufe0f"],
        ),
        ("红色的头发。笑", ["红色的头发", "笑"]),
        ("hair + $5 <b>", ["hair", "5", "b"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        (" \u200b\u0301", []),
    ],
)
def test_words_of_any_script(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("text", ["красный", "红", "😀", "café", "वह", "3"])
def test_a_small_clip_knows_no_other_script(text: str) -> None:
    assert unknown_words(tiny_clip(), [f"a red {text} face"]) == [text]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a woman with red hair, 20 years old", []),
        ("a café in São Paulo", []),
        ("a happy face 😀", []),
        ("😀", ["😀"]),
        ("🦰 ❤️", ["🦰", "❤️"]),
        ("12345", ["12345"]),
        ("лицо с рыжими волосами", ["лицо", "с", "рыжими", "волосами"]),
        ("a face with 红色 hair", ["红色"]),
        ("وجه", ["وجه"]),
        ("faccia più bella", ["più"]),
    ],
)
def test_the_clip_of_openai_reads_english(text: str, unknown: list[str]) -> None:
    clip: Any = SimpleNamespace(name="ViT-B-32/openai", vocabulary=None, neighbours={}, tokenizer=SimpleTokenizer())
    assert unknown_words(clip, [text]) == unknown
    if unknown:
        with pytest.warns(PromptWarning, match="hardly knows .*; it reads English words"):
            warn_unknown_words(clip, [text])


def test_a_tokenizer_of_hugging_face_says_what_it_does_not_know() -> None:
    known = {"лицо": [5], "𒀀": [3]}
    inner = SimpleNamespace(unk_token_id=3, encode=lambda word, add_special_tokens: known[word])
    clip: Any = SimpleNamespace(name="xlm", vocabulary=None, tokenizer=SimpleNamespace(tokenizer=inner))
    assert unknown_words(clip, ["лицо 𒀀"]) == ["𒀀"]


def test_many_unknown_words_make_a_short_warning() -> None:
    with pytest.warns(PromptWarning, match="'w7' and 92 more; say it"):
        warn_unknown_words(tiny_clip(), [" ".join(f"w{i}" for i in range(100))])
