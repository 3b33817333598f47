"""The results as pictures, by matplotlib."""

from .draw import charts, png, svg

__all__ = ["charts", "png", "svg"]
