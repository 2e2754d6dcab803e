"""What holds a key, and how the key is taken out of what others say."""

import copy
import inspect
import pickle

import pytest

from runkit.secret import Secret
from tests.secrets.canary import CANARY, ODD, PLAIN, found_in


@pytest.mark.parametrize("key", [CANARY, ODD, PLAIN, "completed", "x"])
def test_stars_stand_in_its_place(key: str) -> None:
    """Wherever the key stands as it is, and nothing else is touched."""
    assert Secret(key).redact(f"1: {key}, 2: {key}!") == "1: ***, 2: ***!"
    assert Secret(key).redact("12: 3!") == "12: 3!"


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_not_copied_or_pickled(leave: object) -> None:
    """It does not leave the process with an object that holds it."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        leave(Secret(CANARY))  # type: ignore[operator]


def test_nothing_that_shows_an_object_shows_it() -> None:
    """Neither repr, str, format nor a list that holds it; a call of `reveal` gives it."""
    secret = Secret(CANARY)
    assert not found_in(f"{secret} {secret!r} {[secret]} {secret:}")
    assert secret.reveal() == CANARY
    members = [value for name, value in inspect.getmembers(secret) if name != "_value"]
    assert not found_in(repr(members))
