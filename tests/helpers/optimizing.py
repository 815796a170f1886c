"""A quick latent optimization on tiny random networks."""

from typing import Any

from styleclip.editor import Editor
from styleclip.latents import Latent
from styleclip.methods.optimize import Optimize
from styleclip.progress import Step
from styleclip.prompts import Prompt
from tests.helpers.tiny import tiny_models

PROMPT = Prompt("a face with red hair", "a face")

QUICK = Optimize(steps=12, lr=0.1, lambda_l2=0.001, lambda_id=0.01)


def run(method: Optimize, seeds: tuple[int, ...] = (0,), **changes: Any) -> tuple[Latent, Latent, list[Step]]:
    models, steps = tiny_models(**changes), []
    source = Editor(models).sample(seeds=seeds)
    return source, method(models, source, PROMPT, steps.append), steps
