"""Figures for papers and slides, by matplotlib: trellises, cells, curves. matplotlib is imported when drawn."""
