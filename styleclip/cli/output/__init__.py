"""Output of the commands: progress bars, tables, the summary of a batch of photos."""
