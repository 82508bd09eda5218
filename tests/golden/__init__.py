"""Exports of stores that released versions have written: today's code must open them and finish their runs.

``python -m tests.golden.make`` writes the one of the current format; it is committed once, when a format is released,
and never made again. ``parked.py`` is the program whose runs are in it: it never changes.
"""
