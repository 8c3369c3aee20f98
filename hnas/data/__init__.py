"""Data sets, transforms, and endless batches that can be resumed."""
