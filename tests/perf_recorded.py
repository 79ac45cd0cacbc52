"""What ``perf stat -j`` writes on processors that are not here.

Made by hand, for no such machine was at hand: the lines' form is that of perf's manual page
(perf-stat(1), JSON FORMAT) and of its display of metrics (tools/perf/Documentation/topdown.txt and
the pmu-events of each processor); the numbers are invented so that every relation is easy to check.
Kinds of lines: a count, with or without a metric; a further metric of the event before; what was
not counted, with and without its metric's place (before and after Linux 6.16).
"""


def _count(event: str, value: float, running: float = 100.0, metric: str = "") -> str:
    told = f', "metric-value" : "{metric.split()[0]}", "metric-unit" : "' if metric else ""
    unit = metric.partition(" ")[2] + '"' if metric else ""
    return (
        f'{{"counter-value" : "{value:.6f}", "unit" : "", "event" : "{event}", '
        f'"event-runtime" : 25000000, "pcnt-running" : {running:.2f}{told}{unit}}}'
    )


def _more(metric: str) -> str:
    """A metric without a count of its own."""
    value, unit = metric.split(" ", 1)
    return f'{{"metric-value" : "{value}", "metric-unit" : "{unit}"}}'


# Alder Lake: the process ran on a fast core, and for 0.3 % of the time on a slow one.
HYBRID = "\n".join(
    (
        _count("cpu_core/cycles/u", 13_100_000_000, metric="3.9 GHz"),
        _count("cpu_atom/cycles/u", 18_900_000_000, 0.29, metric="2.4 GHz"),
        _count("cpu_core/instructions/u", 39_300_000_000),
        _count("cpu_atom/instructions/u", 18_900_000_000, 0.29),
        _count("cpu_core/branches/u", 1_000_000_000),
        _count("cpu_core/branch-misses/u", 10_000_000, metric="1.0 of all branches"),
        '{"counter-value" : "<not counted>", "unit" : "", "event" : "cpu_atom/branches/u", '
        '"event-runtime" : 0, "pcnt-running" : 0.00, "metric-value" : 0.0, "metric-unit" : ""}',
        '{"counter-value" : "<not counted>", "unit" : "", "event" : "cpu_atom/branch-misses/u", '
        '"event-runtime" : 0, "pcnt-running" : 0.00}',
    )
)
HYBRID_SLOTS = "\n".join(
    (
        _count("cpu_core/TOPDOWN.SLOTS/", 60_000_000, metric="20.0 %  tma_backend_bound"),
        _more("70.0 %  tma_retiring"),
        _count("cpu_core/topdown-fe-bound/", 4_800_000, metric="8.0 %  tma_frontend_bound"),
        _more("2.0 %  tma_bad_speculation"),
        _count("cpu_atom/TOPDOWN_RETIRING.ALL/", 500_000, 0.3, metric="45.0 %  tma_retiring"),
        _more("40.0 %  tma_backend_bound"),
    )
)
# Sapphire Rapids has the second level of slots, and counters of its ports for floating point.
SAPPHIRE_RAPIDS = "\n".join(
    (
        "# started on Sun Nov 29 16:00:00 2026",
        "",
        _count("cycles:u", 2_000_000),
        _count("instructions:u", 5_400_000, metric="2.7 insn per cycle"),
        _count("fp_arith_dispatched.port_0:u", 1_900_000, 49.9),
        _count("fp_arith_dispatched.port_5:u", 1_880_000, 49.9),
        _count("dtlb_load_misses.walk_completed:u", 120),
    )
)
SAPPHIRE_RAPIDS_SLOTS = "\n".join(
    (
        _count("TOPDOWN.SLOTS", 12_000_000, metric="30.0 %  tma_backend_bound"),
        _more("45.0 %  tma_retiring"),
        _more("3.0 %  tma_bad_speculation"),
        _more("22.0 %  tma_frontend_bound"),
        _count("topdown-mem-bound", 2_400_000, metric="20.0 %  tma_memory_bound"),
        _more("10.0 %  tma_core_bound"),
        _more("15.0 %  tma_fetch_bandwidth"),
        _more("7.0 %  tma_fetch_latency"),
        _more("1.0 %  tma_heavy_operations"),
        _more("44.0 %  tma_light_operations"),
        _more("2.5 %  tma_branch_mispredicts"),
        _more("0.5 %  tma_machine_clears"),
    )
)
# Zen 4: perf's name of the groups is PipelineL1 and PipelineL2.
ZEN_4 = "\n".join(
    (
        _count("cycles:u", 1_000_000),
        _count("stalled-cycles-frontend:u", 50_000, metric="5.00 frontend cycles idle"),
        _count("ls_dmnd_fills_from_sys.local_l2:u", 30_000),
        _count("ls_dmnd_fills_from_sys.dram_io_near:u", 400),
        _count("ls_l1_d_tlb_miss.all_l2_miss:u", 25),
        _count("fp_ret_sse_avx_ops.all:u", 16_000_000),
    )
)
ZEN_4_SLOTS = "\n".join(
    (
        _count("de_no_dispatch_per_slot.backend_stalls", 1_500_000, metric="25.0 %  backend_bound"),
        _count("ls_not_halted_cyc", 1_000_000, metric="5.0 %  frontend_bound"),
        _more("1.0 %  bad_speculation"),
        _more("66.0 %  retiring"),
        _more("3.0 %  smt_contention"),
        _more("21.0 %  backend_bound_memory"),
        _more("4.0 %  backend_bound_cpu"),
    )
)
# Neoverse V1: level 1 alone, in words of its own.
NEOVERSE_V1 = "\n".join(
    (
        _count("cycles:u", 4_000_000),
        _count("stalled-cycles-backend:u", 1_000_000),
        _count("dtlb_walk:u", 64),
        _count("ase_spec:u", 3_200_000),
    )
)
NEOVERSE_V1_SLOTS = "\n".join(
    (
        _count("stall_slot_backend", 8_000_000, metric="25.0 percent of slots  backend_bound"),
        _count("cpu_cycles", 4_000_000, metric="10.0 percent of slots  frontend_bound"),
        _more("64.0 percent of slots  retiring"),
        _more("1.0 percent of slots  bad_speculation"),
        _more("3.1 per cycle  ipc"),
    )
)
