"""The door: the click group, flags as values, completion, Ctrl-C, one error boundary.

Work on a cluster belongs in ``actions/``, text for users in ``render/``.
"""
