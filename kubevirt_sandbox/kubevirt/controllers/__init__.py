"""KubeVirt's controllers and the storage driver's: what they observe and what they write.

Not here: refusals, which are the webhooks' (``admission``), and the loop that runs controllers.
"""
