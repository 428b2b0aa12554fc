"""What the API server itself asks of a write: policies and webhooks of others, as stored.

Not here: KubeVirt's own webhooks, whose rules are KubeVirt's, and the checks of a schema.
"""
