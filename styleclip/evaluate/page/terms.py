"""The measures as the page names them, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A measure: its name in a report, its heading, its format and its meaning."""

    name: str
    heading: str
    form: str
    meaning: str
    of_successes: bool = False


TERMS = (
    Term("success", "success", ".2f", "share of edits after which the held-out CLIP names the target, zero-shot"),
    Term("flips", "flips", ".2f", "attributes of the bank that nobody asked for and whose zero-shot class changed"),
    Term("kept", "kept", ".2f", "share of the other attributes of the bank whose zero-shot class did not change"),
    Term("clean", "clean", ".2f", "share of edits that succeeded, without a flip and within the limits outside"),
    Term("target_gain", "target gain", ".3f", "rise of the cosine of picture and target text in the held-out CLIP"),
    Term(
        "directional_similarity",
        "directional",
        ".2f",
        "cosine of the change of the picture with the change of the text, target less neutral",
    ),
    Term(
        "identity",
        "identity | success",
        ".2f",
        "cosine of the recogniser's features before and after, over the edits that succeeded only",
        of_successes=True,
    ),
    Term("lpips_outside", "LPIPS outside", ".3f", "perceptual change outside the region of the prompt"),
    Term("l1_outside", "L1 outside", ".1f", "mean absolute change outside the region of the prompt, in 1/255"),
    Term("seconds", "seconds", ".2g", "for one edit, in batches"),
    Term("peak_mib", "MiB", ".0f", "peak memory of the edits"),
)
SET_TERMS = (  # of all edits of an editor at a strength together
    Term("clip_kid", "CLIP-KID", ".4f", "kernel distance of edits to samples, by features of the held-out CLIP"),
    Term("clip_fd", "CLIP-FD", ".1f", "Frechet distance by features of the held-out CLIP"),
    Term("kid", "KID", ".4f", "kernel distance of edits to samples without one, by features of Inception"),
    Term("fid", "FID", ".1f", "Frechet distance by features of Inception"),
)
CURVE_TERMS = (
    ("area", "under the trade-off curve: mean of the most that is kept at each share of success; 1 is ideal"),
    ("95 % intervals", "stand below the means: bootstrap, 1,000 resamples of the images"),
)


def term(name: str) -> Term:
    """The term of a measure."""
    return next(each for each in TERMS if each.name == name)
