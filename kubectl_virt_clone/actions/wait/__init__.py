"""Follow clones until each has reached its goal, or never can.

What a state means is judged by ``clone/progress``.
"""
