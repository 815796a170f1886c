"""Draw eight texts and count how often CLIP names the right one: python -m scripts.figures.drawings --out docs/draw.jpg

The table has, for each CLIP, how often the cosine of the drawing with its own text is the highest of the eight, and how
often the demo's judge, which has seen renders only, sees what the text claims.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import click
import torch
from PIL import Image

import styleclip
from styleclip.demo.judge import load_judge
from styleclip.demo.world import ATTRIBUTES
from styleclip.images import from_pil
from styleclip.networks.clip import CLIP
from styleclip.sheets import labelled_sheet
from styleclip.storage.files import atomic_path
from styleclip.weights.catalog import checkpoint_path

CLAIMS = {  # text -> the attribute and state that it claims
    "a smiling face": ("expression", "smiling"),
    "a face with glasses": ("eyewear", "glasses"),
    "a face with red hair": ("hair_color", "red"),
    "an old face with white hair": ("age", "old"),
    "a face with a beard": ("beard", "yes"),
    "a face with a hat": ("hat", "yes"),
    "an angry face": ("expression", "angry"),
    "a face with long blonde hair": ("hair_length", "long"),
}
TEXTS = list(CLAIMS)


@click.command()
@click.option("--clip", default=None, help="The CLIP to draw with.")
@click.option("--other-clip", "others", multiple=True, help="Another one that names the drawings.")
@click.option("--seeds", default="0,1")
@click.option("--out", type=Path, default=Path("docs/draw.jpg"))
def main(clip: str | None, others: tuple[str, ...], seeds: str, out: Path) -> None:
    """Draw OUT, and print the shares as JSON."""
    torch.set_num_threads(1)
    clips = [styleclip.load_clip(name) for name in (clip, *others)]
    judge = load_judge(checkpoint_path("demo/judge.safetensors"))
    rows: list[list[Image.Image]] = []
    hits: list[list[bool]] = []
    for seed, text in itertools.product(map(int, seeds.split(",")), TEXTS):
        result = styleclip.draw(text, clips[0], styleclip.Drawing(seed=seed))
        picture = result.pictures["drawing.png"]
        if text == TEXTS[0]:
            rows.append([])
        rows[-1].append(picture.resize((192, 192), Image.Resampling.LANCZOS))
        image = from_pil([picture])
        hits.append([*(named(each, image) == text for each in clips), judge_sees(judge.predict(image), text)])
        click.echo(f"{seed} {text}: {hits[-1]}, {result.seconds:.0f} s", err=True)
    names = ["drawn with", *(f"other {i}" for i in range(len(others))), "judge"]
    shares = torch.tensor(hits).float().mean(dim=0).tolist()
    click.echo(json.dumps({"drawings": len(hits), **dict(zip(names, shares, strict=True))}))
    half = len(TEXTS) // 2
    sheet = labelled_sheet([rows[0][:half], rows[0][half:]], cell=192)
    with atomic_path(out) as temporary:
        sheet.save(temporary, "JPEG", quality=88)


@torch.no_grad()
def named(clip: CLIP, image: torch.Tensor) -> str:
    """The text with the highest cosine."""
    return TEXTS[int((clip.encode_image(image) @ clip.encode_text(TEXTS).T).argmax())]


def judge_sees(verdict: dict[str, torch.Tensor], text: str) -> bool:
    """Whether the claimed state is the likeliest of its attribute."""
    name, state = CLAIMS[text]
    states = next(each.states for each in ATTRIBUTES if each.name == name)
    return states[int(verdict[name].argmax())] == state


if __name__ == "__main__":
    main()
