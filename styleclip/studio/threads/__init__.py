"""The threads of the studio: one for frames, others for long work, and the lock of a GPU that they share."""
