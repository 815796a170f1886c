"""The networks; the only floor that imports `cuda_ops`."""

from cuda_ops import backend

__all__ = ["backend"]
