"""Where a clone is, and why it does not go on.

What is known comes in as values; ``actions/wait`` reads it.
"""
