"""Training of what the editors use: latent mappers and encoders."""
