"""Documents that say what is served: discovery and OpenAPI."""
