"""Passes: space to graph, graph to graph."""
