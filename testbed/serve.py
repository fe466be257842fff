"""Runs one colour: the store on its API and frontend ports, and its fault switch on a socket."""

import argparse
import asyncio
import json
import logging
import socket
import time

import uvicorn

from testbed.store import app, settings
from testbed.switch import Switchboard


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m testbed.serve")
    parser.add_argument("--port", type=int, action="append", required=True)
    parser.add_argument("--control", required=True, help="path of the fault switch's socket")
    options = parser.parse_args()
    log_to_stderr()
    asyncio.run(serve(options.port, options.control))


def log_to_stderr() -> None:
    """Write warnings and errors, with the time in UTC, to standard error: the colour's log."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


async def serve(ports: list[int], control: str) -> None:
    application = app.create(settings.from_environment())
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        ws="websockets-sansio",
    )
    sockets = [listen(port) for port in ports]
    board = Switchboard()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        writer.write(json.dumps(board.handle(request)).encode() + b"\n")
        await writer.drain()
        writer.close()

    switch = await asyncio.start_unix_server(answer, control)
    async with switch:
        await uvicorn.Server(config).serve(sockets=sockets)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", port))
    return listener


if __name__ == "__main__":
    main()
