"""What the floors above may know of cuda_ops: which kernels run, what they lack, and how to build them."""

from cuda_ops._backend import CHOICES, backend, trouble
from cuda_ops.build import TARGETS, BuildError, build, find, library, missing, toolkit

__all__ = ["CHOICES", "TARGETS", "BuildError", "backend", "build", "find", "library", "missing", "toolkit", "trouble"]
