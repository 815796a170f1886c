"""Figures of edits at several strengths, as functions of numbers: intervals, trade-off curves, quality of sliders."""
