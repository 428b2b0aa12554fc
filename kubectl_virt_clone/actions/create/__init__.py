"""Create clones, once each however often the command runs, and the snapshot that several share.

Whether a clone can work is judged by ``clone/checks``.
"""
