"""Find and delete clone objects, and find what stays behind.

Which ones may go is judged by ``clone/removal``.
"""
