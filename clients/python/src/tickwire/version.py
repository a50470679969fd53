"""The version of this package, read by the build and by ``python -m tickwire --version``."""

__version__ = "0.2.0"
