"""Training of latent mappers: from prompts and latents to small networks, resumable, on one process or many."""
