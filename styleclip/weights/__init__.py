"""Weight files: what they hold, how they are read, where they come from."""
