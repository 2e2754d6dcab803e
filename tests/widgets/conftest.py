"""What the tests of forms share: questions of a sandbox, and a server that follows a script."""

from tests.client.conftest import client, fake_time, make_client, question, run_json, server
from tests.widgets.asking import asking, box

__all__ = ["asking", "box", "client", "fake_time", "make_client", "question", "run_json", "server"]
