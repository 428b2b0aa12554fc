"""State: objects, their versions, and the verbs on them with an API server's semantics; no HTTP."""
