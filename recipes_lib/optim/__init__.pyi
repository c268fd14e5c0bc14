from . import rules as rules
from . import schedules as schedules
from .rules import Rule as Rule
from .rules import clipped as clipped
from .rules import lookahead as lookahead
from .rules import rule as rule
