"""Canvases: parameters that render an image, optimized towards a text or a picture by losses of CLIP."""
