"""Get trending papers in your email inbox: collect, match, compose, render, deliver."""

__version__ = "0.2.0"
