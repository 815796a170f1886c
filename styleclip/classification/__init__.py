"""Classify and rank pictures by texts: zero-shot with CLIP, by a linear probe on examples, and by a search text."""
