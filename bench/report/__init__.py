"""The results as a page that stands alone, and its pictures as files."""

from .page import write

__all__ = ["write"]
