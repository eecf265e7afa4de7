"""Splits: what hangs together stays together, and every split gets its share."""

from __future__ import annotations

import random
from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.errors import SpeccraftError
from speccraft.plan import splits as splitter
from speccraft.plan.bridges import Member
from speccraft.plan.members import shared_values, table_of
from speccraft.plan.splits import Assignment
from speccraft.scenario.quality import Splits

AXES = ("recording", "speaker", "session", "audio", "text")
VALUE = st.none() | st.sampled_from([f"v{number}" for number in range(12)])


def assign(members: list[Member], splits: Splits, seed: int) -> Assignment:
    return splitter.assign(table_of(members), splits, seed)


@st.composite
def members_of_any_kind(draw: st.DrawFn) -> list[Member]:
    count = draw(st.integers(0, 30))
    seconds = st.integers(1, 240).map(lambda eighths: eighths / 8)
    return [
        Member(
            f"m{number}",
            draw(seconds),
            {"recording": f"m{number}"} | {axis: draw(VALUE) for axis in AXES[1:]},
            given=draw(st.none() | st.sampled_from(["train", "dev", "test"])),
        )
        for number in range(count)
    ]


def without_official(members: list[Member]) -> list[Member]:
    return [Member(member.id, member.seconds, member.values) for member in members]


def speakers(count: int, seconds: float = 1.0, takes: int = 4) -> list[Member]:
    return [
        Member(f"s{number:03d}-{take}", seconds, {"recording": f"s{number:03d}-{take}", "speaker": f"s{number:03d}"})
        for number in range(count)
        for take in range(takes)
    ]


def value_of(member: Member, axis: str) -> str | None:
    """What ties a member to others on an axis: those of whom nobody knows who speaks may all be of one person."""
    return member.values.get(axis) or ("nobody known" if axis == "speaker" else None)


def groups_of(members: list[Member], axes: tuple[str, ...]) -> list[set[str]]:
    """Connected components, found the slow way: merge until nothing changes."""
    groups = [({member.id}, {(axis, value) for axis in axes if (value := value_of(member, axis)) is not None}) for member in members]
    merged = True
    while merged:
        merged = False
        for one in range(len(groups)):
            for other in range(one + 1, len(groups)):
                if groups[one][1] & groups[other][1]:
                    groups[one] = (groups[one][0] | groups[other][0], groups[one][1] | groups[other][1])
                    del groups[other]
                    merged = True
                    break
            if merged:
                break
    return [ids for ids, _ in groups]


def assign_or_none(members: list[Member], splits: Splits, seed: int = 0) -> Assignment | None:
    try:
        return assign(members, splits, seed)
    except SpeccraftError:
        return None


@given(
    members=members_of_any_kind(),
    axes=st.lists(st.sampled_from(AXES), min_size=1, unique=True),
    unseen=st.lists(st.sampled_from(["v0", "v1"])),
    seed=st.integers(0, 5),
)
def test_no_value_of_a_declared_axis_stands_in_two_splits(members: list[Member], axes: list[str], unseen: list[str], seed: int) -> None:
    splits = Splits(disjoint=tuple(axes), unseen={"speaker": tuple(unseen)})
    assignment = assign_or_none(members, splits, seed)
    if assignment is None:
        return
    assert set(assignment.split) | set(assignment.bridges) == {member.id for member in members}
    assert not set(assignment.split) & set(assignment.bridges)
    assert not {member.id for member in members if member.given is not None or member.id in assignment.unseen} & set(assignment.bridges)
    members = [member for member in members if member.id not in assignment.bridges]
    for axis in axes:
        where: dict[str, set[str]] = defaultdict(set)
        for member in members:
            if (value := value_of(member, axis)) is not None:
                where[value].add(assignment.split[member.id])
        assert all(len(places) == 1 for places in where.values())
        table = table_of(members)
        assert shared_values(table.with_columns(split=pl.Series([assignment.split[id] for id in table["id"]], dtype=pl.String)), axis)[1] == []
    for member in members:
        if member.values["speaker"] in unseen:
            assert assignment.split[member.id] == "test"
            assert member.id in assignment.unseen
    assert all(member.values["speaker"] in unseen for member in members if member.id in assignment.unseen)


