"""What is to go wrong, and what that does to a request or a watch."""
