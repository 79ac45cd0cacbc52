"""asv benchmarks of parconv: time, memory and scaling over threads.

``asv run -E existing --quick --set-commit-hash $(git rev-parse HEAD)`` measures the installed
package; ``asv run`` builds an environment for each commit.
"""
