"""What any Kubernetes client needs: kubeconfig, credentials, requests, lists and watches.

Never a word of KubeVirt.
"""
