"""What a CLIP understands of composition: which words belong together, in which order, and what is negated.

On renders of the demo world the truth is exact (`measure.measure_composition`). The benchmarks ARO and SugarCrepe are
read from the files of the user (`aro`, `sugarcrepe`).
"""

from styleclip.evaluate.composition.measure import SEEDS, measure_composition
from styleclip.evaluate.composition.report import COMPOSITION_FILES, CompositionReport

__all__ = ["COMPOSITION_FILES", "SEEDS", "CompositionReport", "measure_composition"]
