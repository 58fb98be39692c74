"""A Yjs-compatible collaboration server for live classrooms."""

__version__ = "0.1.0"
