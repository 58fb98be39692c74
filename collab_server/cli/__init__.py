"""The command line: `collab-server serve`, `config show`, `config check`, `documents show`, `version`.

Owns flags and what is printed. Everything a command does is elsewhere.
"""

from collab_server.cli.commands import main

__all__ = ["main"]
