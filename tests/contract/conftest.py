"""The servers of the sandbox's own tests."""

from tests.sandbox.conftest import serve, server

__all__ = ["serve", "server"]
