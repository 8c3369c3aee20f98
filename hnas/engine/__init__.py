"""What search and training share: run folder, checkpoints, the loop, metrics, settings."""
