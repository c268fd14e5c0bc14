"""Data as tensors on the device: embedded sets, torchvision's, a reader's folders; augmentation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
