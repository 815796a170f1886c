"""Draw the pictures of docs/score.md and docs/evaluation.md: python -m scripts.figures.scores --out docs

score.jpg: samples of the demo generator and what the demo CLIP says of their expressions. search.jpg: those of sixty
that fit a text best. composition.jpg: questions of composition with their captions.
"""

from __future__ import annotations

from pathlib import Path

import click
from PIL import Image

import styleclip
from styleclip.classification.search import search_pictures
from styleclip.demo.render import render
from styleclip.demo.world import faces
from styleclip.evaluate.composition.questions import Question, ask
from styleclip.evaluate.composition.renders import clear_questions, latents
from styleclip.images import to_pil
from styleclip.sheets import contact_sheet, join_sheets, labelled_sheet
from styleclip.storage.files import atomic_path

EXPRESSIONS = ("a smiling face", "a sad face", "an angry face", "a surprised face", "a calm face")
SEARCH = "a face with blue hair wearing sunglasses"
SCORED, SEARCHED, SHOWN = (1, 2, 5, 9), range(60), 6  # seeds of samples; pictures of the search
QUESTIONS = (("swap", 7002), ("scope", 7005), ("negation, without", 7007), ("negation, not wearing", 7003))


@click.command()
@click.option("--out", type=Path, default=Path("docs"))
def main(out: Path) -> None:
    """Draw the pictures in the folder OUT."""
    models = styleclip.load("demo")
    editor = styleclip.Editor(models)
    scores = styleclip.zero_shot(models.clip, editor.render(editor.sample(seeds=[*SCORED])), EXPRESSIONS)
    save(scores.sheet(), out / "score.jpg")
    ranking = search_pictures(models.clip, editor.render(editor.sample(seeds=[*SEARCHED])), SEARCH)
    chosen = ranking.order[:SHOWN]
    pictures = [ranking.pictures.square_thumbnail(i) for i in chosen]
    save(contact_sheet(pictures, [f"{ranking.cosines[i]:.3f}" for i in chosen], columns=SHOWN), out / "search.jpg")
    pairs = [first_question(*each) for each in QUESTIONS]
    save(join_sheets([question_sheet(pairs[:2]), question_sheet(pairs[2:])]), out / "composition.jpg")


def first_question(kind: str, seed: int) -> Question:
    """The first question of a task, or of a form of it, from this seed on."""
    questions = clear_questions(ask(range(seed, seed + 9)))
    return next(each for each in questions if f"{each.task}, {each.form}".startswith(kind))


def question_sheet(questions: list[Question]) -> Image.Image:
    """A row for each question: its pictures, left of which its captions stand."""
    rows = [to_pil(render(faces(latents(each.pictures)), 128)) for each in questions]
    labels = [f"{each.captions[0]}\n/\n{each.captions[1]}" for each in questions]
    return labelled_sheet(rows, ("first", "second"), labels, 128)


def save(picture: Image.Image, path: Path) -> None:
    with atomic_path(path) as temporary:
        picture.save(temporary, "JPEG", quality=90)


if __name__ == "__main__":
    main()
