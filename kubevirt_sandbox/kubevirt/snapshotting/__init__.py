"""What a snapshot of a VM is made of: the lock on its source, and the content with its data.

Not here: when it is taken, and what it says of itself (``controllers.snapshots``).
"""
