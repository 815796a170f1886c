"""Published protocols: which pictures are edited and how the edits are measured, as their authors do it."""
