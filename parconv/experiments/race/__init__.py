"""``parconv race``: this library against every installed peer and against the machine's limit.

A workload (`workloads`, `grid`) is answered by every competitor (`peers`), verified (`agreement`,
`entrants`) and timed (`duel`); `report` does the arithmetic, `summary` that of many rows,
`table` prints them.  `bursts` times single calls after pauses and beside other processes (`busy`),
`burst_report` judges and `burst_table` prints them.
"""

from .bursts import race_bursts
from .duel import race, race_row
from .grid import WORKLOADS
from .peers import PEERS, Peer
from .report import Report
from .table import show
from .workloads import Workload

__all__ = [
    "PEERS",
    "WORKLOADS",
    "Peer",
    "Report",
    "Workload",
    "race",
    "race_bursts",
    "race_row",
    "show",
]
