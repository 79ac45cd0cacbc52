"""Who computes it, and on what: arrays, outputs, threads."""
