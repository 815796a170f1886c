"""Files and lines that are made of a state."""
