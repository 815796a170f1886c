"""A small procedural world of faces, and the demo models trained on it."""
