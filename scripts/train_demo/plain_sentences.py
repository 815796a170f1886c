"""Captions in plain English: subjects, predicates and orders around the pieces of `plain_pieces.py`."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.train_demo.plain_pieces import Piece, false_specs, piece_of, several_pieces, true_specs, with_article
from scripts.train_demo.truth import Pair, Statement
from styleclip.demo.captions import Claims

FRAMES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("plain_frames.toml").read_text("utf-8"))


def plain_pair(labels: Claims, rng: random.Random) -> Pair | None:
    """A true sentence about a face with these clear states, and a false one of nearly the same words; None of none."""
    specs = true_specs(labels, rng)
    if not specs:
        return None
    seed, words = rng.random(), [rng.random() for _ in range(len(specs))]
    form = rng.choices(FORMS, FORM_SHARES)[0]
    extra = several_pieces(labels)
    true, false = (
        [piece_of(spec, random.Random(word)) for spec, word in zip(each, words, strict=True)]
        for each in (specs, false_specs(specs, rng))
    )
    if extra and rng.random() < 0.06:
        kind, text, claims = rng.choice(extra)
        kept = [piece for piece in true if not (piece.claims.keys() | piece.excluded.keys()) & claims.keys()][:1]
        also = [piece for piece in false if not (piece.claims.keys() | piece.excluded.keys()) & claims.keys()][:1]
        opposite = {name: 1 - state for name, state in claims.items()} if not also or also == kept else claims
        true = [Piece(kind, text, claims=claims), *kept]  # type: ignore[arg-type]
        false = [Piece(kind, text, claims=opposite, negative=opposite != claims), *also]  # type: ignore[arg-type]
        if opposite != claims:  # that it is not so says only that one of both is not
            return (sentence(true, form, seed), Statement("a face with green hair", {"hair_color": -2}))
    return sentence(true, form, seed), sentence(false, form, seed)


def sentence(pieces: list[Piece], form: Callable[[list[Piece], random.Random], str], seed: float) -> Statement:
    """The pieces in a form of sentence."""
    claims: Claims = {}
    excluded: Claims = {}
    for piece in pieces:
        claims |= piece.claims
        excluded |= piece.excluded
    return Statement(" ".join(form(pieces, random.Random(seed)).split()), claims, excluded)


def noun_phrase(pieces: list[Piece], rng: random.Random) -> str:
    """ "a young woman with red hair who isn't smiling"."""
    noun = rng.choice(FRAMES["pronouns"]) if rng.random() < 0.1 else rng.choice(FRAMES["nouns"])
    before: list[str] = []
    after: list[str] = []
    named = ""
    for piece in pieces:
        if piece.kind == "person" and not named:
            named = piece.bare
        elif noun not in FRAMES["pronouns"] and piece.kind == "adjective" and not piece.negative and rng.random() < 0.8:
            before.append(piece.text)
        elif noun not in FRAMES["pronouns"] and piece.compound and not piece.negative and rng.random() < 0.25:
            before.append(piece.compound)
        else:
            after.append(_after(piece, rng))
    if len(pieces) == 2 and (both := _neither(pieces, rng)):
        after = [f"with {both}"]
    rng.shuffle(before)
    head = " ".join([*before, named or noun])
    if noun not in FRAMES["pronouns"] or named:
        chance = rng.random()
        head = with_article(head) if chance < 0.85 else head if chance < 0.95 else f"the {head}"
    lead = f"{rng.choice(FRAMES['leads'])} " if rng.random() < 0.08 else ""
    return f"{lead}{head} {_joined(after, rng)}{_tail(rng)}"


def clause(pieces: list[Piece], rng: random.Random) -> str:
    """ "she has red hair and isn't smiling"."""
    subject, owner = rng.choice(FRAMES["subjects"]), rng.choice(FRAMES["owners"])
    if len(pieces) == 2 and (both := _neither(pieces, rng)):
        return f"{subject} has {both}"
    said: list[str] = []
    for piece in pieces:
        own = piece.kind == "part" and (piece.join or rng.random() < 0.5)
        text = (
            _of_part(piece, "the" if piece.part in ("background", "backdrop", "wall") else owner, rng)
            if own
            else _predicate(piece, rng)
        )
        follows = bool(said) and not own and rng.random() < 0.7
        said.append(text if own or follows else f"{subject}{text}" if text.startswith("'") else f"{subject} {text}")
        if follows and text.startswith("'"):
            said[-1] = f"{subject}{text}"
    return f"{_joined(said, rng, ('and', 'and', 'but', 'and'))}{_tail(rng)}"


def bare(pieces: list[Piece], rng: random.Random) -> str:
    """ "blue eyes and brown hair", "no hat"."""
    texts = []
    for piece in pieces:
        if piece.kind == "part":
            predicate = piece.part not in ("wall",) and rng.random() < 0.15
            text = (
                f"{piece.part} {'are' if piece.plural else 'is'} {_not(piece, rng)}{piece.text}"
                if predicate
                else f"{_not(piece, rng)}{piece.described}"
            )
        elif piece.kind in ("thing", "worn"):
            text = (
                rng.choice((f"no {piece.bare}", f"without {piece.text}", f"no {piece.bare}"))
                if piece.negative
                else rng.choice((piece.text, piece.text, piece.bare))
            )
        else:
            text = f"not {piece.text}" if piece.negative else piece.text
        texts.append(text)
    return _joined(texts, rng, ("and", "and", ",", ",", "with", "and"))


def order(pieces: list[Piece], rng: random.Random) -> str:
    """ "make her hair red and take off the glasses"."""
    other, owner = rng.choice(FRAMES["objects"]), rng.choice(("his", "her", "their", "the", "my"))
    texts = []
    for piece in pieces:
        frames = FRAMES["orders"].get(_key(piece))
        if frames is None:
            frames = (
                ("make it {d}",)
                if piece.kind == "part"
                else ("show {a}",)
                if piece.kind == "person"
                else ("show somebody who {a}",)
                if piece.kind == "verb"
                else ("show a face {a}",)
            )
        text = rng.choice(frames).format(
            o=other,
            w=owner,
            a=piece.text,
            x=piece.bare,
            q=piece.text,
            p=piece.part,
            d=piece.described if piece.part else "",
        )
        texts.append(text)
    return f"{_joined(texts, rng, ('and', 'and', 'and then', ','))}{' please' if rng.random() < 0.1 else ''}"


def _after(piece: Piece, rng: random.Random) -> str:
    """A piece behind its noun."""
    if piece.kind == "part":
        own = (
            piece.join.format(piece.described)
            if piece.join
            else rng.choice(FRAMES["thing_after"]).format(a=piece.described)
        )
        if piece.negative:
            return f"whose {piece.part} {_is_not(piece, rng)} {piece.text}"
        return f"whose {piece.part} {'are' if piece.plural else 'is'} {piece.text}" if rng.random() < 0.15 else own
    if piece.kind == "thing":
        return rng.choice(FRAMES["thing_denied"] if piece.negative else FRAMES["thing_after"]).format(
            a=piece.text, x=piece.bare
        )
    if piece.kind == "worn":
        return rng.choice(FRAMES["worn_denied"] if piece.negative else FRAMES["worn_after"]).format(
            a=piece.text, x=piece.bare
        )
    if piece.kind == "verb":
        return f"who {piece.text}" if not piece.negative else f"of whom it is not true that he {piece.text}"
    if piece.kind == "adjective":
        return rng.choice(FRAMES["not_being"] if piece.negative else FRAMES["being"]).format(q=piece.text)
    return f"who is {piece.text}" if piece.kind == "person" else piece.text


def _predicate(piece: Piece, rng: random.Random) -> str:
    """A piece as it is said of a subject."""
    if piece.kind == "part":
        if piece.join:
            return f"is {piece.join.format(piece.described)}"
        if piece.negative:
            return rng.choice(("does not have {a}", "doesn't have {a}", "has no {a}")).format(a=piece.described)
        if piece.compound and rng.random() < 0.15:
            return f"is {piece.compound}"
        return rng.choice(FRAMES["predicates"]["thing"]).format(a=piece.described)
    if (frames := FRAMES["predicates"].get(_key(piece))) is not None:
        return rng.choice(frames).format(q=piece.text, a=piece.text, x=piece.bare)
    if piece.kind == "verb":
        return f"never {piece.text}" if piece.negative else piece.text
    return f"is {piece.text}" if piece.kind == "person" else f"is a person {piece.text}"


def _of_part(piece: Piece, owner: str, rng: random.Random) -> str:
    """ "her hair is curly"."""
    verb = (
        _is_not(piece, rng)
        if piece.negative
        else rng.choice(("are", "are", "look") if piece.plural else ("is", "is", "looks"))
    )
    return f"{owner} {piece.part} {verb} {piece.text}"


def _is_not(piece: Piece, rng: random.Random) -> str:
    return rng.choice(("are not", "aren't") if piece.plural else ("is not", "isn't", "does not look"))


def _not(piece: Piece, rng: random.Random) -> str:
    return rng.choice(("not ", "no ")) if piece.negative else ""


def _neither(pieces: list[Piece], rng: random.Random) -> str:
    """ "neither a beard nor a hat", of two things that a face lacks; sometimes."""
    denied = all(piece.negative and piece.kind in ("thing", "worn") for piece in pieces)
    if not denied or rng.random() < 0.5:
        return ""
    one, other = pieces
    return rng.choice(
        (
            f"neither {one.text} nor {other.text}",
            f"neither {one.bare} nor {other.bare}",
            f"no {one.bare} or {other.bare}",
            f"no {one.bare} and no {other.bare}",
        )
    )


def _key(piece: Piece) -> str:
    """Of the frames of predicates and orders."""
    return f"{piece.kind}_denied" if piece.negative else piece.kind


def _joined(texts: list[str], rng: random.Random, words: tuple[str, ...] = ("and", "", "", "but", ",")) -> str:
    """The texts behind each other, with a word between the last two."""
    if len(texts) < 2:
        return "".join(texts)
    word = rng.choice(words)
    first = " ".join(texts[:-1]) if "" in words else ", ".join(texts[:-1])
    return f"{first}, {texts[-1]}" if word == "," else f"{first} {word} {texts[-1]}"


def _tail(rng: random.Random) -> str:
    return f" {rng.choice(FRAMES['tails'])}" if rng.random() < 0.03 else ""


FORMS: tuple[Callable[[list[Piece], random.Random], str], ...] = (noun_phrase, clause, bare, order)
FORM_SHARES = (50, 30, 14, 8)
