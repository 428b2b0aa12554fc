"""What a clone's spec can say: its manifest, filters, MAC addresses and patches.

What becomes of it is in ``clone/target``.
"""
