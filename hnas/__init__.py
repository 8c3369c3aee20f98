"""hnas: a language and compiler for hierarchical neural architecture search."""
