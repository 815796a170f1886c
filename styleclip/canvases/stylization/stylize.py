"""`stylize`: a photo in the style of a text (CLIPstyler)."""

from __future__ import annotations

import time
from dataclasses import asdict, fields, replace
from typing import Any

import torch

from styleclip.alignment.framing import FFHQ, Framing
from styleclip.alignment.photos import Photo, PhotoLike, read_photo
from styleclip.canvases.loop import CanvasLoop, Run
from styleclip.canvases.result import CanvasResult
from styleclip.canvases.stylization.content import Content, load_content
from styleclip.canvases.stylization.faces import find_faces
from styleclip.canvases.stylization.losses import StylizationLosses
from styleclip.canvases.stylization.result import (
    COMPARISON,
    StyledPhoto,
    comparison,
    stylization_scores,
    with_alpha,
)
from styleclip.canvases.stylization.settings import Stylization
from styleclip.canvases.stylization.style_net import Finish, StyleNet, reduce_to
from styleclip.errors import UsageError
from styleclip.images import from_pil
from styleclip.networks.clip import CLIP
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.photo_unet import PhotoUNet, Statistics
from styleclip.progress import OnStep, ignore
from styleclip.prompt_lint import check_prompts
from styleclip.prompts import check_characters, has_content, recorded_force, text_direction
from styleclip.runtime.gradients import with_gradients
from styleclip.settings import resolve
from styleclip.storage.recording import InputFile
from styleclip.weights.catalog import bundle
from styleclip.weights.clips import is_demo_clip, load_clip, suited_settings

METHOD = "stylize"


@with_gradients
def stylize(
    photo: PhotoLike,
    prompt: str,
    clip: CLIP | None = None,
    settings: Stylization | None = None,
    identity: FaceRecogniser | None = None,
    content: Content | None = None,
    on_step: OnStep = ignore,
    *,
    force: bool = False,
) -> StyledPhoto:
    """Train a U-Net to draw a photo in the style of a text, and draw it at the size of the photo.

    Ctrl-C ends the training and keeps the net as it is then. Raises PhotoError, UsageError for a text that CLIP cannot
    read, whose words a small one does not know, or that says no more than the source, and NumericError for a loss that
    is not finite.

    Args:
        photo: a file, its bytes, a picture or an array (`read_photo`).
        prompt: the style, e.g. "a pencil sketch of a face".
        clip: judges the style; by default that of the demo.
        settings: what is trained, and how; None for those that suit the CLIP.
        identity: recognises the faces of the photo, for the identity loss and its score; without it there are none.
        content: keeps the content; by default as `settings.content` says.
        on_step: gets a step per training step.
        force: stylize also by texts with words that CLIP does not know.

    Example:
        result = styleclip.stylize("docs/portrait.jpg", "a pencil sketch of a face")
        result.save("sketch")
    """
    clip = clip or load_clip()
    read, given = read_photo(photo), settings or Stylization()
    if identity is None and given.lambda_id is None:
        given = replace(given, lambda_id=0.0)
    settings = resolve(given, suited_settings(clip, METHOD))
    check_text(prompt)
    check_prompts(clip, (prompt, settings.source or ""), force)
    direction = text_direction(clip, settings.source or "", prompt, features="raw")
    if settings.lambda_id and identity is None:
        raise UsageError("the identity loss needs a face recogniser; pass identity, or lambda_id=0")
    faces = None if identity is None else find_faces(read, identity, framing(clip))
    content = content or load_content(clip, settings.content)
    small = from_pil([reduce_to(read.image, settings.side or 512)]).to(clip.mean.device)
    network = new_network(settings).to(clip.mean.device)
    losses = StylizationLosses(network, small, clip, direction, settings, content, faces)
    started = time.perf_counter()
    run = train(network, losses, settings, on_step)
    told = {"prompt": prompt, **recorded_force(force), **asdict(settings)}
    about = {**told, "trained_steps": run.steps, "clip": clip.name}
    net = StyleNet(network.eval().requires_grad_(False), finish(settings), about)
    styled = net.draw(read.image)
    result = CanvasResult(
        method=METHOD,
        settings=told,
        pictures={COMPARISON: comparison(read, styled, prompt)},
        scores=stylization_scores(clip, direction, faces, read.image, styled),
        provenance={"clip": {"name": clip.name}, "content": content.record(), **_photo_record(read)},
        seconds=time.perf_counter() - started,
        steps=run.steps,
        interrupted=run.interrupted,
    )
    return StyledPhoto(read, with_alpha(styled, read), net, result)


def apply_net(net: StyleNet, photo: PhotoLike, statistics: Statistics | None = None) -> StyledPhoto:
    """Draw a photo by a net that was trained before, without CLIP; raises PhotoError."""
    read, started = read_photo(photo), time.perf_counter()
    styled = net.draw(read.image, statistics)
    result = CanvasResult(
        method=METHOD,
        settings=net.about,
        pictures={COMPARISON: comparison(read, styled, str(net.about.get("prompt", "styled")))},
        provenance={"net": net.record, **_photo_record(read)},
        seconds=time.perf_counter() - started,
    )
    return StyledPhoto(read, with_alpha(styled, read), net, result)


def train(network: PhotoUNet, losses: StylizationLosses, settings: Stylization, on_step: OnStep) -> Run:
    """Train a net by Adam; the learning rate is halved after half of the steps, as the published 200 do after 100."""
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.lr or 5e-4)
    loop = CanvasLoop(network, optimizer, losses, settings.steps or 200, [lambda time: 1.0 if time < 0.5 else 0.5])
    return loop.run(on_step)


def new_network(settings: Stylization) -> PhotoUNet:
    """The untrained net, which depends on the seed alone; torch's own random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return PhotoUNet(levels=3 if settings.levels is None else settings.levels, start=settings.start or "noise")


def finish(settings: Stylization) -> Finish:
    """How the net of these settings, which has no open fields, draws."""
    found = {field.name: getattr(settings, field.name) for field in fields(Finish)}
    return Finish(**{name: value for name, value in found.items() if value is not None})


def suited_identity(clip: CLIP) -> str:
    """The face recogniser that suits a CLIP: that of the demo for a demo CLIP, else none."""
    return str(bundle("demo")["identity"]) if is_demo_clip(clip) else "none"


def framing(clip: CLIP) -> Framing:
    """How faces are framed for a recogniser: as in the demo for a demo CLIP, else as in FFHQ."""
    return Framing(**bundle("demo")["align"]) if is_demo_clip(clip) else FFHQ


def check_text(prompt: str) -> None:
    """Raise UsageError for a prompt without words."""
    check_characters(prompt)
    if not has_content(prompt):
        raise UsageError('the prompt has no words; name a style, e.g. "a pencil sketch of a face"')


def _photo_record(photo: Photo) -> dict[str, Any]:
    return {"photo": photo.path and InputFile(photo.path), "photo_sha256": photo.sha256}
