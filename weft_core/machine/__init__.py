"""The pure half of the engine: one message for one run in, writes and effects out. No clock, no store, no await."""
