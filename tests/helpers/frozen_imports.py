"""The last import of a process that is forked: no fork looks for garbage in what was imported, which would copy it."""

import gc

gc.collect()
gc.freeze()
