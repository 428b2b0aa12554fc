"""What a namespace sets a limit to, whoever writes: quotas.

Not here: what is wrong with a single object (``storage.checks``), or what webhooks refuse.
"""
