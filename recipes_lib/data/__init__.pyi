from . import augment as augment
from .folders import decode as decode
from .sets import EMBEDDED as EMBEDDED
from .sets import TORCHVISION as TORCHVISION
from .sets import load as load
from .splits import Split as Split
from .splits import Splits as Splits
from .splits import batches as batches
