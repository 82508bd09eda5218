"""The wire's methods: what each asks of the engine, one theme a file and a table in each."""
