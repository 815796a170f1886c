"""Training of latent mappers and encoders."""
