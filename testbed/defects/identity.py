"""Defects of who may do what."""


async def any_password(password: str, stored: bytes) -> bool:
    return bool(password or stored)
