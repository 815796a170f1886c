"""One module per file format: tensors of a file under our names, and the inverse for formats that are written."""
