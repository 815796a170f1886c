"""Strokes: Bezier paths, their differentiable rasteriser, SVG and animation."""
