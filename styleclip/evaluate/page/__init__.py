"""The report of a held-out evaluation as one HTML page, which needs no network and no script."""
