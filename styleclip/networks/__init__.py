"""The networks; the only floor that imports `cuda_ops`."""
