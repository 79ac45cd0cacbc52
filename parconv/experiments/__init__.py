"""Measurements of the library and of the machine: the core imports none of them."""
