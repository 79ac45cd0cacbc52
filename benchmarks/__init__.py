"""asv benchmarks of parconv by class of work, their history, and the comparison of two commits.

``python -m benchmarks --help`` runs them; plain ``asv run`` and ``asv publish`` work as well.
asv imports every module of this package in an environment that holds parconv's dependencies alone,
so no module imports anything else at its top.  The build makes a README.md where there is none, for
the first commits name one that they do not have.
"""
