"""The torch half: primitives, architecture parameters, lowering."""
