"""Directions that fit any face: files, the user's library, units and ranges; and those found without a text."""
