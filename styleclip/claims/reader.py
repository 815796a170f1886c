"""From a prompt to its claims.

The longest phrases of the table are found first, adjectives with the noun that they share. A negation reaches one
phrase, or a list joined by "or". Words that are neither phrases, subjects nor fillers make a claim of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from styleclip.claims.claim import Claim
from styleclip.claims.occurrence import Occurrence
from styleclip.claims.phrases import find_occurrences
from styleclip.claims.rest import has_content, rest_of
from styleclip.claims.table import Attribute, Table, load_table
from styleclip.claims.tokens import TokenizedText
from styleclip.claims.wording import SUBJECT, is_known, sentence
from styleclip.errors import UsageError


def read_claims(text: str, vocabulary: Collection[str] | None = None, subject: str = SUBJECT) -> tuple[Claim, ...]:
    """What a prompt asks for, one claim for each attribute, in the order of the prompt.

    Args:
        text: the prompt.
        vocabulary: the words that a small CLIP knows; None for one that knows all. Sentences keep the words of the
            prompt where the CLIP knows them, and otherwise those of the table.
        subject: the subject of the sentences.

    Raises UsageError where the prompt asks for two states of one attribute.
    """
    table = load_table()
    writer = Writer(table, None if vocabulary is None else frozenset(map(str.lower, vocabulary)), subject)
    tokenized = TokenizedText(text, table)
    found = find_occurrences(tokenized, skip=table.text["subjects"])
    content = has_content(tokenized)
    if not found and not content:
        tokenized = TokenizedText(text, table)
        found = find_occurrences(tokenized)  # "a woman" alone asks for one
        if len({occurrence.states for occurrence in found}) > 1:
            found = []
    if not found:
        return (Claim(text.strip(), None, (text.strip(),)),)
    asked = {
        (occurrence.attribute, state) for occurrence in found if not occurrence.negated for state in occurrence.states
    }
    claims = [writer.claim(name, group, asked) for name, group in _groups(found).items()]
    rest = rest_of(tokenized, subject) if content else ""
    return (*claims, Claim(rest, None, (rest,))) if rest else tuple(claims)


@dataclass(frozen=True)
class Writer:
    """Makes claims of occurrences, in words that a CLIP knows."""

    table: Table
    vocabulary: frozenset[str] | None
    subject: str

    def claim(self, name: str, group: list[Occurrence], all_asked: Collection[tuple[str, str]]) -> Claim:
        """The claim of all occurrences of one attribute. A state that the prompt asks for hides no other attribute."""
        attribute = self.table.attributes[name]
        asked = [occurrence for occurrence in group if not occurrence.negated]
        denied = [occurrence for occurrence in group if occurrence.negated]
        without = {state for occurrence in denied for state in occurrence.states}
        if not asked:
            return self.denial(attribute, denied)
        states = [state for state in attribute.states if all(state in occurrence.states for occurrence in asked)]
        states = [state for state in states if state not in without]
        if not states:
            first, second = _contradiction(group)
            raise UsageError(
                f"the prompt asks for {first} and for {second}, which exclude each other; keep one of them"
            )
        plainest = min(asked, key=lambda occurrence: len(occurrence.states))
        targets = (own,) if (own := self.own_sentence(plainest)) and not without else self.sentences(attribute, states)
        others = [state for state in attribute.states if state not in states]
        alternatives = (*self.sentences(attribute, others), *self.hiding_sentences(attribute, all_asked))
        targets = targets or (self.first_sentence(plainest, attribute),)
        return Claim(plainest.phrase, attribute.title, targets, alternatives)

    def denial(self, attribute: Attribute, denied: list[Occurrence]) -> Claim:
        """The claim of phrases that the prompt denies: the default, or all other states."""
        named = [state for occurrence in denied for state in occurrence.states]
        without = dict.fromkeys(state for name in named for state in (name, *attribute.includes[name]))
        phrase = " or ".join(occurrence.phrase for occurrence in denied)
        others = [state for state in attribute.states if state not in without]
        if not others:
            raise UsageError(f"the prompt denies all that is known of {attribute.title} ({phrase}); leave one out")
        if attribute.default in others:
            others = [attribute.default]
        targets = self.sentences(attribute, others)
        own = self.own_sentence(denied[0]) if len(named) == 1 else ""
        if own and " without " in attribute.wordings[others[0]][0] and f" {attribute.join} " in own:
            targets = tuple(filter(self.is_known, [_without(own, attribute.join)])) or targets
        alternatives = self.sentences(attribute, [name for name in without if not own or name not in named])
        alternatives = (own, *alternatives) if own else alternatives
        return Claim(phrase, attribute.title, targets or (f"{self.subject} without {phrase}",), alternatives, True)

    def own_sentence(self, occurrence: Occurrence) -> str:
        """In the words of the prompt, as many as the CLIP knows; empty where they have no wording of their own."""
        sentences = (sentence(wording, self.subject) for wording in occurrence.wordings)
        return next(filter(self.is_known, sentences), "")

    def first_sentence(self, occurrence: Occurrence, attribute: Attribute) -> str:
        """For a state that the CLIP has no word for."""
        wordings = occurrence.wordings or attribute.wordings[occurrence.states[0]]
        return sentence(wordings[0], self.subject)

    def sentences(self, attribute: Attribute, states: Iterable[str]) -> tuple[str, ...]:
        """One for each state that the CLIP has words for."""
        return tuple(filter(None, (attribute.write(state, self.vocabulary, self.subject) for state in states)))

    def hiding_sentences(self, attribute: Attribute, asked: Collection[tuple[str, str]]) -> tuple[str, ...]:
        """Of the states of other attributes that hide this one, but those that are `asked` for."""
        hiding = [
            (self.table.attributes[name], state) for name, state in attribute.hidden_by if (name, state) not in asked
        ]
        return tuple(text for other, state in hiding for text in self.sentences(other, [state]))

    def is_known(self, text: str) -> bool:
        return is_known(text, self.vocabulary)


def _groups(found: Iterable[Occurrence]) -> dict[str, list[Occurrence]]:
    """The occurrences of each attribute."""
    groups: dict[str, list[Occurrence]] = {}
    for occurrence in found:
        groups.setdefault(occurrence.attribute, []).append(occurrence)
    return groups


def _contradiction(group: list[Occurrence]) -> tuple[str, str]:
    """Two phrases that exclude each other, as a message names them."""
    pairs = [(first, second) for first in group for second in group if not {*first.states} & {*second.states}]
    first, second = (pairs or [(group[0], group[-1])])[0]
    return _name(first), _name(second)


def _name(occurrence: Occurrence) -> str:
    return f"no {occurrence.phrase!r}" if occurrence.negated else repr(occurrence.phrase)


def _without(text: str, join: str) -> str:
    """`a face with specs` -> "a face without specs"."""
    return text.replace(f" {join} ", " without ", 1)
