"""Load networks from weight files, frozen and in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.networks.arcface import ArcFace
from styleclip.networks.clip import CLIP, Preprocess, build_clip
from styleclip.networks.e4e import Encoder
from styleclip.networks.face_recognition import Facenet, FaceRecogniser, PlainRecogniser, SmallRecogniser
from styleclip.networks.generator import Generator
from styleclip.networks.generator_config import GeneratorConfig
from styleclip.networks.latent_mapper import LevelsMapper, Mapper, StyleMapper
from styleclip.networks.layers import check_ops
from styleclip.networks.lpips import LPIPS, TAPS, Trunk
from styleclip.networks.open_clip_hub import architectures_like, is_architecture, open_clip_architecture
from styleclip.networks.stylegan2 import StyleGAN2Config
from styleclip.networks.stylegan3 import TRANSFORM
from styleclip.weights.adapted import Adapted
from styleclip.weights.catalog import weight
from styleclip.weights.classes import choose_class, class_average, has_class_averages
from styleclip.weights.formats import perceptual
from styleclip.weights.formats.content import Content, Kind
from styleclip.weights.formats.messages import error_context
from styleclip.weights.formats.own_generators import read_grown_from
from styleclip.weights.formats.registry import read_one
from styleclip.weights.lineage import parent_record
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.lazy_tensors import AnyTensor, read_tensors
from styleclip.weights.state_dict import load_strict, on_meta, tensors_sha256

HASHED_NAME = "GeneratorConfig"  # of the config of a StyleGAN2 in fingerprints


def load_generator(
    path: str | Path, label: int | None = None, amount: float = 1.0, parent_layers: Sequence[int] = ()
) -> Generator:
    """The generator in any supported file, frozen and ready to render; `label` is the class of a conditional one.

    Its `w_avg` is then the average w of the class. `amount` and `parent_layers` are those of `Adapted.mix`.
    Raises WeightError for a file that holds none, is damaged, lacks tensors or has too many, and for a label, an amount
    or layers that are missing or have no use.
    """
    if (adapted := load_adapted(path, label)) is not None:
        return adapted.mix(amount, parent_layers)
    check_ops()
    with error_context(path):
        if amount != 1 or parent_layers:
            raise WeightError("its generator was not adapted from another one; leave out --amount and --parent-layers")
        content = _read_checked(path, "generator")
        tensors = choose_class(content.tensors, label)
        generator = load_strict(on_meta(lambda: Generator(content.config)), tensors)
        generator.grown_from = read_grown_from(content.about, generator.layout)
        if label is not None and not has_class_averages(content.tensors):
            generator.mapping.w_avg = class_average(generator)
        return generator.freeze()


def load_adapted(path: str | Path, label: int | None = None) -> Adapted | None:
    """An adapted generator and its parent in a file of ours; None for a generator that was not adapted.

    Raises WeightError for a file that is damaged, and for a label, which has no use.
    """
    record = parent_record(path)
    if record is None:
        return None
    check_ops()
    with error_context(path):
        content = _read_checked(path, "generator")
        child = _read_state(content.config, choose_class(content.tensors, label))
        parent = _read_state(content.config, {**child, **content.parent})
        differing = {name: parent[name] for name in content.parent}
        grown_from = read_grown_from(content.about, content.config.layout())
        return Adapted(content.config, child, differing, record, grown_from)


def _read_state(config: GeneratorConfig, tensors: Mapping[str, AnyTensor]) -> dict[str, Tensor]:
    """The state dict of a generator in float32; raises WeightError where the tensors do not fit."""
    return load_strict(on_meta(lambda: Generator(config)), tensors).state_dict()


def load_encoder(path: str | Path) -> Encoder:
    """The encoder in a file of e4e, of pSp or of ours: `encoder.encode(frame)` gives codes in W+.

    Raises WeightError for a file that holds none, is damaged, or does not fit the architecture.
    """
    with error_context(path):
        content = _read_checked(path, "encoder")
        return load_strict(on_meta(lambda: Encoder(content.config)), content.tensors)


def load_mapper(path: str | Path) -> Mapper:
    """The latent mapper in a file of StyleCLIP or of ours; a generator beside it is not read.

    Raises WeightError for a file that holds none, is damaged, lacks tensors or has too many.
    """
    with error_context(path):
        content = _read_checked(path, "mapper")
        build: type[Mapper] = LevelsMapper if "levels" in content.config else StyleMapper
        return load_strict(on_meta(lambda: build(**content.config)), content.tensors)


def load_identity_file(path: str | Path) -> FaceRecogniser:
    """The recogniser in a file: ArcFace's `model_ir_se50.pth`, facenet-pytorch's InceptionResnetV1 or ours."""
    with error_context(path):
        content = _read_checked(path, "arcface", "facenet", "identity")
        if content.kind == "arcface":
            return load_strict(on_meta(lambda: ArcFace(**content.config)), content.tensors)
        if content.kind == "facenet":
            return _load_facenet(content)
        build: type[FaceRecogniser] = PlainRecogniser if "channels" in content.config else SmallRecogniser
        return load_strict(on_meta(lambda: build(**content.config)), content.tensors)


def load_clip_file(path: str | Path, preprocess: Preprocess = "correct", architecture: str = "") -> CLIP:
    """The CLIP in a file of ours, of OpenAI or of open_clip, in float32.

    Files of open_clip lack the activation, the number of heads, mean and std; these come from `architecture`, a name of
    open_clip such as `ViT-B-32-quickgelu` or `ViT-L-14/openai`. Raises WeightError for a file that holds no CLIP, is
    damaged, needs an architecture or does not fit it.
    """
    with error_context(path):
        content = _read_checked(path, "clip")
        config = content.config
        if architecture:
            quick_gelu = config is not None and bool(config["model"].get("quick_gelu"))
            clip = open_clip_architecture(architecture, quick_gelu)
            clip.name = f"{architecture}/{Path(path).name}"
        elif config is not None:
            clip = on_meta(lambda: build_clip(config))
        else:
            raise WeightError(_missing_architecture_message(content.about.get("shape"), path))
        clip.preprocess = preprocess
        return load_strict(clip, content.tensors)


def clip_path(name: str) -> tuple[str, str]:
    """Split PATH, ARCHITECTURE/PATH or ARCHITECTURE/TAG/PATH into the architecture and the path of a file.

    The path is empty where `name` does not end in the path of a file.
    """
    words = name.split("/")
    for cut in range(3):
        path = "/".join(words[cut:])
        if Path(path).is_file() and (cut == 0 or is_architecture(words[0])):
            return "/".join(words[:cut]), path
    return name, ""


def _missing_architecture_message(shape: Mapping[str, Any] | None, path: str | Path) -> str:
    likely = (architectures_like(shape) if shape else []) or ["ARCHITECTURE"]
    forms = " or ".join(f"{name}/{path}" for name in likely)
    return (
        "files of open_clip lack the activation and the number of heads; put the architecture before the path, "
        f"{forms}, or the tag of open_clip too, {likely[0]}/TAG/{path}"
    )


def _read_checked(path: str | Path, *kinds: Kind) -> Content:
    """The content of one of these kinds; issues its warnings, raises WeightError where it has a problem."""
    content = read_one(path, *kinds)
    content.check()
    return content


def _load_facenet(content: Content) -> Facenet:
    from facenet_pytorch import InceptionResnetV1

    network = on_meta(lambda: InceptionResnetV1(classify=True, **content.config))
    network.classify = False  # features instead of class logits
    return Facenet(load_strict(network, content.tensors))


def fingerprint(generator: Generator) -> str:
    """SHA-256 of the config and the float32 weights, independent of the file format and of a StyleGAN3's transform."""
    tensors = {name: tensor for name, tensor in generator.state_dict().items() if name != TRANSFORM}
    return tensors_sha256(tensors, _describe_config(generator.config))


