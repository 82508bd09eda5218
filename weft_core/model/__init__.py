"""The nouns: durations, policies, limits, operations, messages, run states."""
