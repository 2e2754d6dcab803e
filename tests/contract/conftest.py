"""The servers of the sandbox's own tests."""

from tests.sandbox.conftest import serve, shared

__all__ = ["serve", "shared"]
