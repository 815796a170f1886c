"""Relevance by rendering: the change of CLIP's features when one style channel changes (StyleCLIP, section 6)."""

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
from styleclip.networks.generator import Generator
from styleclip.networks.synthesis import State
from styleclip.relevance_table import StyleStatistics
from styleclip.runtime.batching import Batches
from styleclip.runtime.cuda_graphs import Graphs

Method = Literal["exact", "official"]
MIN_CHANGE = 1e-6  # unit features with a smaller difference are equal up to rounding
GROUP, TORGB_GROUP = 16, 64  # fewest channels of a layer measured together; they share the layers before it


@dataclass(frozen=True)
class Effects:
    """Rows of a relevance table, on the CPU in float32.

    `delta_i` [k, D] are the unit directions in which CLIP's features move when the `channels` [k] rise, zero for a
    channel without effect. `effect` [k] is the mean movement per standard deviation, and `error` [k] the standard error
    of the direction: about 1 where the images agree no better than chance, and 1 for a single image.
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
    `delta_i[c] = normalize(mean_n normalize(d_n))`. "official" repeats a bug of the published code, which leaves
    the mean in arrays that it uses again: the channels of convolutions before c stay at their mean, so the images
    become more and more average. No more than `batch_size` images are rendered at once.

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
    """The ascending `channels` in the groups that `measure` renders: several of one layer at a time, layer by layer."""
    for entry in layout.entries:
        own = channels[(entry.span.start <= channels) & (channels < entry.span.stop)]
        if len(own):
            for group in own.split(max(TORGB_GROUP if entry.is_torgb else GROUP, batch_size // 2)):
                yield entry, group


class EffectAccumulator:
    """Sums over images of the movements of k channels, from which `effects` are computed."""

    def __init__(self) -> None:
        self.images = 0
        self.movement = self.unit = self.squares = torch.tensor(0.0)  # [k, D], [k, D] and [k]

    def add(self, movement: Tensor) -> None:
        """Add an image: the differences of features [k, D], zero for a channel without effect."""
        movement = movement.double()
        unit = F.normalize(movement, dim=1)
        self.movement, self.unit = self.movement + movement, self.unit + unit
        self.squares = self.squares + unit.square().sum(dim=1)
        self.images += 1

    def effects(self, channels: Tensor, deviations: float = 1.0) -> Effects:
        """The rows of `channels` [k], which rose by so many standard deviations.

        `error = sqrt(sum of var_n(normalize(d_n)) / N) / |mean_n normalize(d_n)|`, with the variances of a sample.
        """
        count, length = self.images, (self.unit / self.images).norm(dim=1)
        variance = (self.squares / count - length.square()).clamp(min=0) / max(count - 1, 1)  # of the mean
        error = torch.where(length > 0, variance.sqrt() / length, 0.0) if count > 1 else self.squares
        effect = (self.movement / count).norm(dim=1) / deviations
        rows = F.normalize(self.unit, dim=1)
        return Effects(channels.cpu(), *(tensor.float().cpu() for tensor in (rows, effect, error)))


class EffectMeter:
    """Measures the effects of one group of channels after the other, as `measure` defines them.

    Where memory runs out the batch size is halved; renders that repeat are replayed as CUDA graphs.
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
        self.batches, self.graphs = Batches(batch_size), Graphs()

    @torch.no_grad()
    def __call__(self, entry: StyleEntry, channels: Tensor) -> Effects:
        """The effects of `channels`, all of the layer `entry`."""
        generator, accumulator = self.models.generator, EffectAccumulator()
        perturbation = _Perturbation(generator, self.statistics, channels, self.method, self.sigmas)

        def render_prefixes(rows: Tensor) -> tuple[PrefixRenderer, Tensor]:
            return PrefixRenderer(generator, entry, perturbation.before(rows)), rows

        for renderer, rows in self.batches(render_prefixes, self.styles):
            for i, row in enumerate(rows):
                accumulator.add(perturbation.movement(self._features(renderer, i, perturbation(row))))
        return accumulator.effects(channels, 2 * self.sigmas)

    def _features(self, renderer: PrefixRenderer, i: int, styles: Tensor) -> Tensor:
        """CLIP's unit features [M, D] of the images of `styles` [M, C] with the prefix of number `i`."""

        def features(batch: Tensor, *prefix: Tensor) -> Tensor:
            return self.models.clip.encode_image(renderer.finish(batch, *prefix))

        def replay(batch: Tensor) -> Tensor:
            result: Tensor = self.graphs(renderer.entry.name, features, batch, *renderer.prefix(i))
            return result

        return torch.cat([*self.batches(replay, styles)])


