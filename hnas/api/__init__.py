"""The space as an object, and the runs of searches. Re-exported by `hnas`."""
