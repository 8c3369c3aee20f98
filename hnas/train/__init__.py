"""Training of a final network, and what it is used for: measuring and predicting."""
