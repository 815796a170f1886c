"""The frozen networks that an editor works with, as `loading.load` returns them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import Latent
from styleclip.networks.batch_size import RENDER, max_batch
from styleclip.networks.clip import CLIP
from styleclip.networks.e4e import Encoder
from styleclip.networks.face_recognition import FaceRecogniser
from styleclip.networks.generator import Generator
from styleclip.networks.lpips import PerceptualDistance
from styleclip.networks.synthesis import Noise
from styleclip.networks.transform import RECORDED, Transform, check_transform, transformed_generator
from styleclip.relevance_table import RelevanceTable
from styleclip.runtime.batching import Batches
from styleclip.runtime.cuda_graphs import Graphs
from styleclip.runtime.gradients import float32_default
from styleclip.samples import Samples
from styleclip.weights.lineage import ancestry, family


@dataclass(frozen=True)
class Models:
    """Frozen networks on one device, as `styleclip.load` returns them.

    Args:
        generator: a StyleGAN2 or a StyleGAN3.
        clip: CLIP, its preprocessing included.
        identity: the face recogniser of the identity loss; None leaves that loss out.
        defaults: method name -> settings that suit this generator.
        provenance: names and hashes of the files, device and precision; part of every result.
        relevance, samples, encoder, perceptual: load the relevance table, the samples that CLIP saw, the encoder of
            photos and LPIPS on first use; they return None where there is none.
        mix: of an adapted generator, the models at another amount and with other layers of the parent (`at_amount`).
        transform: of a StyleGAN3, how `render` moves and turns its pictures. The editors see and train the generator
            without it, so latents, directions and tables are the same with and without.
        memo: values that functions compute once for these models; copies by `dataclasses.replace` share it.

    Example:
        models = styleclip.load("demo")
        image = models.render(Latent(Space.Z, torch.randn(1, 64)))  # [1, 3, 256, 256] in [-1, 1]
    """

    generator: Generator
    clip: CLIP
    identity: FaceRecogniser | None = None
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    relevance: Callable[[], RelevanceTable | None] = lambda: None
    samples: Callable[[], Samples | None] = lambda: None
    encoder: Callable[[], Encoder | None] = lambda: None
    perceptual: Callable[[], PerceptualDistance | None] = lambda: None
    mix: Callable[[float, Sequence[int]], Models] | None = None
    transform: Transform | None = None
    memo: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    @float32_default()
    @torch.inference_mode(False)
    @torch.no_grad()
    def render(self, latent: Latent, noise: Noise = "const") -> Tensor:
        """Render without a gradient, in batches that fit the memory: images [N, img_channels, H, W], about
        in [-1, 1], moved and turned by `transform`.
        """
        name = None if noise == "random" else f"render with {noise} noise"
        return self._in_batches(lambda batch: self.drawing_generator(batch, noise), latent, name)

    @functools.cached_property
    def drawing_generator(self) -> Generator:
        """The generator with `transform`, which shares all weights; the generator itself where there is none."""
        return self.generator if self.transform is None else transformed_generator(self.generator, self.transform)

    def with_transform(self, transform: Transform | None) -> Models:
        """The same models that move and turn their pictures in this way; None leaves them where they are drawn.

        Raises UsageError for a generator that is no StyleGAN3.
        """
        if transform == self.transform:
            return self
        if transform is not None:
            check_transform(self.generator.config)
        kept = {name: value for name, value in self.provenance.items() if name not in RECORDED}
        moved = replace(self, transform=transform)
        return replace(moved, provenance={**kept, **moved.transform_record})

    @property
    def transform_record(self) -> dict[str, Any]:
        """What records tell of `transform`; nothing where there is none."""
        return {} if self.transform is None else self.transform.record()

    @float32_default()
    @torch.inference_mode(False)
    @torch.no_grad()
    def clip_features(self, latent: Latent, resolution: int | None = None) -> Tensor:
        """Unit CLIP features [N, D] of the images of a latent, in batches that fit the memory.

        A smaller `resolution` stands for the skip image of that block (`losses.loss_resolution_px`).
        """

        def features(batch: Latent) -> Tensor:
            return self.clip.encode_image(self.generator(batch, resolution=resolution))

        return self._in_batches(features, latent, f"clip_features at {resolution}", resolution)

    def _in_batches(
        self, work: Callable[[Latent], Tensor], latent: Latent, name: str | None, resolution: int | None = None
    ) -> Tensor:
        """The results of `work` on batches of a latent, joined; the images have this `resolution`.

        Work with a `name` does the same in every call and becomes a CUDA graph after a few.
        """

        def run_graph(batch: Latent) -> Tensor:
            result: Tensor = self._graphs((name, batch.space), lambda data: work(Latent(batch.space, data)), batch.data)
            return result

        return torch.cat([*Batches(max_batch(self.generator, RENDER, resolution))(run_graph if name else work, latent)])

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: all but the CUDA graphs and the generator that is made again."""
        return {name: value for name, value in vars(self).items() if name not in ("_graphs", "drawing_generator")}

    @functools.cached_property
    def _graphs(self) -> Graphs:
        return Graphs(self.generator)

    @property
    def generator_fingerprint(self) -> str | None:
        """The hash of the generator's weights; None for models that no file was loaded for."""
        return self._generator_record.get("network")

    @property
    def first_fingerprint(self) -> str | None:
        """The fingerprint of the generator from which, step by step, this one was adapted; else its own.

        They have the same W, so it is that of directions which are known by W alone.
        """
        return next(reversed(ancestry(self._generator_record)), None)

    def accepts(self, fingerprint: object) -> bool:
        """Whether what was made with the generator of this fingerprint fits: it, its parents, or it at amount 1."""
        return fingerprint == self.generator_fingerprint or fingerprint in family(self._generator_record)

    def accepts_w(self, fingerprint: object) -> bool:
        """Whether the W and W+ of the generator of this fingerprint are those of this one.

        They are for what `accepts` says, and for the smaller generator that this one was grown from: its rows of W+ and
        its channels of S are the first ones here.
        """
        grown_from = self.generator.grown_from
        return self.accepts(fingerprint) or (grown_from is not None and fingerprint == grown_from.network)

    def at_amount(self, amount: float, parent_layers: Sequence[int] = ()) -> Models:
        """The same models with an adapted generator at this amount: 0 is its parent and 1 the child (`Adapted.mix`).

        Raises UsageError for a generator that was not adapted or is tuned.
        """
        if self.mix is None:
            raise UsageError("this generator was not adapted from another one, so it has no amount; leave that out")
        if "tuned" in self.provenance:
            raise UsageError("this generator is tuned; choose the amount first and apply the tuning then")
        return self.mix(amount, tuple(parent_layers)).with_transform(self.transform)

    def parent(self) -> Models | None:
        """The models with the parent of an adapted generator; None for one that was not adapted, and for a parent.

        Photos are inverted with it, and the samples of the child are its samples.
        """
        record = self._generator_record
        if self.mix is None or ancestry(record)[0] == ancestry(record)[1]:
            return None
        return self.mix(0, ()).with_transform(self.transform)

    @property
    def _generator_record(self) -> Mapping[str, Any]:
        record: Mapping[str, Any] = self.provenance.get("generator") or {}
        return record

    @property
    def device(self) -> torch.device:
        return self.generator.w_avg.device
