"""Pickles and zip archives read as inert values: nothing in a file is imported or run."""
