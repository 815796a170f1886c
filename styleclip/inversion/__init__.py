"""Inversion: photo -> latent in W+ by encoder and optimization, and pivotal tuning of the generator around it."""
