"""What is to go wrong, and what that does to a request or a watch.

Not here: what is answered when all goes well, and failures of storage drivers (``kubevirt``).
"""
