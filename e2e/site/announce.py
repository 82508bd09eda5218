"""Says on the console that a worker's Python has imported everything: the tests know by it that a standby is warm."""

print("weft-e2e: imported")
