"""Ticks to the server, each applied once, over any number of connections."""
