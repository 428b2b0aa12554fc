"""KubeVirt as clients of the API see it: its webhooks, its controllers and a storage driver.

Not here: HTTP and what every API server does. It is written from what real ones answered.
"""
