"""A wait as it goes on: a frame that redraws on a terminal, a line per change elsewhere.

``clone/`` decides what is true of a clone.
"""
