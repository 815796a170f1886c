"""The training of a child: its canvas, the losses of a step, and the loop over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from styleclip.canvases.adaptation.evaluation import FixedSamples, Plateau
from styleclip.canvases.adaptation.generator_canvas import GeneratorCanvas
from styleclip.canvases.adaptation.layers import choose_layers, convolution_names, layers_of_rows, torgb_names
from styleclip.canvases.adaptation.losses import AdaptationLoss, WeightedClip
from styleclip.canvases.adaptation.settings import Adaptation
from styleclip.canvases.adaptation.views import mirrored_views, with_views
from styleclip.canvases.loop import CanvasLoop
from styleclip.latents import Latent, Space
from styleclip.losses import loss_resolution_px
from styleclip.models import Models
from styleclip.prompts import Prompt
from styleclip.training.checkpoint import Stateful

BETAS = (0.0, 0.99**0.8)  # of Adam: StyleGAN2's with lazy regularization every 4 steps, as published


class AdaptationTrainer:
    """A child of `models.generator`. All fields of `adaptation` must be set (`resolve`).

    The random numbers of a step follow from the seed and its index, so a resumed training ends in the same bits.
    """

    def __init__(
        self,
        models: Models,
        prompt: Prompt,
        adaptation: Adaptation,
        others: Sequence[WeightedClip] = (),
    ) -> None:
        self.models, self.adaptation, self.parent = models, adaptation, models.generator
        self.loss = AdaptationLoss([WeightedClip(models.clip), *others], prompt, adaptation.min_change)
        self.samples = FixedSamples(models, prompt, self.loss, adaptation)
        self.resolution = loss_resolution_px(self.parent, models.clip, adaptation.loss_resolution)
        layout = self.parent.layout
        self.is_adaptive = adaptation.layer_share < 1
        self.rows = layers_of_rows(layout, adaptation.freezing)
        self.always = torgb_names(layout) if adaptation.torgb else []
        trained = {*(self.rows if self.is_adaptive else convolution_names(layout)), *self.always}
        in_order = [entry.name for entry in layout.entries if entry.name in trained]
        self.canvas = GeneratorCanvas(self.parent, in_order, with_constant=not self.is_adaptive)
        self.plateau = Plateau(adaptation)
        stops = bool(adaptation.patience or adaptation.min_diversity)
        self.loop = CanvasLoop(
            self.canvas,
            torch.optim.Adam(self.canvas.parameters, lr=adaptation.lr, betas=BETAS),
            self.losses,
            adaptation.steps,
            evaluate=lambda: self.samples.evaluate(self.canvas.generator),
            evaluate_every=adaptation.evaluate_every,
            stop=self.plateau,
            keep="best" if stops else "last",
            remedy="lower --lr, or use --dtype float32",
        )

    @property
    def state(self) -> dict[str, Stateful]:
        """The parts of a checkpoint."""
        return {**self.loop.state, "plateau": self.plateau}

    def losses(self, step: int) -> Mapping[str, Tensor]:
        """The directional loss of the step with this index."""
        random = torch.Generator().manual_seed(self.adaptation.seed + step)
        latent = self._samples(self.adaptation.batch_size, random)
        if self.is_adaptive:
            self.canvas.unfreeze([*self._choose_layers(random), *self.always])
        with torch.no_grad():
            before = self._render(self.parent, latent, random)
        after = self._render(self.canvas.generator, latent, random)
        transforms = mirrored_views(len(latent) * self.adaptation.views, random)
        return {"directional": self.loss.directional(with_views(after, transforms), with_views(before, transforms))}

    @torch.no_grad()
    def _samples(self, count: int, random: torch.Generator) -> Latent:
        """Random latents in W."""
        generator = self.parent
        z = torch.randn(count, generator.config.z_dim, generator=random).to(generator.w_avg)
        return generator.truncate(Latent(Space.Z, z), self.adaptation.psi)

    def _render(self, generator: torch.nn.Module, latent: Latent, random: torch.Generator) -> Tensor:
        seeds = torch.randint(2**62, (len(latent),), generator=random).tolist()
        image: Tensor = generator(latent, self.adaptation.noise, seeds, self.resolution)
        return image

    def _choose_layers(self, random: torch.Generator) -> list[str]:
        latent = self.parent.to_space(self._samples(self.adaptation.choice_batch, random), Space.W_PLUS)

        def loss(latent: Latent) -> Tensor:
            return self.loss.to_target(self._render(self.canvas.generator, latent, random))

        return choose_layers(latent, loss, self.rows, self.adaptation.layer_share)
