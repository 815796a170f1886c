"""Drawings, sketches and styled photos made again."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from styleclip.canvases.drawing.draw import draw
from styleclip.canvases.drawing.settings import Drawing
from styleclip.canvases.result import CanvasResult
from styleclip.canvases.sketching.settings import Sketching
from styleclip.canvases.sketching.subjects import Subject, latent_subjects, photo_subjects
from styleclip.canvases.sketching.work import SketchWork
from styleclip.canvases.stylization.content import load_content
from styleclip.canvases.stylization.result import StyledPhoto
from styleclip.canvases.stylization.settings import Stylization
from styleclip.canvases.stylization.style_net import StyleNet
from styleclip.canvases.stylization.stylize import apply_net, stylize
from styleclip.errors import UsageError
from styleclip.methods.sliders import Slider
from styleclip.replays.context import Context
from styleclip.replays.edits import read_slider, settings_from
from styleclip.replays.photos import invert_settings

Record = Mapping[str, Any]


def draw_again(context: Context, record: Record) -> CanvasResult:
    """The drawing of a record."""
    settings, provenance = record["settings"], record["provenance"]
    background = provenance.get("background")
    photo = None if background is None else context.inputs.find(background["file"], background["sha256"], "background")
    return draw(
        settings["prompt"],
        context.clip(provenance["clip"]),
        Drawing(**settings_from(Drawing, settings)),
        background=photo,
        negatives=settings["negatives"],
        force=settings.get("force", False),
        on_step=context.on_step,
    )


def stylize_again(context: Context, record: Record) -> StyledPhoto:
    """The styled photo of a record, by a net that is trained again or read from its file."""
    settings, provenance = record["settings"], record["provenance"]
    photo = context.photo(provenance)
    if "net" in provenance:
        net = context.inputs.find(provenance["net"]["name"], provenance["net"]["sha256"], "net")
        return apply_net(StyleNet.load(net, context.device("auto")), photo)
    clip = context.clip(provenance["clip"])
    chosen = Stylization(**settings_from(Stylization, settings))
    identity = context.identity(clip, provenance.get("identity"))
    content, force = load_content(clip, chosen.content), settings.get("force", False)
    return stylize(photo, settings["prompt"], clip, chosen, identity, content, context.on_step, force=force)


def sketch_again(context: Context, record: Record) -> CanvasResult:
    """The sketch of a record: of a face of a photo, of a latent, or of a whole picture."""
    settings, provenance = record["settings"], record["provenance"]
    strokes = settings["strokes"]
    counts = strokes if isinstance(strokes, list) else [strokes]
    chosen = Sketching(**settings_from(Sketching, {**settings, "strokes": counts[0]}))
    clip = context.clip(provenance["clip"])
    subject = _subject(context, record, chosen)
    sliders = _sliders(context, subject, record)
    return SketchWork(clip, chosen, counts, sliders, len(settings.get("shares", ()))).run(subject, context.on_step)


def _sliders(context: Context, subject: Subject, record: Record) -> Sequence[Slider]:
    """The sliders along which a face was sketched."""
    pairs = zip(record["settings"].get("edits", ()), record["provenance"].get("directions", ()), strict=True)
    return [read_slider(context, subject.models, *pair) for pair in pairs]


def _subject(context: Context, record: Record, settings: Sketching) -> Subject:
    """The face that was sketched."""
    provenance = record["provenance"]
    if "generator" not in provenance or "source" not in provenance:
        raise UsageError("this sketch was not made by the command, so its record tells no picture; call sketch again")
    source, whole = provenance["source"], settings.background == "keep"
    if "seeds" in source or "latent" in source:
        subjects = [*latent_subjects(context.source(_of_editors(provenance)), whole)]
        return subjects[source["row"]]
    inverted = "inversion" in source
    told = source["inversion"] if inverted else source
    photo = context.photo({"photo": source["image"], "photo_sha256": told["photo_sha256"]})
    models = context.models(_of_editors(provenance), clip_on_use=True)
    found = photo_subjects(models, photo, invert_settings(context, told), whole, inverted, context.on_step)
    return next(itertools.islice(found, source.get("number", 0), None))


def _of_editors(provenance: Record) -> Record:
    """The provenance with the CLIP that suits the generator, and not the one that judged the sketch."""
    return {**provenance, "clip": {}}
