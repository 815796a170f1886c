"""From files to frozen networks: the one place that knows which network a part becomes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import WeightError
from styleclip.latents import Latent, Space
from styleclip.networks.arcface import ArcFace
from styleclip.networks.clip import CLIP, Preprocess, build_clip
from styleclip.networks.discriminator import Discriminator
from styleclip.networks.e4e import Encoder
from styleclip.networks.face_recognition import Facenet, FaceRecogniser, SmallRecogniser
from styleclip.networks.latent_mapper import Mapper
from styleclip.networks.lpips import LPIPS, TAPS, Trunk
from styleclip.networks.open_clip_hub import architectures_like, is_architecture, open_clip_architecture
from styleclip.networks.stylegan2 import MAPPING_LR_MUL, Generator, GeneratorConfig
from styleclip.weights.catalog import weight
from styleclip.weights.formats import nvidia_torch, rosinality
from styleclip.weights.formats.encoders import encoder_config
from styleclip.weights.formats.mappers import mapper_network
from styleclip.weights.formats.messages import error_context, shown
from styleclip.weights.formats.registry import read_one
from styleclip.weights.safe_pickle.containers import open_content
from styleclip.weights.safe_pickle.lazy_tensors import read_tensors
from styleclip.weights.state_dict import load_strict, on_meta

# The shape of the first convolution tells the trunk.
FIRST: dict[tuple[int, ...], Trunk] = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}


def load_generator(path: str | Path, label: int | None = None) -> Generator:
    """The generator in any supported file, ready to render; `label` chooses the class of a conditional one.

    Raises WeightError for a file that holds none, is damaged, lacks tensors or has too many, and for a label that is
    missing or has no use.
    """
    found = read_one(path, "generator")
    with error_context(path):
        tensors = nvidia_torch.choose_class(found.read(), label)
        lr_mul = found.settings.get("mapping_lr_mul", MAPPING_LR_MUL)
        return generator_from_state_dict(tensors, found.settings.get("conv_clamp"), lr_mul)


def load_discriminator(path: str | Path) -> Discriminator:
    """The discriminator in a file of rosinality's or NVIDIA's code, PyTorch or TensorFlow.

    Raises WeightError for a file that holds none, is damaged, or holds one that our class cannot compute.
    """
    found = read_one(path, "discriminator")
    with error_context(path):
        tensors = found.read()
        blocks = [int(match[1]) for match in (re.match(r"b(\d+)\.conv0\.weight", name) for name in tensors) if match]
        resolutions = [2**k for k in range(3, max(blocks, default=4).bit_length())]
        channels = {side: _size(tensors, f"b{side}.conv0.weight", axis=0) for side in resolutions}
        channels[4] = _size(tensors, "b4.conv.weight", axis=0)
        group, clamp = found.settings.get("mbstd_group_size", 4), found.settings.get("conv_clamp")
        _check_numbers(mbstd_group_size=group, conv_clamp=clamp)
        return load_strict(on_meta(lambda: Discriminator(channels, group, clamp)), tensors)


def load_encoder(path: str | Path) -> Encoder:
    """The encoder in a file of e4e, of pSp or of ours: `encoder.encode(frame)` gives codes in W+.

    Raises WeightError for a file that holds none, is damaged, or does not fit the architecture.
    """
    found = read_one(path, "encoder")
    with error_context(path):
        tensors = found.read()
        config = encoder_config(tensors, found.settings)
        return load_strict(on_meta(lambda: Encoder(config)), tensors)


def load_mapper(path: str | Path) -> Mapper:
    """The latent mapper in a file of StyleCLIP or of ours; a generator beside it is not read.

    Raises WeightError for a file that holds none, is damaged, lacks tensors or has too many.
    """
    found = read_one(path, "mapper")
    with error_context(path):
        tensors = found.read()
        return load_strict(on_meta(lambda: mapper_network(tensors)), tensors)


def load_latents(path: str | Path) -> Latent:
    """All latents in a file of StyleCLIP, e4e, PTI or ours, in the space they are in.

    Raises WeightError for a file that holds none or is damaged.
    """
    found = read_one(path, "latents")
    with error_context(path):
        [(space, data)] = found.read().items()
        return Latent(Space(space), data)


def load_identity_file(path: str | Path) -> FaceRecogniser:
    """The recogniser in a file: ArcFace's `model_ir_se50.pth`, facenet-pytorch's InceptionResnetV1 or ours."""
    found = read_one(path, "arcface", "facenet", "identity")
    with error_context(path):
        tensors = found.read()
        if found.kind == "arcface":
            return load_strict(on_meta(ArcFace), tensors)
        if found.kind == "facenet":
            return _facenet(tensors)
        return load_strict(on_meta(lambda: SmallRecogniser(_size(tensors, "head.bias", axis=0))), tensors)


def load_clip_file(path: str | Path, preprocess: Preprocess = "correct", architecture: str = "") -> CLIP:
    """The CLIP in a file of ours, of OpenAI or of open_clip, in float32.

    The last kind does not tell its activation, its heads, nor mean and std: `architecture`, a name of open_clip such
    as `ViT-B-32-quickgelu` or `ViT-L-14/openai`, does. Raises WeightError for a file that holds no CLIP, is damaged,
    needs an architecture or does not fit it.
    """
    found = read_one(path, "clip")
    with error_context(path):
        config = json.loads(found.settings.get("config", "null"))
        if architecture:
            quick_gelu = config is not None and bool(config["model"].get("quick_gelu"))
            clip = open_clip_architecture(architecture, quick_gelu)
            clip.name = f"{architecture}/{Path(path).name}"
        elif config is not None:
            clip = on_meta(lambda: build_clip(config))
        else:
            raise WeightError(_ask_for_architecture(found.settings.get("shape"), path))
        clip.preprocess = preprocess
        return load_strict(clip, found.read())


def clip_path(name: str) -> tuple[str, str]:
    """PATH, ARCHITECTURE/PATH or ARCHITECTURE/TAG/PATH -> what stands before the path, and the path of a file.

    The path is empty where `name` ends in no file.
    """
    words = name.split("/")
    for cut in range(3):
        path = "/".join(words[cut:])
        if Path(path).is_file() and (cut == 0 or is_architecture(words[0])):
            return "/".join(words[:cut]), path
    return name, ""


def _ask_for_architecture(shape: Mapping[str, Any] | None, path: str | Path) -> str:
    likely = (architectures_like(shape) if shape else []) or ["ARCHITECTURE"]
    forms = " or ".join(f"{name}/{path}" for name in likely)
    return (
        "files of open_clip do not tell the activation and the heads; put the architecture before the path, "
        f"{forms}, or the tag of open_clip too, {likely[0]}/TAG/{path}"
    )


def _facenet(tensors: Mapping[str, Tensor]) -> Facenet:
    from facenet_pytorch import InceptionResnetV1

    classes = _size(tensors, "logits.weight", axis=0)
    network = on_meta(lambda: InceptionResnetV1(classify=True, num_classes=classes))
    network.classify = False  # features instead of class logits
    return Facenet(load_strict(network, tensors))


def generator_from_state_dict(
    tensors: Mapping[str, Tensor], conv_clamp: float | None = None, mapping_lr_mul: float = MAPPING_LR_MUL
) -> Generator:
    """A frozen generator from its tensors, in NVIDIA's names (which are ours) or rosinality's.

    Every other number of the configuration is read from the shapes; FIR filters are checked and recomputed.
    The network takes float32 tensors over as they are, without a copy.
    """
    if rosinality.is_generator(tensors):
        tensors = rosinality.import_generator(tensors)
    tensors = nvidia_torch.without_filters(tensors)
    config = generator_config(tensors, conv_clamp, mapping_lr_mul)
    return load_strict(on_meta(lambda: Generator(config)), tensors).freeze()


def generator_config(
    tensors: Mapping[str, Tensor], conv_clamp: float | None = None, mapping_lr_mul: float = MAPPING_LR_MUL
) -> GeneratorConfig:
    """Read resolution, channels, z_dim, w_dim and the mapping's depth from the tensors of a generator, in our names.

    Raises WeightError where they fit no generator.
    """
    _check_numbers(conv_clamp=conv_clamp, mapping_lr_mul=mapping_lr_mul)
    blocks = [int(match[1]) for match in (re.match(r"synthesis\.b(\d+)\.", name) for name in tensors) if match]
    layers = [int(match[1]) for match in (re.match(r"mapping\.fc(\d+)\.", name) for name in tensors) if match]
    if not blocks or not layers:
        raise WeightError("it has no tensors named synthesis.b4 and mapping.fc0; pass a StyleGAN2 generator")
    resolutions = [2**k for k in range(2, max(blocks).bit_length())]
    embedded = _size(tensors, "mapping.embed.weight", axis=0) if "mapping.embed.weight" in tensors else 0
    widths = tuple(_size(tensors, f"mapping.fc{i}.weight", axis=0) for i in range(max(layers) + 1))
    w_dim = _size(tensors, "synthesis.b4.conv1.affine.weight", axis=1)
    if widths[-1] != w_dim:
        raise WeightError(
            f"its mapping gives w of length {widths[-1]}, its synthesis takes {w_dim}; pass a complete file"
        )
    return GeneratorConfig(
        z_dim=_size(tensors, "mapping.fc0.weight", axis=1) - embedded,
        w_dim=w_dim,
        mapping_widths=widths,
        channels={side: _size(tensors, f"synthesis.b{side}.conv1.weight", axis=0) for side in resolutions},
        conv_clamp=conv_clamp,
        mapping_lr_mul=mapping_lr_mul,
    )


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(generator: Generator) -> str:
    """A hash of the network itself, in float32: the same whichever file it came from."""
    digest = hashlib.sha256(repr(generator.config).encode())
    for name, tensor in sorted(generator.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _check_numbers(**numbers: object) -> None:
    """Raise WeightError unless these settings of a file are positive numbers, or None."""
    for name, number in numbers.items():
        if number is not None and not (isinstance(number, int | float) and 0 < number < 1e9):
            raise WeightError(f"its {name} is {shown(number)}, not a positive number; download it again")


def _size(tensors: Mapping[str, Tensor], name: str, axis: int) -> int:
    if name not in tensors:
        raise WeightError(f"the tensor {name} is missing; pass a complete file")
    if tensors[name].ndim <= axis:
        raise WeightError(f"{name} has shape {list(tensors[name].shape)}; pass a StyleGAN2 generator")
    return tensors[name].shape[axis]


def load_perceptual(path: str | Path | None = None, name: str = "lpips-alex") -> LPIPS | None:
    """LPIPS on the trunk in a file of torchvision, frozen, on the CPU; without `path` on the one of this `name`.

    None where no path is given and the file is neither in the cache of styleclip (`styleclip models pull NAME`) nor
    in that of torch.hub. Raises WeightError for a file that is absent, damaged or holds no such trunk.
    """
    found = Path(path) if path is not None else trunk_file(name)
    if found is None:
        return None
    with error_context(found):
        table = open_content(found).table()
        trunk = read_tensors({key: value for key, value in table.items() if key.startswith("features.")})
        kind = _kind(trunk)
        used = _used(kind, trunk)
        return load_strict(on_meta(lambda: LPIPS(kind)), used | heads(kind))


def trunk_file(name: str = "lpips-alex") -> Path | None:
    """The file of a trunk of the catalog, in our cache or in that of torch.hub; None where it is in neither."""
    ours = weight(name, "perceptual").path
    theirs = Path(torch.hub.get_dir()) / "checkpoints" / ours.name
    return next((path for path in (ours, theirs) if path.is_file()), None)


def heads(kind: Trunk) -> dict[str, Tensor]:
    """The linear heads, from the wheel of `lpips`, which is not imported for it; raises WeightError without it."""
    package = find_spec("lpips")
    if package is None or package.origin is None:
        raise WeightError("LPIPS needs the weights in the package lpips; run `pip install lpips`")
    path = Path(package.origin).parent / "weights" / "v0.1" / f"{kind}.pth"
    with error_context(path):
        tensors = read_tensors(open_content(path).table())
        return {f"heads.{i}.weight": tensors[f"lin{i}.model.1.weight"] for i in range(len(TAPS[kind]))}


def _kind(trunk: dict[str, Tensor]) -> Trunk:
    first = trunk.get("features.0.weight")
    kind = FIRST.get(tuple(first.shape)) if first is not None else None
    if kind is None:
        raise WeightError("it holds neither AlexNet nor VGG16 of torchvision; run `styleclip models pull lpips-alex`")
    return kind


def _layer(name: str) -> int:
    """The number in `features.8.weight`."""
    number = name.split(".")[1]
    return int(number) if number.isdecimal() else 0  # a foreign name stays, and is told as surplus


def _used(kind: Trunk, trunk: dict[str, Tensor]) -> dict[str, Tensor]:
    """The layers up to the last that is compared, which are all but those of the classifier."""
    return {name: tensor for name, tensor in trunk.items() if _layer(name) <= TAPS[kind][-1]}
