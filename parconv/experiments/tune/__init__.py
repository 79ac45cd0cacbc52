"""``parconv tune``: which strategy, threads, bands, layer and limits are fastest for a workload."""
