"""``parconv race``: this library against every installed peer and against the machine's limit.

A workload (`workloads`, `grid`) is answered by every competitor (`peers`), verified (`agreement`)
and timed (`duel`, `timing`); `report` does the arithmetic, `summary` that of many rows, `table`
prints them.
"""

from .duel import race, race_row
from .grid import WORKLOADS
from .peers import PEERS, Peer
from .report import Report
from .table import show
from .workloads import Workload

__all__ = ["PEERS", "WORKLOADS", "Peer", "Report", "Workload", "race", "race_row", "show"]
