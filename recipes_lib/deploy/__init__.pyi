from .client import ask as ask
from .client import load_test as load_test
from .client import malformed as malformed
from .serve import free_ports as free_ports
from .serve import program_path as program_path
from .serve import serving as serving
from .serve import torchserve_lacks as torchserve_lacks
from .torchserve import torchserving as torchserving
