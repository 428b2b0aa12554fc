"""Who asks, what they may do, and the certificates of both sides.

Not here: what is then done, and how a refusal is worded (``storage.status``).
"""
