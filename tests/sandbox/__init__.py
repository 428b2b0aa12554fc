"""Tests of the sandbox, in process: what it answers against what KubeVirt was recorded to."""
