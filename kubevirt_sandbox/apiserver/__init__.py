"""HTTP: connections, URLs, content types and documents; what a verb does is ``storage/``'s."""
