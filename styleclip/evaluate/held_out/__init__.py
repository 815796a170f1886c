"""The evaluation of edits of any models, by networks that no editor follows."""
