"""Durable functions: suspended coroutines that can be stored and resumed."""
