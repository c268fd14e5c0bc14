"""Many nets at once: a grid of runs trained as one tensor program, in processes, or on Ray."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
