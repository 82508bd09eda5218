"""What can be asked of an engine, one theme a file; :class:`weft_core.engine.Engine` joins them."""
