"""Distances of sets of images: FID and KID, and the same of CLIP's features where Inception is not there."""
