"""Small random networks for fast tests: every parameter differs from its initial constant."""

import torch

from styleclip.models.stylegan2 import Generator, GeneratorConfig

TINY = GeneratorConfig(z_dim=12, w_dim=8, mapping_widths=(10, 8), channels={4: 6, 8: 5, 16: 4})


def tiny_generator(config: GeneratorConfig = TINY, seed: int = 0) -> Generator:
    """A frozen generator with random biases, noise strengths and average w; the global random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(config)
        for name, tensor in generator.state_dict().items():
            if name.endswith(("bias", "noise_strength", "w_avg")):
                tensor += 0.3 * torch.randn(tensor.shape)
    return generator.eval().requires_grad_(False)
