"""What generated code calls; ``helpers`` has the table."""
