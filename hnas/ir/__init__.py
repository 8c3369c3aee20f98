"""The intermediate representation: spaces, graphs, decisions. Knows neither the language nor torch."""
