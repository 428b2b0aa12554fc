"""HTTP: connections, URLs, content types, tables and patches.

Not here: what a verb does to stored objects (``storage``), and anything of KubeVirt.
"""
