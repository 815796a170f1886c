"""The check of a prompt before an edit: whether CLIP can read its texts, and knows their words."""

from __future__ import annotations

from dataclasses import replace

from styleclip.methods.base import Method, reads_claims
from styleclip.methods.mapper import LatentMapper
from styleclip.methods.style_direction import StyleDirection
from styleclip.methods.style_step import StyleStep
from styleclip.models import Models
from styleclip.prompt_lint import check_prompts
from styleclip.prompt_words import PromptWarning
from styleclip.prompts import Prompt
from styleclip.runtime.warnings_of_thread import collect_warnings
from styleclip.stylespace.claim_classes import known_claims


def check_method_prompt(models: Models, prompt: Prompt, method: Method | StyleStep) -> None:
    """As `check_prompt`, for the prompt of a method.

    A direction, mapper or step that was found before is never refused: its texts serve scores and records only.
    """
    by_claims = not isinstance(method, StyleStep) and reads_claims(method, models)
    found = isinstance(method, LatentMapper | StyleDirection | StyleStep)
    check_prompt(models, replace(prompt, force=True) if found else prompt, by_claims)


def check_prompt(models: Models, prompt: Prompt, by_claims: bool) -> None:
    """Raise UsageError for texts that no edit can follow: too long, or with words that a small CLIP does not know.

    An edit by claims needs the words of their sentences, where the table has replaced many. Issues a PromptWarning for
    unknown words of a forced prompt, and for what CLIP is known to misread; by claims it comes when they are read.
    """
    models.clip.check_lengths(prompt.texts)
    if not by_claims:
        check_prompts(models.clip, prompt.texts, prompt.force)
        return
    with collect_warnings(PromptWarning):
        known_claims(prompt, models)
