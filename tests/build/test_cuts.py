"""Cuts: named by what they are, valid for Lhotse, complete for the trainer."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from speccraft.build.cuts import cut_id, cut_of, transcript_demonstration
from speccraft.scenario.contracts import CutCustom, Demonstration

ROW = {
    "cut": "words-0123456789abcdef", "source": "words", "speaker": "anna", "session": None, "stages": ["pretrain", "align"], "style": "scripted",
    "licence": "CC0-1.0", "unit": "words/00000", "unseen": True, "num_samples": 4001, "text": "ba", "language": "en",
    "groups": '{"gender": "female"}',
}  # fmt: skip
part = st.tuples(st.text(), st.text(), st.text(), st.integers(0), st.integers(1))


@given(one=part, other=part)
def test_cut_ids_are_equal_only_for_equal_cuts(one: tuple, other: tuple) -> None:
    clean = [tuple(str(value).replace("\0", "") for value in some[:3]) + some[3:] for some in (one, other)]
    assert (cut_id(*clean[0]) == cut_id(*clean[1])) == (clean[0] == clean[1])


def test_a_cut_is_what_lhotse_and_the_contract_read() -> None:
    from lhotse.serialization import deserialize_item

    line = cut_of(ROW, 8000, None)
    cut = deserialize_item(line)
    assert (cut.id, cut.num_samples, cut.sampling_rate, cut.supervisions[0].text, cut.supervisions[0].speaker) == (ROW["cut"], 4001, 8000, "ba", "anna")
    custom = CutCustom.model_validate_json(json.dumps(line["custom"]))
    assert line["custom"].keys() == CutCustom.model_fields.keys()
    assert custom.groups == {"gender": "female"}
    assert (custom.unseen, custom.stages, custom.unit, custom.place) == (True, ("pretrain", "align"), "words/00000", None)


def test_a_demonstration_asks_for_the_cut_and_answers_with_its_words() -> None:
    demonstration = Demonstration.model_validate_json(json.dumps(transcript_demonstration(ROW, "dev")))
    asked, answer = demonstration.messages
    assert [part.cut for part in asked.content if part.type == "audio"] == [ROW["cut"]]
    assert [part.text for part in answer.content] == ["ba"]
    assert (asked.role, answer.role, demonstration.split) == ("user", "assistant", "dev")
