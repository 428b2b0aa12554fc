"""The objects a sandbox starts with."""
