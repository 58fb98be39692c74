"""How connections reach the server: one port, WebSocket and HTTP."""
