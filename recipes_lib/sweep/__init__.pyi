from .many import fit_many as fit_many
from .runs import Run as Run
from .runs import Runs as Runs
from .runs import grid as grid
from .transfer import fit_heads as fit_heads
from .transfer import fit_whole as fit_whole
from .transfer import linear_probe as linear_probe
from .until import steps_until as steps_until
