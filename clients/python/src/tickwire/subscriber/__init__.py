"""Statistics and anomalies, over any number of connections."""
