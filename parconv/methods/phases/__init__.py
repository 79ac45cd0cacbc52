"""Transposed layers, whose phases are layers, around the methods of layers: see `kernel`.

What is computed, and by which of them, `parconv.transposed` decides.
"""
