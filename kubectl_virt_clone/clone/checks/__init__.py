"""Whether a clone can work, judged before it is created: facts in, findings out.

One module for each family of rules; the facts are read by ``actions/check``.
"""
