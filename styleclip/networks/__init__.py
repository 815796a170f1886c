"""The networks. Only this package imports `cuda_ops`."""
