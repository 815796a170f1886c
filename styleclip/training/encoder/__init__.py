"""Training of encoders: picture -> W+ (Tov et al. 2021)."""
