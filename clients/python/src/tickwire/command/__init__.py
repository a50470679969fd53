"""``python -m tickwire``: what a server has, in a terminal."""
