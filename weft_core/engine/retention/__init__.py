"""What leaves a store: purged runs, runs that a retention lets go of, spent keys; in bounded batches."""
