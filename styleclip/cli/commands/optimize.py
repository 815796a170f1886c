"""`styleclip optimize`: edit a latent towards a text by optimizing it."""

from __future__ import annotations

from styleclip.cli.commands.method import method_command
from styleclip.methods.settings import OptimizeSettings

HELP = """Edit a latent towards a text by latent optimization with an identity loss.

Defaults of the model come before the published ones.
"""

optimize = method_command("optimize", OptimizeSettings, HELP, folder="")
