"""Text: values in, strings out; nothing here asks a cluster or decides what is true."""
