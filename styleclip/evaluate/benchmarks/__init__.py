"""Published benchmarks of composition, from files of the user: ARO (Yuksekgonul et al. 2023) and SugarCrepe (2023).

Each case is a picture with captions, of which one is true. Pictures are prepared as in both: the shorter side is
resized, the middle is taken. So the figures compare with published ones, unlike those of `composition`.
"""
