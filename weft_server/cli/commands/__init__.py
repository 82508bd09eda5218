"""What can be typed: the commands' words and options, one theme a file."""
