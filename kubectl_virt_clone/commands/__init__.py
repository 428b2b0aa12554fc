"""One verb per file: options in, one or two calls, one rendered value; no logic lives here."""
