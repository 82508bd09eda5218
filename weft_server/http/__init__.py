"""The engine over HTTP: a small Starlette application behind a guard. Needs the extra ``server``."""