@given(members=members_of_any_kind(), axes=st.lists(st.sampled_from(AXES), min_size=1, unique=True))
def test_a_contradiction_of_the_official_splits_raises_and_nothing_else_does(members: list[Member], axes: list[str]) -> None:
    official = {member.id: member.given for member in members}
    contradicted = any(len({official[id] for id in group} - {None}) > 1 for group in groups_of(members, tuple(axes)))
    try:
        assignment = assign(members, Splits(disjoint=tuple(axes)), 0)
    except SpeccraftError as error:
        wanted = "contradict" if contradicted else "nothing is left to train on"
        if wanted not in error.message:
            raise
    else:
        assert not contradicted
        for member in (member for member in members if member.id not in assignment.bridges):
            # Where no recording is officially dev, official training recordings may serve as dev, and only as that.
            allowed = {None: {"train", "dev", "test"}, "train": {"train"} if "dev" in official.values() else {"train", "dev"}}.get(member.given, {member.given})
            assert assignment.split[member.id] in allowed


@given(members=members_of_any_kind(), seed=st.integers(0, 9), shuffled=st.randoms(use_true_random=False))
def test_the_order_of_recordings_says_nothing(members: list[Member], seed: int, shuffled: random.Random) -> None:
    other = sorted(members, key=lambda _: shuffled.random())
    one, two = (assign_or_none(without_official(some), Splits(disjoint=("speaker", "session")), seed) for some in (members, other))
    assert (one and (one.split, one.bridges)) == (two and (two.split, two.bridges))


@given(members=members_of_any_kind(), dev=st.floats(0.05, 0.4), test=st.floats(0.05, 0.4), seed=st.integers(0, 9))
def test_three_groups_fill_three_splits(members: list[Member], dev: float, test: float, seed: int) -> None:
    members = without_official(members)
    if len(groups_of(members, ("speaker",))) < 3:
        return
    assert set(assign(members, Splits(dev=dev, test=test, disjoint=("speaker",)), seed).split.values()) == {"train", "dev", "test"}


@given(official=st.lists(st.sampled_from(["train", None]), min_size=3, max_size=9), seed=st.integers(0, 9))
def test_recordings_without_an_official_split_fill_test_where_no_recording_is_officially_in_it(official: list[str | None], seed: int) -> None:
    members = [Member(str(number), 1.0, {"recording": str(number)}, given=given) for number, given in enumerate(official)]
    chosen = set(assign(members, Splits(disjoint=("recording",)), seed).split.values())
    assert "train" in chosen
    assert "dev" in chosen
    assert ("test" in chosen) == (None in official)


def test_recordings_of_nobody_known_go_wholly_to_one_split_unless_speakers_may_be_shared() -> None:
    strangers = [Member(f"x{number}", 1.0, {"recording": f"x{number}"}) for number in range(40)]
    apart = assign([*speakers(20), *strangers], Splits(), 0)
    assert len({apart.split[one.id] for one in strangers}) == 1
    assert set(apart.split.values()) == {"train", "dev", "test"}
    assert any("nobody knows who speaks in 40 of 120 recordings" in note for note in apart.notes)
    shared = assign([*speakers(20), *strangers], Splits(disjoint=("recording", "session")), 0)
    assert {shared.split[one.id] for one in strangers} == {"train", "dev", "test"}
    assert not any("nobody knows" in note for note in shared.notes)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25])
def test_shares_are_about_as_declared(share: float) -> None:
    members = [Member(f"{number}-{take}", 1 + number % 7, {"speaker": str(number)}) for number in range(200) for take in range(3)]
    assignment = assign(members, Splits(dev=share, test=share, disjoint=("speaker",)), 0)
    total = sum(member.seconds for member in members)
    for split in ("dev", "test"):
        seconds = sum(member.seconds for member in members if assignment.split[member.id] == split)
        assert seconds / total == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_a_new_speaker_moves_few_of_the_others(seed: int) -> None:
    splits = Splits(disjoint=("speaker",))
    before = assign(speakers(100), splits, seed).split
    after = assign([*speakers(100), Member("new", 4.0, {"speaker": "new"})], splits, seed).split
    moved = {id.split("-")[0] for id in before if before[id] != after[id]}
    assert len(moved) <= 2


def test_another_seed_chooses_others() -> None:
    one, two = (assign(speakers(30), Splits(disjoint=("speaker",)), seed).split for seed in (0, 1))
    assert one != two


def test_a_huge_speaker_does_not_leave_dev_empty() -> None:
    members = [Member("huge", 1000.0, {"speaker": "a"}), Member("one", 1.0, {"speaker": "b"}), Member("two", 1.0, {"speaker": "c"})]
    for seed in range(10):
        chosen = assign(members, Splits(disjoint=("speaker",)), seed).split
        assert chosen["huge"] == "train"
        assert {chosen["one"], chosen["two"]} == {"dev", "test"}


def test_two_speakers_give_train_and_test_and_a_note_about_dev() -> None:
    assignment = assign(speakers(2), Splits(disjoint=("speaker",)), 0)
    assert set(assignment.split.values()) == {"train", "test"}
    assert any(note.startswith("dev is empty") for note in assignment.notes)


