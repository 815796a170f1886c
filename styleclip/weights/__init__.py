"""Weight files: catalog, download, reading and conversion."""
