"""Bytes ↔ values of the wire: pure, bounded, without any knowledge of rooms or sockets."""