def test_one_speaker_trains_and_the_notes_say_what_is_missing() -> None:
    assignment = assign(speakers(1), Splits(disjoint=("speaker",)), 0)
    assert set(assignment.split.values()) == {"train"}
    assert len(assignment.notes) == 2


def test_a_share_of_nothing_leaves_a_split_empty_without_a_note() -> None:
    assignment = assign(speakers(5), Splits(dev=0.0, disjoint=("speaker",)), 0)
    assert set(assignment.split.values()) == {"train", "test"}
    assert assignment.notes == []


def test_no_recordings_get_no_splits() -> None:
    assert assign([], Splits(), 0).split == {}


def test_unseen_goes_wholly_to_test_whatever_the_official_split_says() -> None:
    members = [Member(f"{speaker}{take}", 1.0, {"recording": f"{speaker}{take}", "speaker": speaker}, given="train") for speaker in "abcd" for take in range(3)]
    assignment = assign(members, Splits(disjoint=("recording",), unseen={"speaker": ("c",)}), 0)
    assert {id for id, split in assignment.split.items() if id.startswith("c")} == assignment.unseen == {"c0", "c1", "c2"}
    assert all(assignment.split[id] == "test" for id in assignment.unseen)


def test_what_hangs_on_an_unseen_speaker_goes_to_test_but_is_not_called_unseen() -> None:
    members = [
        Member("theo", 1.0, {"speaker": "theo", "session": "duet"}),
        Member("ann", 1.0, {"speaker": "ann", "session": "duet"}),
        Member("bob", 1.0, {"speaker": "bob", "session": "solo"}),
    ]
    assignment = assign(members, Splits(disjoint=("session",), unseen={"speaker": ("theo",)}), 0)
    assert assignment.split["ann"] == "test"
    assert assignment.unseen == {"theo"}


def test_a_contradiction_names_axis_value_and_both_splits() -> None:
    members = [Member("a", 1.0, {"speaker": "ann"}, given="train"), Member("b", 1.0, {"speaker": "ann"}, given="test")]
    with pytest.raises(SpeccraftError, match=r"test, train.*speaker 'ann'") as caught:
        assign(members, Splits(disjoint=("speaker",)), 0)
    assert "splits.disjoint" in caught.value.try_this


def guests(**fields: str) -> list[Member]:
    """Ten speakers of ten recordings in sessions of their own; one recording of each speaker but the last was made in the next one's session."""
    return [
        Member(f"s{speaker}-{take}", 1.0, {"speaker": f"s{speaker}", "session": f"at{speaker + (take == 0 and speaker < 9)}"} | fields)
        for speaker in range(10)
        for take in range(10)
    ]


def test_the_few_recordings_that_tie_everything_together_are_dropped_and_named() -> None:
    assignment = assign(guests(), Splits(disjoint=("speaker", "session")), 0)
    assert 1 <= len(assignment.bridges) <= 3
    assert all(id.endswith("-0") and axis == "session" for id, (axis, _) in assignment.bridges.items())
    assert set(assignment.split.values()) == {"train", "dev", "test"}
    assert assignment.notes == [
        f"{len(assignment.bridges)} of 100 recordings are dropped because their session ties together what is to stand in different splits"
    ]


def test_nothing_is_dropped_where_the_axes_ask_for_more_than_the_data_can_give() -> None:
    members = [Member(f"s{speaker}-{word}", 1.0, {"speaker": f"s{speaker}", "text": word}) for speaker in range(6) for word in "abcdefghij"]
    assignment = assign(members, Splits(disjoint=("speaker", "text")), 0)
    assert assignment.bridges == {}
    assert set(assignment.split.values()) == {"train"}


def test_what_hangs_on_an_unseen_speaker_by_few_recordings_does_not_take_everything_to_test() -> None:
    assignment = assign(guests(), Splits(disjoint=("speaker", "session"), unseen={"speaker": ("s4",)}), 0)
    assert all(assignment.split[f"s4-{take}"] == "test" for take in range(10))
    assert {split for id, split in assignment.split.items() if id.startswith("s9")} <= {"train", "dev", "test"}
    assert "train" in assignment.split.values()


def test_an_official_recording_is_no_bridge() -> None:
    members = [Member(member.id, member.seconds, member.values, given="test" if member.id.endswith("-0") else None) for member in guests()]
    assert assign(guests(), Splits(disjoint=("speaker", "session")), 0).bridges
    with pytest.raises(SpeccraftError, match="nothing is left to train on"):
        assign(members, Splits(disjoint=("speaker", "session")), 0)


def test_an_unseen_speaker_who_is_not_there_is_said() -> None:
    assert assign(speakers(5), Splits(disjoint=("speaker",), unseen={"speaker": ("zoe",)}), 0).notes[0] == "no recording of the unseen speaker 'zoe' is kept"


