"""The files that a business has on record."""

import pytest

from runkit.errors import NotFound
from runkit.server import sandbox


def test_documents_of_a_business() -> None:
    """Those that the sandbox has on file are listed, and each can be read by its id."""
    with sandbox() as box, box.client() as client:
        found = client.documents.list(box.business("tin_mismatch"))
        assert [client.documents.get(item.id) for item in found] == list(found)
        assert "irs_letter" in {item.document_type for item in found}
        assert all(item.size and item.created_at and item.filename for item in found)
        with pytest.raises(NotFound):
            client.documents.list("unknown")
        with pytest.raises(NotFound):
            client.documents.get("unknown")
