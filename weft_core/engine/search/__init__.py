"""Finding runs by their index rows, and keeping those rows true."""