def test_nothing_is_dropped_where_neither_dev_nor_test_is_wanted() -> None:
    members = [Member(member.id, 0.1 + number / 7, member.values) for number, member in enumerate(guests())]
    assert assign(members, Splits(dev=0.0, test=0.0, disjoint=("speaker", "session")), 0).bridges == {}


STRATIFIED = Splits(dev=0.1, test=0.1, disjoint=("speaker",), stratify=("accent",))


@st.composite
def speakers_of_strata(draw: st.DrawFn) -> list[Member]:
    """Speakers of one to three recordings; all of a speaker's are of one stratum."""
    sizes = draw(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.integers(1, 80), min_size=1, max_size=3)), max_size=60))
    return [
        Member(f"s{speaker}-{take}", seconds / 8, {"speaker": f"s{speaker}"}, stratum=f"accent={accent}")
        for speaker, (accent, takes) in enumerate(sizes)
        for take, seconds in enumerate(takes)
    ]


@given(members=speakers_of_strata(), dev=st.floats(0, 0.4), test=st.floats(0, 0.4), seed=st.integers(0, 9))
def test_a_stratum_gives_dev_and_test_no_more_than_its_share_and_half_a_speaker(members: list[Member], dev: float, test: float, seed: int) -> None:
    splits = Splits(dev=dev, test=test, disjoint=("speaker",), stratify=("accent",))
    assignment = assign_or_none(members, splits, seed)
    if assignment is None:
        return
    spoken: dict[tuple[str, str, str], float] = defaultdict(float)
    for member in members:
        assert assignment.split[member.id] == assignment.split[f"{member.values['speaker']}-0"]
        spoken[assignment.split[member.id], str(member.stratum), str(member.values["speaker"])] += member.seconds
    for split, share in (("dev", dev), ("test", test)):
        taken = {key: seconds for key, seconds in spoken.items() if key[0] == split}
        for stratum in {key[1] for key in taken}:
            own = [seconds for key, seconds in taken.items() if key[1] == stratum]
            total = sum(seconds for key, seconds in spoken.items() if key[1] == stratum)
            # Where nobody is small enough, somebody is there all the same: an empty test set would show nothing.
            assert sum(own) <= share * total + max(own) / 2 + 1e-9 or len(taken) == 1


def test_every_stratum_is_in_dev_and_test_at_about_its_share_where_speakers_allow() -> None:
    rng = random.Random(0)
    members = [
        Member(f"s{speaker}-{take}", rng.uniform(1, 9), {"speaker": f"s{speaker}"}, stratum="accent=" + ("rare" if speaker % 10 == 0 else "common"))
        for speaker in range(400)
        for take in range(3)
    ]
    for split, share, seed in ((split, 0.1, seed) for split in ("dev", "test") for seed in range(5)):
        found = assign(members, STRATIFIED, seed).split
        for accent in ("rare", "common"):
            own = [member for member in members if member.stratum == f"accent={accent}"]
            part = sum(member.seconds for member in own if found[member.id] == split) / sum(member.seconds for member in own)
            assert part == pytest.approx(share, abs=0.02)


def test_a_stratum_of_one_huge_speaker_stays_in_training() -> None:
    small = [Member(f"s{number}", 1.0, {"speaker": f"s{number}"}, stratum="accent=common") for number in range(50)]
    found = assign([*small, Member("huge", 500.0, {"speaker": "huge"}, stratum="accent=rare")], STRATIFIED, 0).split
    assert found["huge"] == "train"
    assert {split: sum(one == split for id, one in found.items() if id != "huge") for split in ("dev", "test")} == {"dev": 5, "test": 5}


@given(members=members_of_any_kind(), seed=st.integers(0, 5))
def test_one_stratum_for_all_is_as_none(members: list[Member], seed: int) -> None:
    together = [Member(member.id, member.seconds, member.values, member.given, "accent=not stated") for member in members]
    one, two = (assign_or_none(some, Splits(disjoint=("speaker", "session")), seed) for some in (members, together))
    assert (one and one.split) == (two and two.split)


def test_a_new_speaker_moves_few_of_the_others_in_strata_too() -> None:
    members = [Member(member.id, member.seconds, member.values, stratum=f"accent={int(member.id[1:4]) % 4}") for member in speakers(200)]
    before = assign(members, STRATIFIED, 0).split
    after = assign([*members, Member("new", 4.0, {"speaker": "new"}, stratum="accent=1")], STRATIFIED, 0).split
    assert len({id.split("-")[0] for id in before if before[id] != after[id]}) <= 2
    assert all(before[id] == after[id] for id in before if int(id[1:4]) % 4 != 1)
