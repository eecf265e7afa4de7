"""Groups hang together directly or through others, and are named by their first."""

from __future__ import annotations

from speccraft.plan.groups import groups


def test_recordings_hang_together_through_dialogues() -> None:
    assert groups([["c", "b"], ["d"], ["b", "a"], []]) == {"a": "a", "b": "a", "c": "a", "d": "d"}
