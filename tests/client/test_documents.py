"""The files that a business has on record."""

from collections.abc import Callable

import pytest

from runkit.client import Client
from runkit.errors import NotFound, UsageError
from runkit.objects import Document
from runkit.server import sandbox
from tests.client.conftest import Answer, Server


def test_documents_of_a_business() -> None:
    """Those that the sandbox has on file are listed, and each can be read by its id."""
    with sandbox() as box, box.client() as client:
        found = client.documents.list(box.business("tin_mismatch"))
        assert [client.documents.get(one.id) for one in found] == list(found)
        assert "irs_letter" in {one.document_type for one in found}
        assert all(one.size and one.created_at and one.filename for one in found)
        with pytest.raises(NotFound):
            client.documents.list("unknown")
        with pytest.raises(NotFound):
            client.documents.get("unknown")


def test_only_the_id_is_required(server: Server, client: Client) -> None:
    """What the API leaves out reads as None, and what is new in it is kept."""
    server.say(Answer({"id": "doc-1", "pages": 3}))
    document = client.documents.get("doc-1")
    assert (document.document_type, document.size, document.created_at) == (None, None, None)
    assert document.to_dict()["pages"] == 3
    assert server.lines == ["GET /documents/doc-1"]


def test_repr_keeps_names_and_addresses_back() -> None:
    """Neither the file's name, which may be somebody's, nor the signed URL is shown."""
    told = {"id": "doc-1", "document_type": "irs_letter", "filename": "Jane Doe.pdf"}
    document = Document.from_json({**told, "download_url": "https://example.com/?signature=s3cret"})
    assert repr(document) == "Document(id='doc-1', document_type='irs_letter')"


@pytest.mark.parametrize("ask", [lambda client: client.documents.list, lambda client: client.documents.get])
def test_an_id_is_asked_for(client: Client, server: Server, ask: Callable[[Client], Callable]) -> None:
    """An empty id would be another address; nothing is sent."""
    with pytest.raises(UsageError):
        ask(client)("")
    assert server.asked == []
