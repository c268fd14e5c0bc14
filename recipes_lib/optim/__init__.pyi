from . import rules as rules
from . import schedules as schedules
from .decay import adaptive_decay as adaptive_decay
from .rules import Rule as Rule
from .rules import clipped as clipped
from .rules import lookahead as lookahead
from .rules import rule as rule
