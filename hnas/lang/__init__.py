"""The language: text to syntax tree to space."""
