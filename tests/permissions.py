"""Let the permissions of files count for root too, who else reads and writes everything."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import pytest

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
VERSION_3 = 0x20080522
"""Of the interface of capget(2): two sets of 32 capabilities, each as three masks."""


@contextlib.contextmanager
def permissions_count() -> Iterator[None]:
    """For this thread, and what it starts, files are as readable as their modes say."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "capget"):
        pytest.skip("capabilities are Linux's")
    header, masks = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, masks) == 0
    before = masks[0]
    try:
        masks[0] = before & ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
        assert libc.capset(header, masks) == 0
        yield
    finally:
        masks[0] = before
        assert libc.capset(header, masks) == 0
