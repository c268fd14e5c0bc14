"""Optimizers with a hyperparameter per run, torch's own beside them, and schedules."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
