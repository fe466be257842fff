"""The balancer's control endpoint: the guide's ``POST /config`` over HAProxy's runtime socket."""

import argparse
import asyncio
import json
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed import balancer
from testbed.defects import control

MAX_BODY = 1024


def shares_of(raw: bytes) -> dict[str, float]:
    """The shares in a body: of both colours, in whole percents, with the sum 1.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(body, dict) or set(body) != set(balancer.COLOURS):
        raise ValueError('the body must be {"blue": share, "green": share}')
    for share in body.values():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ValueError("a share is a number from 0 to 1")
        if abs(share * 100 - round(share * 100)) > 1e-6:  # noqa: PLR2004 - float noise
            raise ValueError("a share is a whole percentage")
    if abs(sum(body.values()) - 1) > 1e-6:  # noqa: PLR2004 - float noise
        raise ValueError("the shares must add up to 1")
    return {colour: float(body[colour]) for colour in balancer.COLOURS}


def create(runtime_socket: Path) -> Starlette:
    """The control application of one balancer."""

    async def change(request: Request) -> Response:
        raw = await request.body()
        try:
            shares = shares_of(raw[: MAX_BODY + 1])
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        try:
            done = await asyncio.to_thread(control.of(runtime_socket).move, runtime_socket, shares)
        except (OSError, balancer.BalancerError) as error:
            return JSONResponse({"error": str(error)}, 502)
        return JSONResponse(done)

    async def show(_: Request) -> Response:
        try:
            shares = await asyncio.to_thread(control.of(runtime_socket).read, runtime_socket)
        except (OSError, balancer.BalancerError) as error:
            return JSONResponse({"error": str(error)}, 502)
        return JSONResponse(shares)

    return Starlette(
        routes=[
            Route("/config", change, methods=["POST"]),
            Route("/config", show, methods=["GET"]),
        ]
    )


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m testbed.control")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    options = parser.parse_args()
    uvicorn.run(
        create(options.socket),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