def _describe_config(config: GeneratorConfig) -> str:
    """The config as text, as the hashes in relevance tables and samples have it."""
    if not isinstance(config, StyleGAN2Config):
        return repr(config)
    shape = (config.constant, config.img_channels)
    usual = shape == (StyleGAN2Config.constant, StyleGAN2Config.img_channels)
    return f"{config!r}{'' if usual else shape}".replace(StyleGAN2Config.__name__, HASHED_NAME, 1)


def load_perceptual(path: str | Path | None = None, name: str = "lpips-alex") -> LPIPS | None:
    """LPIPS with the trunk in a file of torchvision, frozen, on the CPU; without `path` the trunk called `name`.

    None where no path is given and the file is neither in the cache of styleclip (`styleclip models pull NAME`) nor in
    that of torch.hub. Raises WeightError for a file that is absent, damaged or holds no such trunk.
    """
    found = Path(path) if path is not None else trunk_file(name)
    if found is None:
        return None
    with error_context(found):
        trunk = _read_trunk(found)
        heads = load_lpips_heads(trunk.config)
        return load_strict(on_meta(lambda: LPIPS(trunk.config)), {**trunk.tensors, **heads})


def trunk_file(name: str = "lpips-alex") -> Path | None:
    """The file of a trunk of the catalog, in the cache of styleclip or of torch.hub; None where it is in neither."""
    return cached_file(name, "perceptual")


def cached_file(name: str, kind: str) -> Path | None:
    """The file of a weight of the catalog, in the cache of styleclip or of torch.hub; None where it is in neither."""
    cached = weight(name, kind).path
    of_torch_hub = Path(torch.hub.get_dir()) / "checkpoints" / cached.name
    return next((path for path in (cached, of_torch_hub) if path.is_file()), None)


def load_lpips_heads(kind: Trunk) -> dict[str, Tensor]:
    """The linear heads, from the files of the package `lpips`; raises WeightError where it is not installed."""
    package = find_spec("lpips")
    if package is None or package.origin is None:
        raise WeightError("LPIPS needs the weights in the package lpips; run `pip install lpips`")
    path = Path(package.origin).parent / "weights" / "v0.1" / f"{kind}.pth"
    with error_context(path):
        tensors = read_tensors(open_content(path).table())
        return {f"heads.{i}.weight": tensors[f"lin{i}.model.1.weight"] for i in range(len(TAPS[kind]))}


def _read_trunk(path: Path) -> Content:
    held = perceptual.contents(open_content(path))
    if not held or (held[0].problem is None and held[0].config not in TAPS):
        raise WeightError("it holds neither AlexNet nor VGG16 of torchvision; run `styleclip models pull lpips-alex`")
    held[0].check()
    return held[0]
