"""Frames to bytes and back: ``snapshot``, ``restore``, ``rewrite``, ``peek``; ``match`` finds places in new code."""
