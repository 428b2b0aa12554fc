"""KubeVirt's controllers, and the storage driver's: what they observe and what they write."""
