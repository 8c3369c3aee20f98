"""Figures for papers and slides, by matplotlib: trellises, cells, curves. It is imported when drawn."""
