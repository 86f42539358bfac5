"""What is true whatever the protocol."""
