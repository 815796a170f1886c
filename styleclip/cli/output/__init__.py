"""What commands print: progress bars, tables, the summary of a batch of photos."""
