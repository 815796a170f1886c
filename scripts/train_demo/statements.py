"""Captions of training pictures and their hard negatives, for `clip_composition.py` and `clip_words.py`."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from scripts.train_demo.hard_negatives import (
    disordered,
    exchanged_items,
    negation,
    other_state,
    swapped_colors,
)
from scripts.train_demo.plain_sentences import plain_pair
from scripts.train_demo.reserved import is_reserved
from scripts.train_demo.styles import STYLES
from scripts.train_demo.truth import NEVER, Pair, Statement
from styleclip.demo.captions import caption
from styleclip.prompts import TEMPLATES

PHOTOS = ("a photo", "a photograph", "a color photo", "a colour photo", "a picture", "a realistic photo")
PHOTO_BEHIND = ("in a photo", "in color")
BLACK_AND_WHITE = ("gray", "sepia")  # are photos, too
SYNONYMS = {
    "smiling": ("grinning", "cheerful", "joyful"),
    "happy": ("glad", "cheerful"),
    "surprised": ("astonished", "startled"),
    "sad": ("gloomy", "sorrowful"),
    "angry": ("enraged", "annoyed"),
    "calm": ("relaxed", "expressionless"),
    "old": ("senior", "ageing"),
    "person": ("human", "someone", "girl", "boy", "lady", "guy"),
    "makeup": ("lipstick",),
}
FRAME_WORDS = (
    "not any but who that is has have does wear wears having looks look style as drawn painted made carved photograph "
    "photo picture color colour realistic image"
)
NEW_WORDS = tuple(  # beside those of the demo CLIP
    dict.fromkeys(
        word
        for text in (
            FRAME_WORDS,
            *(word for words in SYNONYMS.values() for word in words),
            *(phrase for style in STYLES.values() for phrase in (*style.phrases, *style.behind)),
        )
        for word in text.split()
    )
)


@dataclass(frozen=True)
class Picture:
    """What a training picture shows: the clear states of its face (-1 where one is unclear), and its style."""

    labels: dict[str, int]
    style: str  # of STYLES, "" for a photo


def statement_pair(picture: Picture, rng: random.Random, plain: float = 0.0) -> Pair:
    """A true statement about a picture, and a false one with nearly the same words.

    A share `plain` of them is worded by `plain_sentences.py`; the others have the words of demo/captions.py.
    """
    made = _statement_pair(picture, rng, plain)
    while any(is_reserved(each.text) for each in made):
        made = _statement_pair(picture, rng, plain)
    return made


def _statement_pair(picture: Picture, rng: random.Random, plain: float) -> Pair:
    pair = plain_pair(picture.labels, rng) if rng.random() < plain else None
    pair = pair or _about_face(picture, rng)
    seed = rng.random()
    true, false = (_framed(each, picture.style, random.Random(seed)) for each in pair)
    if picture.style and true.styles is not None and rng.random() < 0.4:
        return true, _framed(pair[0], rng.choice([name for name in STYLES if name != picture.style]), rng, named=True)
    return true, false


def _about_face(picture: Picture, rng: random.Random) -> Pair:
    """A pair about the face alone, in the words of demo/captions.py."""
    kind = rng.random()
    pair = None
    if kind < 0.16:
        pair = negation(picture.labels, rng)
    elif kind < 0.22:
        pair = exchanged_items(picture.labels, rng)
    elif kind < 0.34:
        pair = swapped_colors(picture.labels, rng)
    elif kind < 0.5:
        pair = disordered(picture.labels, rng)
    pair = pair or other_state(picture.labels, rng)
    if kind > 0.9 or pair is None:  # a caption without a hard negative of its own: a claim or none
        plain = caption(picture.labels, rng, most=1)
        false = pair[1] if pair else Statement("a face with green hair", {"hair_color": NEVER})
        pair = Statement(plain.text, plain.claims), false
    seed = rng.random()
    return tuple(replace(each, text=_reworded(each.text, random.Random(seed))) for each in pair)  # type: ignore[return-value]


def _reworded(text: str, rng: random.Random) -> str:
    """The text with a synonym, sometimes."""
    if rng.random() < 0.7:
        return text
    return " ".join(rng.choice(SYNONYMS[word]) if word in SYNONYMS else word for word in text.split())


def _framed(item: Statement, style: str, rng: random.Random, named: bool = False) -> Statement:
    """The statement in words that fit a picture of this style: with its name, in a template, or as it is."""
    chance = rng.random()
    if named or (style and chance < 0.65):
        return _in_style(item, style, rng)
    if not style and chance < 0.12:
        return replace(item, text=f"{rng.choice(PHOTOS)} of {item.text}", styles=frozenset({"", *BLACK_AND_WHITE}))
    if 0.4 < chance < 0.7:
        fitting = [each for each in TEMPLATES if style in (template_styles(each) or {style})]
        template = rng.choice(fitting)
        text = item.text.split(" ", 1)[1] if rng.random() < 0.5 and item.text.startswith(("a ", "an ")) else item.text
        return replace(item, text=template.format(text), styles=template_styles(template))
    return item


def _in_style(item: Statement, style: str, rng: random.Random) -> Statement:
    """The statement with the name of a style."""
    kind = STYLES[style]
    if rng.random() < 0.2:
        phrase = rng.choice(kind.behind)
        text = f"{item.text} {phrase}"
    else:
        phrase = rng.choice(kind.phrases)
        bare = phrase.removeprefix("a ").removeprefix("an ")
        frames = (
            *(["{phrase} of {text}"] * 6),
            *(
                "{bare} of {text}",
                "{text} in the style of {phrase}",
                "{text}, {bare}",
                "{phrase}",
                "{bare}",
                "{bare} style",
            ),
        )
        frame = rng.choice(frames)
        text = frame.format(phrase=phrase, bare=bare, text=item.text)
        if "{text}" not in frame:
            item = Statement(text)
        if rng.random() < 0.15:
            text = rng.choice(PHOTO_TEMPLATES).format(text)
    fits = {name for name, each in STYLES.items() if phrase in (*each.phrases, *each.behind)}
    return replace(item, text=text, styles=frozenset(fits))


def template_styles(template: str) -> frozenset[str] | None:
    """The styles that a template of prompt ensembling names, with "" for a photo; None where it names none."""
    for words, styles in TEMPLATE_STYLES.items():
        if words in template:
            return frozenset(styles)
    return None


TEMPLATE_STYLES: dict[str, tuple[str, ...]] = {
    "black and white photo": ("gray",),
    "pixelated photo": ("pixels",),
    "photo": ("", *BLACK_AND_WHITE),
    "drawing": ("pencil", "lines", "charcoal"),
    "sketch": ("pencil", "lines", "charcoal"),
    "doodle": ("lines",),
    "painting": ("oil", "watercolour"),
    "cartoon": ("cartoon",),
    "sculpture": ("stone",),
}
PHOTO_TEMPLATES = tuple(each for each in TEMPLATES if template_styles(each) == {"", *BLACK_AND_WHITE})
