"""Devices, batching on out-of-memory, and CUDA graphs."""
