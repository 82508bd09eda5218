"""The build-time cache of compiled functions: ``freeze`` writes it, ``stored`` finds it, ``thaw`` reads it."""
