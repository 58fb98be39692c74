"""`python -m collab_server.cli`, for where the script is not on the path."""

from collab_server.cli.commands import main

main()
