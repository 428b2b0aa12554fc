"""Documents that say what is served: discovery, OpenAPI, version and health.

Not here: objects, and the rules of their schemas (``storage``).
"""
