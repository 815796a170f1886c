"""Errors a person can act on: one sentence that ends with the remedy. The command line prints them as they are."""


class StyleClipError(Exception):
    """Something the user can mend; exit code 1."""


class UsageError(StyleClipError):
    """The words of the command or call do not make sense; exit code 2."""


class SpaceError(StyleClipError):
    """A latent is in the wrong space, or has the wrong shape for its space."""


class WeightError(StyleClipError):
    """A weight file is absent, unreadable or not what it was taken for."""


class PhotoError(StyleClipError):
    """A photo cannot be read, or is not one picture."""


class NoFaceError(PhotoError):
    """No face was found in a photo, or not the one that was asked for."""


class NumericError(StyleClipError):
    """A loss or picture became NaN or infinite."""


class NoMemoryError(StyleClipError):
    """Not even a single picture fits into the memory of the device."""


class OutputError(StyleClipError):
    """A result cannot be written: folder missing, not writable, or the disk is full."""


class WeightWarning(UserWarning):
    """A weight file was loaded, but something about it was filled in or left out."""
