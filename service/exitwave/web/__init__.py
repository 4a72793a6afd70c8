"""The dashboard: figures built in Python, static ES modules, no build step."""

from .routes import add_dashboard

__all__ = ["add_dashboard"]
