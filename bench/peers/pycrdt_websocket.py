"""pycrdt-websocket's server as shipped, as an ASGI application on Hypercorn. No store."""

from __future__ import annotations

import argparse
import asyncio
from typing import cast

import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework
from pycrdt.websocket import ASGIServer, WebsocketServer


async def run(port: int) -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = None
    config.errorlog = None
    config.backlog = 1024
    async with WebsocketServer() as websocket_server:
        application = cast(ASGIFramework, ASGIServer(websocket_server))
        await serve(application, config, shutdown_trigger=asyncio.Event().wait)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(run(parser.parse_args().port))


if __name__ == "__main__":
    main()
