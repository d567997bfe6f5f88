"""Rendered heads: faces of nobody, with known expressions, from a parametric head."""

from mien.data.render.head import Head, read_head
from mien.data.render.making import render_dataset, render_heads

__all__ = ["Head", "read_head", "render_dataset", "render_heads"]
