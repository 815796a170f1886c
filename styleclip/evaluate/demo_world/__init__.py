"""The evaluation in the demo world, where the ideal edit of every face and prompt is known."""
