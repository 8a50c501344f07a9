"""Bytes of a source become entries: one parser for each format, identity, what has changed, and fetching.

Only ``fetch`` does I/O; everything else is a pure function of its arguments.
"""
