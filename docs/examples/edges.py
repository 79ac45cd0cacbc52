"""
Edges of a photograph
=====================

x
"""

import numpy as np

import parconv

f = np.zeros((10, 10), np.float32)
slope = parconv.sobel(f, 0)
