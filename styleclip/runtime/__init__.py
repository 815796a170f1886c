"""Devices, batch sizes that fit the memory, and CUDA graphs."""
