"""KubeVirt's webhooks: what they fill in and what they refuse, word by word.

Not here: what happens to an object once it is stored (``controllers``), and schemas (``storage``).
"""
