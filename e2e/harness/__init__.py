"""What the real-browser tests stand on: a server that can die, a browser that can be killed, and talking pages."""
