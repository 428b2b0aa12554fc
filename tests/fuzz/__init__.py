"""Hostile and half-written input from every side: no traceback, no control character, no hang."""
