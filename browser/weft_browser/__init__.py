"""Weft in a browser: the parts that need ``js`` (storage bridge, clock, loop), and the builder of a static site."""
