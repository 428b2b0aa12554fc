"""What a verb does with a cluster: here KubeVirt's rules of ``clone/`` meet the requests.

No flag is read here, and no text is written for a terminal.
"""
