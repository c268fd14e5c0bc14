from .many import Runs as Runs
from .many import fit_many as fit_many
from .many import grid as grid
