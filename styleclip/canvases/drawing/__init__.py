"""CLIPDraw: strokes optimized towards a text."""
