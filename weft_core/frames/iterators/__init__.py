"""Iterators with a position that a checkpoint can hold: Python's (``basic``, ``composed``), stand-ins for itertools."""
