"""Which ports of a host accept a connection, and which of them may."""

import socket

from suites.inspection import transport

HOST = "127.0.0.1"


def test_only_an_open_port_that_is_not_allowed_is_a_finding() -> None:
    with socket.create_server((HOST, 0)) as first, socket.create_server((HOST, 0)) as second:
        allowed, other = first.getsockname()[1], second.getsockname()[1]
        with socket.create_server((HOST, 0)) as third:
            closed = third.getsockname()[1]
        states = transport.open_ports(HOST, (allowed, other, closed))
        observations = list(transport.ports(HOST, states, frozenset({allowed})))
    assert states == {allowed: True, other: True, closed: False}
    assert [each.place for each in observations if each.is_finding] == [f"{HOST}:{other}"]
    sentences = {each.place: each.sentence for each in observations}
    assert sentences[f"{HOST}:{closed}"] == f"port {closed} of {HOST} does not accept a connection"
