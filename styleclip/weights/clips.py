"""CLIP by name: a file, a weight of the catalog, or published weights of open_clip, all fetched by `cache.fetch`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from styleclip.errors import StyleClipError, WeightError
from styleclip.networks.clip import CLIP, Preprocess
from styleclip.networks.open_clip_hub import pretrained_config
from styleclip.weights.cache import Fetch, fetch
from styleclip.weights.catalog import Weight, bundle, catalog, weights
from styleclip.weights.file_state import sha256_of
from styleclip.weights.formats.registry import read_one
from styleclip.weights.load import clip_path, load_clip_file
from styleclip.weights.locate import fetched_file, model_parts, require_on_disk

HUGGING_FACE = "https://huggingface.co/{}/resolve/main/{}"
CLIP_CACHE = Path("~/.cache/clip")
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # the names that open_clip looks for


def load_clip(name: str | None = None, preprocess: Preprocess = "correct", fetch: Fetch = fetch) -> CLIP:
    """The CLIP of one of these names, frozen and in float32; without a name that of the demo.

    | name | where it is |
    |---|---|
    | NAME | a weight of the catalog, e.g. `openai-ViT-B-32`, fetched |
    | MODEL | the CLIP of a model of the catalog, e.g. `demo` |
    | FILE, URL | a file of ours or of OpenAI |
    | ARCHITECTURE/TAG | published weights that open_clip names, e.g. `ViT-B-32-quickgelu/openai`, fetched |
    | ARCHITECTURE/FILE, ARCHITECTURE/TAG/FILE | a file of open_clip, which does not name its architecture |

    Example:
        clip = load_clip("ViT-B-32-quickgelu/openai")
    """
    name = _clip_of_model(name or "demo")
    architecture, path = clip_path(str(fetched_file(name, "clip", fetch) or name))
    if path:
        return load_clip_file(path, preprocess, architecture)
    clip = load_clip_file(open_clip_file(name, fetch), preprocess, name)
    clip.name = name
    return clip


def _clip_of_model(name: str) -> str:
    """The CLIP of a model of the catalog, by its name; any other name as it is."""
    return str(model_parts(name)["clip"]) if name in catalog()["models"] else name


def suited_settings(clip: CLIP, method: str) -> dict[str, Any]:
    """The settings of a method that suit a CLIP, by name: those of the demo for a demo CLIP, else none."""
    return dict(bundle("demo").get(method, {})) if is_demo_clip(clip) else {}


def is_demo_clip(clip: CLIP) -> bool:
    """Whether a CLIP was trained on rendered faces and their few words."""
    return clip.vocabulary is not None


def clip_label(name: str) -> str:
    """The `name` of the CLIP that `load_clip` loads, by the header of its file; that of the file where it cannot be.

    Nothing is fetched.
    """
    name = _clip_of_model(name)
    try:
        architecture, path = clip_path(str(fetched_file(name, "clip", require_on_disk) or name))
        if not path:
            return Path(name).name if Path(name).is_absolute() else name
        return f"{architecture}/{Path(path).name}" if architecture else str(read_one(path, "clip").config["name"])
    except (StyleClipError, TypeError):  # a TypeError: the file names no architecture
        return Path(name).name


class ClipOnUse:
    """A CLIP that is loaded when one of its attributes is first used; pickled and copied as the CLIP itself."""

    def __init__(self, load: Callable[[], CLIP]) -> None:
        self._load = load
        self._clip: CLIP | None = None

    def __getattr__(self, name: str) -> Any:
        if name in ("_load", "_clip"):
            raise AttributeError(name)
        return getattr(self._loaded(), name)

    def __reduce__(self) -> tuple[Callable[[CLIP], CLIP], tuple[CLIP]]:
        return _same, (self._loaded(),)

    def _loaded(self) -> CLIP:
        if self._clip is None:
            self._clip = self._load()
        return self._clip


def _same(clip: CLIP) -> CLIP:
    return clip


def open_clip_file(name: str, fetch: Fetch = fetch) -> Path:
    """The file of the published weights `architecture/tag`: what open_clip fetched earlier, else fetched now.

    Raises WeightError for a name that open_clip does not know, and for a file that cannot be had.
    """
    config, weight = pretrained_config(name), open_clip_weight(name)
    return weight.on_disk or _fetched_by_others(config, weight) or fetch(weight)


def open_clip_weight(name: str) -> Weight:
    """The published weights `architecture/tag` of open_clip; the entry of the catalog where that has the same file.

    Those of OpenAI have a published hash, those of open_clip's releases its first digits.
    """
    config = pretrained_config(name)
    url, (repository, file) = str(config.get("url", "")), _hub_place(config)
    for known in weights().values():
        if url in known.urls:
            return known
    urls = (url,) if url else tuple(HUGGING_FACE.format(repository, each) for each in _hub_files(file))
    if not urls:
        raise WeightError(f"open_clip says no place of the weights {name}; download them and pass ARCHITECTURE/FILE")
    digits = re.search(r"/mlfoundations/open_clip/.*-([0-9a-f]{8})\.pth?$", url)
    page = f"https://huggingface.co/{repository}" if repository else "https://github.com/mlfoundations/open_clip"
    return Weight(
        name,
        "clip",
        what=f"CLIP of open_clip, {name}",
        licence=f"that of its model card, {page}",
        file=f"open_clip-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}",
        urls=urls,
        sha256=digits[1] if digits else None,
        homepage=page,
    )


def _hub_place(config: dict[str, Any]) -> tuple[str, str]:
    """The repository on Hugging Face and the file in it, as open_clip writes them: `owner/name/file`."""
    repository, _, file = str(config.get("hf_hub", "")).rpartition("/")
    return repository, file


def _hub_files(file: str) -> tuple[str, ...]:
    """The files to look for, the first of which that is there is taken; safetensors first."""
    if not file or file in HUB_FILES:
        return HUB_FILES
    return (f"{file[:-4]}.safetensors", file) if file.endswith((".bin", ".pth")) else (file,)


def _fetched_by_others(config: dict[str, Any], weight: Weight) -> Path | None:
    """The file of these weights in the caches of Hugging Face, of open_clip and of OpenAI's CLIP; None where in none.

    The last two share a folder, whose files are taken where their hash is known and right.
    """
    from huggingface_hub import try_to_load_from_cache

    repository, file = _hub_place(config)
    for each in _hub_files(file) if repository else ():
        if isinstance(found := try_to_load_from_cache(repository, each), str):
            return Path(found)
    path = CLIP_CACHE.expanduser() / str(config.get("url", "")).rpartition("/")[2]
    return path if weight.sha256 and path.is_file() and sha256_of(path).startswith(weight.sha256) else None
