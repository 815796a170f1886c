"""Training of encoders: image -> W+ (Tov et al. 2021)."""
