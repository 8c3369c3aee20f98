"""What the checker must know without torch: attributes of every block, cards of data sets."""