class _Perturbation:
    """Styles with one of `channels` [k], all of one layer, at `mean + sigmas std` and at `mean - sigmas std`."""

    def __init__(
        self, generator: Generator, statistics: StyleStatistics, channels: Tensor, method: Method, sigmas: float
    ) -> None:
        mean, std = statistics.mean[channels].cpu(), statistics.std[channels].cpu()
        self.mean = statistics.mean.to(generator.w_avg)
        self.ends = torch.cat([mean + sigmas * std, mean - sigmas * std]).to(generator.w_avg)  # [2k]
        self.indices = torch.arange(2 * len(channels)).to(self.ends.device), channels.repeat(2).to(self.ends.device)
        visited = ~generator.layout.torgb_mask() & (torch.arange(generator.layout.size) < channels[:, None])
        self.visited = (visited & (method == "official")).to(self.mean.device)  # [k, C]

    def before(self, styles: Tensor) -> Tensor:
        """The styles of the layers before that of the channels: [N, C] -> [N, C]."""
        return torch.where(self.visited[0], self.mean, styles)

    def __call__(self, style: Tensor) -> Tensor:
        """[C] -> [2k, C]: the high ends of all channels, then the low ones."""
        changed = torch.where(self.visited, self.mean, style).repeat(2, 1)
        changed[self.indices] = self.ends
        return changed

    def movement(self, features: Tensor) -> Tensor:
        """[2k, D] -> `E+ - E-` [k, D], zero where it is nothing but rounding."""
        (high, low), (top, bottom) = features.chunk(2), self.ends.chunk(2)
        still = (top == bottom) | ((high - low).norm(dim=1) <= MIN_CHANGE)
        return (high - low).masked_fill(still[:, None], 0.0)


class PrefixRenderer:
    """Renders images that have the styles of one of `styles` [N, C] before the layer `entry`, and others from there on.

    The prefix, which is all layers before `entry`, is computed once. A toRGB layer only adds to the image, so for one
    all other layers are computed once.
    """

    def __init__(self, generator: Generator, entry: StyleEntry, styles: Tensor) -> None:
        self.layout, self.synthesis, self.entry, self.styles = generator.layout, generator.synthesis, entry, styles
        self.noise = self.synthesis.noise_inputs(len(styles), "const")
        first = self.layout.entries.index(entry)
        head, self.tail = self.layout.entries[:first], self.layout.entries[first:]
        self.states = self._run(head, self.synthesis.start(len(styles)), styles)
        self.images = self._run(self.tail, self.states, styles).image if entry.is_torgb else None

    def prefix(self, i: int) -> tuple[Tensor, ...]:
        """The arguments of `finish` for image number `i`: its features, image and, for a toRGB layer, its styles."""
        x, image = (tensor[i : i + 1] for tensor in self.states)
        if self.images is None:
            return x, image
        return x, self.images[i], self.styles[i : i + 1, self.entry.span]

    def finish(self, styles: Tensor, x: Tensor, image: Tensor, before: Tensor | None = None) -> Tensor:
        """Images [M, img_channels, H, W] of `styles` [M, C]; the same for every renderer of the layer."""
        if before is None:
            return self._run(self.tail, State(x, image), styles).image
        return image + self.synthesis.rerender_torgb(self.entry, x, before, styles[:, self.entry.span])

    def _run(self, entries: Sequence[StyleEntry], state: State, styles: Tensor) -> State:
        return self.synthesis.run(entries, state, self.layout.split(styles), self.noise)
