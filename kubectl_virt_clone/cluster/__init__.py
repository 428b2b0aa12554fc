"""I/O with a cluster: sessions, typed verbs, watches; all of it as plain dicts, no judgement."""
