"""The machine code of the kernels: what its loops are made of, and how fast they can go.

Start reading at `listing.py` (from text to loops); `study.py` puts everything together.
"""
