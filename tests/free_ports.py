"""Ports of this machine that nobody listens on."""

import contextlib
import socket


def free_ports(count):
    """Returns as many different ones; all are held until the last is found."""
    listeners = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in listeners]
    for each in listeners:
        each.close()
    return ports


def free_addresses(count):
    """Returns as many as host:port."""
    return [f"localhost:{port}" for port in free_ports(count)]


def adjoining_port():
    """Returns one whose next is free, too."""
    for port in free_ports(50):
        with contextlib.suppress(OSError), socket.create_server(("localhost", port + 1)):
            return port
    raise AssertionError("no two adjoining ports are free")
