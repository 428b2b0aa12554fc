"""One verb per file: read its flags, take one action, print its result.

Nothing else belongs here: ``actions/`` works on the cluster, ``render/`` writes the text.
"""
