"""Sketches of a picture by a few strokes, after CLIPasso (Vinker et al. 2022, arXiv 2202.05822)."""
