"""The door: the click group, flags as values, completion, Ctrl-C, one error boundary.

What a verb does with a cluster belongs in ``actions/``, what it prints in ``render/``.
"""
