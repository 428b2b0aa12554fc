"""KubeVirt: its webhooks and controllers, written from what real ones answered; no HTTP."""
