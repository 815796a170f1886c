"""One module per file format; each turns a file or its tensors into our names, and back where we write it."""
