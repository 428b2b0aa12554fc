"""KubeVirt's webhooks: what they fill in and what they refuse."""
