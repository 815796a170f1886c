"""Training of latent mappers (StyleCLIP, section 5)."""
