"""A wait as it goes on: a frame that redraws on a terminal, a line per change elsewhere.

What is true of a clone is decided in ``clone/``.
"""
