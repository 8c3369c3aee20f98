"""The parts of the manual that are written out of the tables hnas itself works with."""
