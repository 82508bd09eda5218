"""The record of what is known about one durable function: its names, labels and code objects."""

from .compile import CODES, Plan, Root
from .lower import Label

__all__ = ["CODES", "Label", "Plan", "Root"]
