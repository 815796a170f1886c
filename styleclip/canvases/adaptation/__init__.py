"""Adaptation of generators to texts: StyleGAN-NADA (Gal et al. 2022, "CLIP-guided domain adaptation")."""
