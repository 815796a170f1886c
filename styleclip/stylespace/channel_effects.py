"""Relevance by rendering: how CLIP sees the pictures in which one style channel differs (StyleCLIP, section 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from styleclip.errors import UsageError
from styleclip.latents import StyleEntry, StyleLayout
from styleclip.models import Models
from styleclip.networks.stylegan2 import Generator, State
from styleclip.relevance_table import StyleStatistics
from styleclip.runtime.batching import Batches
from styleclip.runtime.cuda_graphs import Graphs

Method = Literal["exact", "official"]
MIN_CHANGE = 1e-6  # unit features that differ by less than this are the same but for rounding
GROUP, TORGB_GROUP = 16, 64  # the fewest channels of a layer to measure together, as they share what comes before it


@dataclass(frozen=True)
class Effects:
    """Rows of a relevance table, on the CPU in float32.

    `delta_i` [k, D] are the unit directions in which CLIP sees pictures go when the `channels` [k] rise, zero for a
    channel that moves nothing. `effect` [k] is how far they go per standard deviation, on average, and `error` [k] the
    standard error of the direction: about 1 where the images agree no better than chance, and 1 for a single image,
    which says nothing about the next.
    """

    channels: Tensor
    delta_i: Tensor
    effect: Tensor
    error: Tensor


def measure(
    models: Models,
    statistics: StyleStatistics,
    styles: Tensor,
    channels: Tensor,
    method: Method = "exact",
    sigmas: float = 5.0,
    batch_size: int = 16,
) -> Iterator[Effects]:
    """The effect of every one of `channels` on the pictures of `styles` [N, C], by groups of one layer, in S order.

    `d_n = E(G(s_n; c at mean + sigmas std)) - E(G(s_n; c at mean - sigmas std))`, with unit features E, and
    `delta_i[c] = normalize(mean_n normalize(d_n))`. "official" repeats a slip of the published code, which writes the
    mean into arrays that it goes on using: the channels of convolutions before c stay at their mean, so the pictures
    become more and more average. No more than `batch_size` pictures are rendered at once.

    Raises UsageError for a channel that the generator lacks, and for one of toRGB in "official", which has none.
    """
    layout = models.generator.layout
    channels = channels.cpu().unique()
    if not len(channels) or channels[0] < 0 or channels[-1] >= layout.size:
        raise UsageError(f"channels must be some of 0 to {layout.size - 1}, the style channels of this generator")
    if method == "official" and layout.torgb_mask()[channels].any():
        raise UsageError("the published code measures no toRGB channels; leave them out, or use the method exact")
    meter = EffectMeter(models, statistics, styles, method, sigmas, batch_size)
    return (meter(entry, group) for entry, group in groups(layout, channels, batch_size))


def groups(layout: StyleLayout, channels: Tensor, batch_size: int = 16) -> Iterator[tuple[StyleEntry, Tensor]]:
    """The ascending `channels` as `measure` takes them: layer by layer, a handful of one layer at a time."""
    for entry in layout.entries:
        own = channels[(entry.span.start <= channels) & (channels < entry.span.stop)]
        if len(own):
            for group in own.split(max(TORGB_GROUP if entry.is_torgb else GROUP, batch_size // 2)):
                yield entry, group


class EffectAccumulator:
    """Sums over images of how far CLIP sees each of k channels move them, until they are `effects`."""

    def __init__(self) -> None:
        self.images = 0
        self.far = self.unit = self.moved = torch.tensor(0.0)

    def add(self, movement: Tensor) -> None:
        """One more image: the differences of features [k, D]; a zero row is a channel that moves nothing."""
        movement = movement.double()
        unit = F.normalize(movement, dim=1)
        self.far, self.unit = self.far + movement, self.unit + unit
        self.moved = self.moved + unit.square().sum(dim=1)
        self.images += 1

    def effects(self, channels: Tensor, deviations: float = 1.0) -> Effects:
        """The rows of `channels` [k], which rose by so many standard deviations.

        `error = sqrt(sum of var_n(normalize(d_n)) / N) / |mean_n normalize(d_n)|`, with the variances of a sample.
        """
        count, length = self.images, (self.unit / self.images).norm(dim=1)
        variance = (self.moved / count - length.square()).clamp(min=0) / max(count - 1, 1)  # of the mean
        error = torch.where(length > 0, variance.sqrt() / length, 0.0) if count > 1 else self.moved
        effect = (self.far / count).norm(dim=1) / deviations
        rows = F.normalize(self.unit, dim=1)
        return Effects(channels.cpu(), *(tensor.float().cpu() for tensor in (rows, effect, error)))


class EffectMeter:
    """The effect of one group of channels after the other, as `measure` defines it.

    Fewer pictures are rendered at once where memory runs out, and what is rendered often becomes a graph.
    """

    def __init__(
        self,
        models: Models,
        statistics: StyleStatistics,
        styles: Tensor,
        method: Method = "exact",
        sigmas: float = 5.0,
        batch_size: int = 16,
    ) -> None:
        self.models, self.statistics, self.method, self.sigmas = models, statistics, method, sigmas
        self.styles = styles.to(models.generator.w_avg)
        self.parts, self.graphs = Batches(batch_size), Graphs()

    @torch.no_grad()
    def __call__(self, entry: StyleEntry, channels: Tensor) -> Effects:
        """The effects of `channels`, all of the layer `entry`."""
        generator, accumulator = self.models.generator, EffectAccumulator()
        perturbation = _Perturbation(generator, self.statistics, channels, self.method, self.sigmas)

        def begun(rows: Tensor) -> tuple[PrefixRenderer, Tensor]:
            return PrefixRenderer(generator, entry, perturbation.before(rows)), rows

        for renderer, rows in self.parts(begun, self.styles):
            for i, row in enumerate(rows):
                accumulator.add(perturbation.movement(self._features(renderer, i, perturbation(row))))
        return accumulator.effects(channels, 2 * self.sigmas)

    def _features(self, renderer: PrefixRenderer, i: int, styles: Tensor) -> Tensor:
        """What CLIP sees in the pictures of `styles` [M, C] that begin like number `i`: unit features [M, D]."""

        def look(some: Tensor, *begun: Tensor) -> Tensor:
            return self.models.clip.encode_image(renderer.finish(some, *begun))

        def replayed(some: Tensor) -> Tensor:
            features: Tensor = self.graphs(renderer.entry.name, look, some, *renderer.begin(i))
            return features

        return torch.cat([*self.parts(replayed, styles)])


class _Perturbation:
    """Every one of `channels` [k], all of one layer, at either end of its range."""

    def __init__(
        self, generator: Generator, statistics: StyleStatistics, channels: Tensor, method: Method, sigmas: float
    ) -> None:
        mean, std = statistics.mean[channels].cpu(), statistics.std[channels].cpu()
        self.mean = statistics.mean.to(generator.w_avg)
        self.ends = torch.cat([mean + sigmas * std, mean - sigmas * std]).to(generator.w_avg)  # [2k]
        self.places = torch.arange(2 * len(channels)).to(self.ends.device), channels.repeat(2).to(self.ends.device)
        visited = ~generator.layout.torgb_mask() & (torch.arange(generator.layout.size) < channels[:, None])
        self.visited = (visited & (method == "official")).to(self.mean.device)  # [k, C]

    def before(self, styles: Tensor) -> Tensor:
        """What the layers before that of the channels get: [N, C] -> [N, C]."""
        return torch.where(self.visited[0], self.mean, styles)

    def __call__(self, style: Tensor) -> Tensor:
        """[C] -> [2k, C]: the high ends of all channels, then the low ones."""
        changed = torch.where(self.visited, self.mean, style).repeat(2, 1)
        changed[self.places] = self.ends
        return changed

    def movement(self, features: Tensor) -> Tensor:
        """[2k, D] -> `E+ - E-` [k, D], zero where it is nothing but rounding."""
        (high, low), (top, bottom) = features.chunk(2), self.ends.chunk(2)
        still = (top == bottom) | ((high - low).norm(dim=1) <= MIN_CHANGE)
        return (high - low).masked_fill(still[:, None], 0.0)


class PrefixRenderer:
    """Pictures whose styles are those of one of `styles` [N, C] before the layer `entry`, and their own from there on.

    What comes before the layer is computed once; behind toRGB there are only sums, so all else is computed once.
    """

    def __init__(self, generator: Generator, entry: StyleEntry, styles: Tensor) -> None:
        self.layout, self.synthesis, self.entry, self.styles = generator.layout, generator.synthesis, entry, styles
        self.noise = self.synthesis.noise_inputs(len(styles), "const")
        first = self.layout.entries.index(entry)
        head, self.tail = self.layout.entries[:first], self.layout.entries[first:]
        self.states = self._run(head, self.synthesis.start(len(styles)), styles)
        self.images = self._run(self.tail, self.states, styles).image if entry.is_torgb else None

    def __call__(self, i: int, styles: Tensor) -> Tensor:
        """Pictures [M, 3, H, W] that begin like number `i`; for a toRGB layer they differ in that layer only."""
        return self.finish(styles, *self.begin(i))

    def begin(self, i: int) -> tuple[Tensor, ...]:
        """What `finish` takes of picture number `i`: its features, its picture and, for a toRGB layer, its styles."""
        x, image = (tensor[i : i + 1] for tensor in self.states)
        if self.images is None:
            return x, image
        return x, self.images[i], self.styles[i : i + 1, self.entry.span]

    def finish(self, styles: Tensor, x: Tensor, image: Tensor, before: Tensor | None = None) -> Tensor:
        """The pictures of `styles` [M, C] that have begun like this. Any painter of the layer does it alike."""
        if before is None:
            return self._run(self.tail, State(x, image), styles).image
        return image + self.synthesis.rerender_torgb(self.entry, x, before, styles[:, self.entry.span])

    def _run(self, entries: Sequence[StyleEntry], state: State, styles: Tensor) -> State:
        return self.synthesis.run(entries, state, self.layout.split(styles), self.noise)
