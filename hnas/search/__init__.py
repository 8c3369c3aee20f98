"""Relaxation, bilevel search, decoding."""
