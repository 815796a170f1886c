"""The editors: frozen settings with one verb, `method(models, latent, prompt, on_step) -> latent`."""
