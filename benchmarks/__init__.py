"""How fast it is, against what people use without it: ``python -m benchmarks``.

Everything is measured in one run on one machine, ours and the peer in turn; nothing is asserted.
"""
