"""The command line: `collab-server serve`, `config show`, `config check`, `documents show`, `rooms top`,
`version`.

Owns flags and what is printed. Everything a command does is elsewhere.
"""

from collab_server.cli.commands import main

__all__ = ["main"]
