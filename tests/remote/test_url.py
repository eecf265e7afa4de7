"""Addresses: what is one, what is refused without being repeated, which keys may be files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.errors import WrongUsage
from speccraft.remote.url import Url, fault_in, key_fault, looks_remote, same_file_names, url_of


@pytest.mark.parametrize("written", ["s3://bucket/a/b", Path("s3://bucket/a/b"), "S3://bucket/a/b/", "s3:/bucket/a/b"])
def test_an_address_is_known_as_text_and_as_the_path_that_a_command_line_makes_of_it(written: str | Path) -> None:
    assert str(url_of(written)) == "s3://bucket/a/b"


@pytest.mark.parametrize("written", [None, "a/b", "/a", "../a", "C:/a", "a b:/c", "", ".", Path("/s3/x")])
def test_a_path_is_no_address(written: str | Path | None) -> None:
    assert url_of(written) is None
    assert not looks_remote(written)


SECRET = "hushhush"
REFUSED = [
    f"s3://user:{SECRET}@bucket/x", f"s3://{SECRET}@bucket", f"abfs://a:{SECRET}@b/x", f"az://box/x?sig={SECRET}", f"s3://bucket/x#{SECRET}",
    f"https://user:{SECRET}@example.org", f"file:///{SECRET}", f"simplecache::s3://bucket/{SECRET}", f"memory://{SECRET}", "s3://", "s3:///",
    f"s3://bucket/../{SECRET}", f"s3://bucket/a\\{SECRET}", f"s3://bucket/\x07{SECRET}",
]  # fmt: skip


@pytest.mark.parametrize("written", REFUSED)
def test_an_address_that_is_not_allowed_is_refused_and_not_repeated(written: str) -> None:
    assert fault_in(written)
    with pytest.raises(WrongUsage) as caught:
        url_of(written)
    assert SECRET not in str(caught.value)


def test_azure_may_name_its_account() -> None:
    assert str(url_of("abfs://box@account.dfs.core.windows.net/x")) == "abfs://box@account.dfs.core.windows.net/x"


def test_what_lies_below_a_prefix_ends_at_its_slash() -> None:
    root = Url("s3", "bucket/a")
    assert (root / "b").below(root) == "b"
    assert root.below(root) == ""
    assert Url("s3", "bucket/ab").below(root) is None
    assert Url("gs", "bucket/a/b").below(root) is None
    assert (Url("s3", "bucket").parent, root.parent) == (Url("s3", "bucket"), Url("s3", "bucket"))


@given(st.text(st.sampled_from("ab./\\:\x00\né?*~ "), max_size=30))
def test_a_key_without_fault_stays_below_its_folder(key: str) -> None:
    if not key_fault(key):
        folder = Path("/mirror/files")
        path = folder / key
        assert path.is_relative_to(folder)
        assert path.relative_to(folder).as_posix() == key
        assert ".." not in path.parts


@given(st.text(max_size=20))
def test_keys_that_some_disk_takes_for_one_share_their_name(key: str) -> None:
    import unicodedata

    assert same_file_names(key) == same_file_names(unicodedata.normalize("NFD", key)) == same_file_names(same_file_names(key))
