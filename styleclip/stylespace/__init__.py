"""Style space: how samples spread in it, and where CLIP sees a picture go when one of its channels changes."""
