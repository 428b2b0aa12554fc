"""Text: values in, strings out. Every verb's words for people and its formats belong here.

Nothing here asks a cluster or decides what is true.
"""
