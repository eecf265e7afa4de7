"""Everything a scenario says has an effect: each field is changed, and some plan, build, report or verdict must change with it."""

from __future__ import annotations

import copy
import hashlib
import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from consented import FORM, write_consents
from corpora_world import CORPORA, SHORTER, write_corpora
from corpus import Corpus, build_here, bytes_of, make_corpus, plan_of, word_samples
from dialogue_world import DIALOGUES, FEWER_DIALOGUES, write_dialogues
from manifest_world import FEWER, SOURCES, SUPERVISED, write_manifests
from pydantic import BaseModel
from vits_world import write_checkpoint

from speccraft.errors import SpeccraftError
from speccraft.evaluation.acceptance import judge
from speccraft.notebook import look_ahead
from speccraft.plan.show import describe
from speccraft.scenario import Scenario, load_scenario
from speccraft.scenario.advice import PENDING
from speccraft.scenario.contracts import Score

BASE: dict[str, Any] = {
    "environment__channel": {"codec": "opus", "bitrate_kbps": 24},
    "rights": {"use": ["train"], "accept": ["CC0-1.0"]},
    "quality": {"level_dbfs": {"min": -60.0, "max": 0.0}},
    "splits__given": "split",
    "splits__unseen": {"speaker": ["anna"]},
    "acceptance": {"data": {"hours": {"pretrain": 0.0001}, "speakers": 2, "environment_match": 0.5}, "model": {"wer": {"clean": 0.5}, "real_time_factor": 1.0}},
}
SOURCE = "sources__0__"
FOLDER = "sources__1__"
EVENTS: dict[str, Any] = {"sources": ["hiss"], "per_minute": {"low": 200.0, "high": 400.0}, "snr_db": {"low": 0.0, "high": 5.0}}
BANGS = {"id": "bangs", "format": "folder", "path": "rooms", "role": "noise", "licence": "CC0-1.0"}
BAND = {"codec": "band", "low_hz": 200.0, "high_hz": 3000.0}
SPOKEN = {"id": "spoken", "format": "synthesis", "licence": "CC0-1.0", "texts": ["ba"], "voices": [{"id": "eve", "voice": "en-us+f3"}]}
BY_CHECKPOINT = {"id": "spoken", "format": "tts", "path": "model", "licence": "CC0-1.0", "texts": ["ba"], "voices": [{"id": "eve"}]}
LICENSED = {"kind": "licensed", "speaker": "anna", "consent": "anna-1"}
SPEAKING: dict[str, Any] = {
    "job": {"task": "converse", "languages": ["en"], "output": ["text", "speech"], "longest_utterance_s": 5.0},
    "rights": {"use": ["train", "synthesise"], "accept": ["CC0-1.0"], "consents": "consents.yaml"},
    "voice": LICENSED,
}
PREFERRING: dict[str, Any] = {"preference": {"criteria": ["natural"]}, "training__stages": ["pretrain", "align", "prefer"]}
WITH_A_BUDGET: dict[str, Any] = {"acceptance": {"data": {"hours": {"pretrain": 9.0}}}, "budget": {"annotation_hours": 1.0, "gpu_hours": 1.0}}
MANIFEST_FIELDS: dict[str, Any] = {
    "id": "speech", "role": "noise", "stages": ["pretrain"], "licence": "MIT", "attribution": "Anna and others", "on_refusal": "exclude",
    "style": "spontaneous", "language": "en-GB", "split": "train", "path": None, "audio_folder": "words",
}  # fmt: skip
"""What is changed in a source that another toolkit's manifest describes; its path becomes that of a shorter manifest."""


def manifest(model: str, **fields: Any) -> dict[str, Any]:
    """A scenario whose speech is the corpus as a manifest of another toolkit has it."""
    source = SUPERVISED if "supervisions" in fields else SOURCES[model]
    return {"sources__0": {"id": "words", "licence": "CC0-1.0", **source, **fields}, "splits__given": None}


def manifest_mutations(model: str) -> dict[str, dict[str, Any]]:
    fields = {field: FEWER[model] if field == "path" else value for field, value in MANIFEST_FIELDS.items() if (model, field) != ("SharSource", "audio_folder")}
    changed = {f"{model}.{field}": manifest(model, **{field: value}) for field, value in fields.items()}
    as_table = {"id": "words", "format": "table", "path": "words.csv", "columns": {"audio": "path"}, "licence": "CC0-1.0"}
    return changed | {f"{model}.format": {"sources__0": as_table}, f"{model}.on_refusal": manifest(model, licence="MIT", on_refusal="exclude")}


CORPUS_FIELDS: dict[str, Any] = {
    "id": "speech", "role": "noise", "stages": ["pretrain"], "licence": "MIT", "attribution": "Anna and others", "style": "spontaneous", "language": "en-GB",
    "official_splits": False,
}  # fmt: skip
"""What is changed in a source that is a published corpus."""


def published(model: str, **fields: Any) -> dict[str, Any]:
    """A scenario whose speech is the corpus in a published layout."""
    return {"sources__0": {"id": "words", "licence": "CC0-1.0", **CORPORA[model], **fields}, "splits__given": None, "splits__unseen": {}}


def published_mutations(model: str) -> dict[str, dict[str, Any]]:
    changes = {field: published(model, **{field: value}) for field, value in {**CORPUS_FIELDS, "path": SHORTER[model]}.items()}
    other = published("LibriSpeechSource" if model == "CommonVoiceSource" else "CommonVoiceSource")
    changes |= {"format": other, "on_refusal": published(model, licence="MIT", on_refusal="exclude")}
    return {f"{model}.{field}": change for field, change in changes.items()}


DIALOGUE_FIELDS: dict[str, Any] = {
    "id": "heard", "licence": "MIT", "attribution": "Anna and others", "style": "spontaneous", "language": "en-GB", "split": "dev", "audio_folder": None,
}  # fmt: skip
"""What is changed in a source of dialogues."""


def dialogues(model: str, **fields: Any) -> dict[str, Any]:
    """A scenario that has dialogues beside its speech."""
    return {"sources__3": {**DIALOGUES[model], **fields}}


def dialogue_mutations(model: str) -> dict[str, dict[str, Any]]:
    changes = {field: dialogues(model, **{field: value}) for field, value in {**DIALOGUE_FIELDS, "path": FEWER_DIALOGUES[model]}.items()}
    other, stage = ("PreferencesSource", "align") if model == "ConversationsSource" else ("ConversationsSource", "prefer")
    changes |= {"format": dialogues(other), "on_refusal": dialogues(model, licence="MIT", on_refusal="exclude")}
    return {f"{model}.{field}": change for field, change in (changes | {"stages": dialogues(model, stages=[stage, "pretrain"])}).items()}


OFFERED = "MIT OR CC0-1.0"
"""A licence that offers a choice."""
CHOSEN: dict[str, Any] = {"licence": OFFERED, "licence_choice": "CC0-1.0"}
OWN = {
    "id": "LicenseRef-words", "text": "form.txt", "sha256": hashlib.sha256(FORM).hexdigest(), "permits": ["train"], "read_by": "J. Doe, legal",
}  # fmt: skip
"""A licence of one's own; what is changed in it is below."""
OWN_FIELDS: dict[str, Any] = {
    "id": "LicenseRef-other", "text": "words.csv", "sha256": "0" * 64, "permits": ["evaluate"], "consent": ["synthesise"], "commercial": True,
    "attribution": True, "read_by": "A. Nother",
}  # fmt: skip


def owned(**fields: Any) -> dict[str, Any]:
    """A scenario whose words are under a licence of one's own."""
    return {SOURCE + "licence": "LicenseRef-words", "rights": {"use": ["train"], "licences": [OWN | fields]}}


MUTATIONS: dict[str, dict[str, Any]] = {
    **{f"OwnLicence.{field}": owned(**{field: value}) for field, value in OWN_FIELDS.items()},
    **{f"{model}.licence_choice": dialogues(model, **CHOSEN) for model in DIALOGUES},
    **{f"{model}.licence_choice": published(model, **CHOSEN) for model in CORPORA},
    **{f"{model}.licence_choice": manifest(model, **CHOSEN) for model in SOURCES},
    "TableSource.licence_choice": {SOURCE + "licence_choice": "CC0-1.0"},
    "FolderSource.licence_choice": {FOLDER + "licence_choice": "CC0-1.0"},
    "SynthesisSource.licence_choice": {"sources__3": {**SPOKEN, **CHOSEN}},
    "TtsSource.licence_choice": {"sources__3": {**BY_CHECKPOINT, **CHOSEN}},
    "Rights.terms": {"rights__terms": ["2025-07"]},
    "Rights.territory": {"rights__territory": ["FR"]},
    **{field: change for model in DIALOGUES for field, change in dialogue_mutations(model).items()},
    "PreferencesSource.criterion": dialogues("PreferencesSource", criterion="natural"),
    **{field: change for model in CORPORA for field, change in published_mutations(model).items()},
    "WebDatasetSource.keys": published("WebDatasetSource", keys={"speaker": "nobody"}),
    "WebDatasetSource.endings": published("WebDatasetSource", endings=[".flac"]),
    "CommonVoiceSource.lists": published("CommonVoiceSource", lists=["train", "dev", "test", "validated"]),
    **{field: change for model in SOURCES for field, change in manifest_mutations(model).items()},
    "LhotseSource.supervisions": manifest("LhotseSource", supervisions=None),
    "Budget.annotation_hours": {"budget__annotation_hours": 500.0},
    "Budget.gpu_hours": {"budget__gpu_hours": 2.0},
    "NoVoice.kind": {"voice": {"kind": "none"}},
    "StockVoice.kind": {"voice": {"kind": "stock"}},
    "LicensedVoice.kind": {"voice": LICENSED},
    "LicensedVoice.speaker": {"voice": LICENSED | {"speaker": "bela"}},
    "LicensedVoice.consent": {"voice": LICENSED | {"consent": "bela-1"}},
    "Rights.consents": {"rights__consents": "others.yaml"},
    "Scenario.name": {"name": "other"},
    "Scenario.seed": {"seed": 7},
    "Scenario.roots": {"sources__0__path": "../elsewhere/words.csv", "roots": ["../elsewhere"]},
    "Transcribe.task": {"job": {"task": "converse", "languages": ["en"], "longest_utterance_s": 5.0}},
    "Transcribe.languages": {"job__languages": ["de", "en"]},
    "Transcribe.style": {"job__style": "scripted"},
    "Transcribe.longest_utterance_s": {"job__longest_utterance_s": 0.2},
    "Environment.preset": {"environment__preset": "living-room"},
    "Environment.place": {"environment__place": "elsewhere"},
    "Environment.sampling_rate": {"environment__sampling_rate": 16000},
    "Environment.snr_db": {"environment__snr_db": {"low": 10.0, "high": 20.0}},
    "Environment.rt60_s": {"environment__rt60_s": {"low": 0.1, "high": 0.35}},
    "Environment.noise": {"environment__noise": [], "environment__snr_db": None},
    "Environment.rooms": {"environment__rooms": [], "environment__rt60_s": None},
    "Environment.channel": {"environment__channel": {"codec": "none"}},
    "Environment.clean_fraction": {"environment__clean_fraction": 0.9},
    "Environment.made": {"environment__made": ["babble", "simulated-rooms"]},
    "Environment.dry": {"environment__dry": ["hiss"]},
    "Environment.distance_m": {"environment__distance_m": {"low": 1.0, "high": 3.0}},
    "Environment.level_dbfs": {"environment__level_dbfs": {"low": -40.0, "high": -30.0}},
    "Environment.clipped_fraction": {"environment__clipped_fraction": {"low": 0.0, "high": 0.02}},
    "Environment.events": {"environment__events": EVENTS},
    "Events.sources": {"environment__events__sources": ["bangs"], "sources__3": BANGS},
    "Events.per_minute": {"environment__events__per_minute": {"low": 100.0, "high": 300.0}},
    "Events.snr_db": {"environment__events__snr_db": {"low": 10.0, "high": 20.0}},
    "Band.low": {"environment__snr_db__low": 5.0},
    "Band.high": {"environment__snr_db__high": 9.0},
    "NoChannel.codec": {"environment__channel": {"codec": "none"}},
    "TelephoneChannel.codec": {"environment__channel": {"codec": "telephone"}},
    "BandChannel.codec": {"environment__channel": BAND},
    "BandChannel.low_hz": {"environment__channel": BAND | {"low_hz": 500.0}},
    "BandChannel.high_hz": {"environment__channel": BAND | {"high_hz": 2000.0}},
    "CodedChannel.codec": {"environment__channel__codec": "mp3"},
    "CodedChannel.bitrate_kbps": {"environment__channel__bitrate_kbps": 8},
    "Rights.use": {"rights__use": ["train", "clone"]},
    "Rights.accept": {"rights__accept": ["MIT"]},
    "Rights.commercial": {"rights": {"accept": [], "commercial": True}, SOURCE + "licence": "CC-BY-NC-4.0"},
    "Preference.method": {"preference__method": "kto"},
    "Preference.automatic_pairs": {"preference__automatic_pairs": 0.0},
    "Privacy.pseudonyms": {"privacy": {"pseudonyms": False}},
    "Privacy.pseudonym_key": {"privacy": {"pseudonym_key": "pseudonyms.key"}},
    "Privacy.pii": {"privacy": {"pii": "drop"}},
    "Segmentation.detector": {"segmentation": {"detector": "webrtc"}},
    "Segmentation.aggressiveness": {"segmentation": {"detector": "webrtc", "aggressiveness": 3}},
    "Segmentation.keep_pause_s": {"segmentation__keep_pause_s": 0.0},
    "Segmentation.untranscribed": {"segmentation__untranscribed": "pretrain"},
    **{
        f"Quality.{measure}": {"quality": {measure: {"max": limit}}}
        for measure, limit in {
            "duration_s": 0.1, "level_dbfs": -90.0, "clipped_fraction": -1.0, "speech_share": 0.01, "snr_db": -50.0, "characters_per_s": 0.1,
            "syllables_per_s": 0.1, "peak_dbfs": -90.0, "dc_offset": -0.5, "zero_fraction": -1.0, "dropouts": -1.0, "leading_silence_s": -1.0,
            "trailing_silence_s": -1.0, "longest_pause_s": -1.0, "loudness_lufs": -90.0, "bandwidth_hz": 10.0, "f0_median_hz": 61.0,
            "f0_range_semitones": -1.0, "reverberation_s": -1.0,
        }.items()
    },
    "Quality.duplicates": {"quality__duplicates": "exact"},
    "Quality.measure": {"quality__measure": ["bandwidth_hz"]},
    "Rule.min": {"quality__level_dbfs__min": -1.0},
    "Rule.max": {"quality__level_dbfs__max": -50.0},
    "Rule.max_drop": {"quality__level_dbfs": {"max": -50.0, "max_drop": 0.1}},
    "Splits.dev": {"splits__dev": 0.4},
    "Splits.test": {"splits__given": None, "splits__unseen": {}, "splits__test": 0.5},
    "Splits.disjoint": {"splits__disjoint": ["recording"]},
    "Splits.given": {"splits__given": None},
    "Splits.unseen": {"splits__unseen": {"speaker": ["bela"]}},
    "Splits.stratify": {"splits__stratify": ["session"]},
    "Training.recipe": {"training": {"recipe": "tiny-cpu"}},
    "Training.stages": {"training": {"stages": ["pretrain"]}},
    "DataAcceptance.hours": {"acceptance__data__hours": {"pretrain": 9.0}},
    "DataAcceptance.speakers": {"acceptance__data__speakers": 99},
    "DataAcceptance.environment_match": {"acceptance__data__environment_match": 1.0},
    "ModelAcceptance.wer": {"acceptance__model__wer": {"clean": 0.01}},
    "ModelAcceptance.real_time_factor": {"acceptance__model__real_time_factor": 0.001},
    "TableSource.id": {SOURCE + "id": "speech"},
    "TableSource.role": {SOURCE + "role": "noise"},
    "TableSource.stages": {SOURCE + "stages": ["pretrain"]},
    "TableSource.licence": {SOURCE + "licence": "MIT"},
    "TableSource.attribution": {SOURCE + "attribution": "Anna and others"},
    "TableSource.on_refusal": {SOURCE + "licence": "MIT", SOURCE + "on_refusal": "exclude"},
    "TableSource.style": {SOURCE + "style": "spontaneous"},
    "TableSource.language": {SOURCE + "language": "en-GB"},
    "TableSource.format": {SOURCE[:-2]: {"id": "words", "format": "folder", "path": "words", "licence": "CC0-1.0"}},
    "TableSource.path": {SOURCE + "path": "fewer.csv"},
    "TableSource.columns": {SOURCE + "columns": {"audio": "path", "text": "text"}},
    "TableSource.where": {SOURCE + "where": {"speaker": ["anna", "bela", "cleo"]}},
    "Columns.audio": {SOURCE + "columns__audio": "speaker"},
    **{f"Columns.{field}": {SOURCE + f"columns__{field}": None} for field in ("text", "speaker", "session")},
    "Columns.groups": {SOURCE + "columns__groups": ["session"]},
    "Columns.licence": {SOURCE + "columns__licence": "speaker"},
    "Columns.attribution": {SOURCE + "columns__attribution": "speaker"},
    "Columns.language": {SOURCE + "columns__language": "speaker"},
    "Columns.duration": {SOURCE + "columns__duration": "length_s"},
    **{f"Columns.{field}": {SOURCE + f"columns__{field}": f"{field}_at"} for field in ("start", "end", "channel")},
    "FolderSource.id": {FOLDER + "id": "hush", "environment__noise": ["hush"]},
    "FolderSource.role": {FOLDER + "role": "speech", "environment__noise": [], "environment__snr_db": None},
    "FolderSource.licence": {FOLDER + "licence": None},
    "FolderSource.attribution": {FOLDER + "attribution": "Somebody"},
    "FolderSource.on_refusal": {FOLDER + "licence": "MIT", FOLDER + "on_refusal": "exclude"},
    "FolderSource.format": {FOLDER[:-2]: {**SPOKEN, "id": "hiss", "role": "noise"}},
    "FolderSource.path": {FOLDER + "path": "rooms"},
    "FolderSource.endings": {FOLDER + "endings": [".flac"]},
    **{
        f"FolderSource.{field}": {SOURCE[:-2]: {"id": "words", "format": "folder", "path": "spoken", "speaker_folder": 1, "licence": "CC0-1.0", field: value}}
        for field, value in {"stages": ["pretrain"], "style": "spontaneous", "language": "en-GB", "speaker_folder": 1}.items()
    },
    "FolderSource.pattern": {
        SOURCE[:-2]: {"id": "words", "format": "folder", "path": "spoken", "pattern": "{speaker}/*", "licence": "CC0-1.0"}, "splits__given": None,
    },
    **{
        f"SynthesisSource.{field}": {"sources__3": {**SPOKEN, field: value}}
        for field, value in {
            "id": "said", "role": "noise", "stages": ["pretrain"], "licence": "MIT", "style": "spontaneous", "language": "en-GB",
            "format": "synthesis", "voices": [{"id": "eve", "voice": "en-us+m1"}], "texts": ["ba", "di"], "takes": 2,
        }.items()
    },
    "SynthesisSource.attribution": {"sources__3": {**SPOKEN, "attribution": "Somebody"}},
    "SynthesisSource.on_refusal": {"sources__3": {**SPOKEN, "licence": "MIT", "on_refusal": "exclude"}},
    **{
        f"SynthesisVoice.{field}": {"sources__3": {**SPOKEN, "voices": [{**SPOKEN["voices"][0], field: value}]}}
        for field, value in {"id": "adam", "voice": "en-us+m2", "words_per_minute": 300, "pitch": 90}.items()
    },
    **{
        f"TtsSource.{field}": {"sources__3": {**BY_CHECKPOINT, field: value}}
        for field, value in {
            "id": "said", "role": "noise", "stages": ["pretrain"], "licence": "MIT", "attribution": "Somebody", "style": "spontaneous", "language": "en-GB",
            "path": "other-model", "texts": ["ba", "di"], "takes": 2,
        }.items()
    },
    "TtsSource.format": {"sources__3": SPOKEN},
    "TtsSource.on_refusal": {"sources__3": {**BY_CHECKPOINT, "licence": "MIT", "on_refusal": "exclude"}},
    **{
        f"TtsVoice.{field}": {"sources__3": {**BY_CHECKPOINT, "voices": [{**BY_CHECKPOINT["voices"][0], field: value}]}}
        for field, value in {"id": "adam", "speaker": 1, "speaking_rate": 1.5}.items()
    },
}  # fmt: skip
"""For every field, a change of the base scenario that changes it."""
WITHOUT_SPEAKERS: dict[str, Any] = {"splits__unseen": {}, "acceptance__data__speakers": None}
"""What a scenario has to leave out where no source says who speaks."""
BASES: dict[str, dict[str, Any]] = {
    **{f"OwnLicence.{field}": owned() for field in OWN_FIELDS},
    **{f"{model}.licence_choice": dialogues(model, licence=OFFERED) for model in DIALOGUES},
    **{f"{model}.licence_choice": published(model, licence=OFFERED) for model in CORPORA},
    **{f"{model}.licence_choice": manifest(model, licence=OFFERED) for model in SOURCES},
    "TableSource.licence_choice": {SOURCE + "licence": OFFERED},
    "FolderSource.licence_choice": {FOLDER + "licence": OFFERED},
    "SynthesisSource.licence_choice": {"sources__3": {**SPOKEN, "licence": OFFERED}},
    "TtsSource.licence_choice": {"sources__3": {**BY_CHECKPOINT, "licence": OFFERED}},
    "Privacy.pii": {"sources__0__path": "personal.csv"},
    **dict.fromkeys(("Preference.method", "Preference.automatic_pairs"), PREFERRING),
    **{field: dialogues(model) for model in DIALOGUES for field in dialogue_mutations(model)},
    **{f"{model}.on_refusal": dialogues(model, licence="MIT") for model in DIALOGUES},
    "PreferencesSource.criterion": dialogues("PreferencesSource"),
    **{field: published(model) for model in CORPORA for field in published_mutations(model)},
    **{f"{model}.on_refusal": published(model, licence="MIT") for model in CORPORA},
    **{f"WebDatasetSource.{field}": published("WebDatasetSource") for field in ("keys", "endings")},
    "CommonVoiceSource.lists": published("CommonVoiceSource"),
    **{field: manifest(model) for model in SOURCES for field in manifest_mutations(model)},
    **{f"{model}.on_refusal": manifest(model, licence="MIT") for model in SOURCES},
    "LhotseSource.supervisions": manifest("LhotseSource", supervisions=SUPERVISED["supervisions"]),
    **dict.fromkeys(("Budget.annotation_hours", "Budget.gpu_hours"), WITH_A_BUDGET),
    **dict.fromkeys(("NoVoice.kind", "StockVoice.kind", "LicensedVoice.speaker", "LicensedVoice.consent"), SPEAKING),
    **dict.fromkeys(("Rights.consents", "Rights.terms", "Rights.territory"), SPEAKING),
    "LicensedVoice.kind": SPEAKING | {"voice": {"kind": "stock"}},
    "TableSource.on_refusal": {SOURCE + "licence": "MIT"},
    "FolderSource.on_refusal": {FOLDER + "licence": "MIT"},
    "SynthesisSource.on_refusal": {"sources__3": {**SPOKEN, "licence": "MIT"}},
    "TtsSource.on_refusal": {"sources__3": {**BY_CHECKPOINT, "licence": "MIT"}},
    "Rights.commercial": {"rights": {"accept": []}, SOURCE + "licence": "CC-BY-NC-4.0"},
    "Rule.max_drop": {"quality__level_dbfs": {"max": -50.0}},
    "Environment.preset": {"environment__preset": "cafe", "environment__snr_db": None},
    **{f"Events.{field}": {"environment__events": EVENTS} for field in ("per_minute", "snr_db")},
    "Events.sources": {"environment__events": EVENTS, "environment__noise": ["hiss", "bangs"], "sources__3": BANGS},
    **{f"BandChannel.{field}": {"environment__channel": BAND} for field in ("low_hz", "high_hz")},
    "Scenario.roots": {"sources__0__path": "../elsewhere/words.csv"},
    "Columns.duration": {SOURCE + "path": "timed.csv"},
    "Quality.duplicates": {SOURCE + "path": "copied.csv"},
    "Splits.stratify": {SOURCE + "columns__groups": ["session"]},
    **{f"Columns.{field}": {SOURCE + "path": "parts.csv"} for field in ("start", "end", "channel")},
    "Segmentation.aggressiveness": {"segmentation": {"detector": "webrtc", "aggressiveness": 0}},
    "Segmentation.untranscribed": {SOURCE + "columns__text": None},
    **{
        name: {SOURCE[:-2]: {"id": "words", "format": "folder", "path": "spoken", "speaker_folder": 1, "licence": "CC0-1.0"}, "splits__given": None}
        for name in MUTATIONS if name in {"FolderSource.stages", "FolderSource.style", "FolderSource.language"}
    },
    **{
        f"FolderSource.{field}": {
            SOURCE[:-2]: {"id": "words", "format": "folder", "path": "spoken", "licence": "CC0-1.0"}, "splits__given": None, **WITHOUT_SPEAKERS,
        }
        for field in ("speaker_folder", "pattern")
    },
    **dict.fromkeys(("Columns.speaker", "TableSource.columns"), WITHOUT_SPEAKERS),
    **{
        name: {"sources__3": SPOKEN}
        for name in MUTATIONS
        if name.startswith(("SynthesisSource.", "SynthesisVoice.")) and not name.endswith((".on_refusal", ".format", ".licence_choice"))
    },
    **{
        name: {"sources__3": BY_CHECKPOINT}
        for name in MUTATIONS
        if name.startswith(("TtsSource.", "TtsVoice.")) and not name.endswith((".on_refusal", ".licence_choice"))
    },
}  # fmt: skip
"""Where a field shows its effect only beside another, what both scenarios have."""
WITH_BANDS = {"snr_db", "rt60_s", "channel", "events", "per_minute", "distance_m", "level_dbfs", "clipped_fraction"}
"""Fields that hold a model and are changed as a whole."""
OF_THE_MANUAL = {"Manual", "PlainFormat", "JsonFormat", "ManualRule", "NearMiss", "Making", "RecordedOrders"}
"""What these change is compiled and judged: tests/manual/test_manual_fields.py."""
PENDING_FIELDS = {"ModelAcceptance.manual": "acceptance.model.manual", "Preference.criteria": "preference.criteria"}
FIXED = {"Scenario.speccraft", "Transcribe.input", "Transcribe.output", "ConversationsSource.role", "PreferencesSource.role"}
"""Fields with one allowed value."""
LIKE_TRANSCRIBE = {"Converse.task", "Converse.languages", "Converse.style", "Converse.longest_utterance_s"}
WITH_CONVERSING = {"Converse.input", "Converse.output"}
"""What a conversation may take and give comes with the job manual, like `job.task: converse` itself (a note says so)."""


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model a type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, tuple, dict, Annotated):
        for argument in get_args(annotation):
            yield from models_in(argument)


def all_fields(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """`Model.field` for everything a scenario can say; a field that only holds other models stands for them."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        inner = list(models_in(field.annotation))
        if not inner or name in WITH_BANDS or model.__name__ in ("Quality", "TableSource", "SynthesisSource"):
            yield f"{model.__name__}.{name}"
        for other in inner:
            yield from all_fields(other, seen)


def effects(corpus: Corpus, overrides: dict[str, Any]) -> dict[str, Any]:
    """What a scenario does, without the text and digest of the scenario itself."""
    additions = {key: value for key, value in overrides.items() if key.count("__") == 1 and key.startswith("sources__")}
    wanted = {**BASE, **{key: value for key, value in overrides.items() if key not in additions}}
    corpus.write_scenario(**copy.deepcopy({key: value for key, value in wanted.items() if value is not None or key not in BASE}))
    if additions:
        document = json.loads(corpus.scenario.read_text())
        for key, value in additions.items():
            at = int(key.split("__")[1])
            document["sources"][at : at + 1] = [value]
        corpus.scenario.write_text(json.dumps(document, indent=1))
    try:
        scenario = load_scenario(corpus.scenario).scenario
        rows = [Score(metric=metric, condition="clean", group="all", value=0.3, low=0.2, high=0.4, n=50) for metric in ("wer", "real_time_factor")]
        verdict = judge(scenario.acceptance.model, rows, {"all": 50}).model_dump()
        made = plan_of(corpus)
        built = build_here(corpus).artefact
    except SpeccraftError as error:
        return {"stopped": error.message, "findings": [finding.message for finding in error.findings]}
    files = {name: content for name, content in bytes_of(built.path).items() if name not in ("BUILD.json", "report.html", "report.json", "README.md")}
    report = json.loads((built.path / "report.json").read_bytes())
    report["scenario"].pop("sha256", None)
    report["scenario"].pop("digest", None)
    return {"plan": describe(look_ahead(made, corpus.workspace, workers=1)), "files": files, "report": report, "verdict": verdict}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The tiny corpus, with official splits, a shorter table, a table elsewhere, and speech in folders with transcripts."""
    corpus = make_corpus(tmp_path_factory.mktemp("world") / "corpus")
    corpus.write_rows([row | {"split": "test" if row["speaker"] == "emil" else ""} for row in corpus.rows])
    table = (corpus.folder / "words.csv").read_text()
    head, *lines = table.splitlines()
    (corpus.folder / "timed.csv").write_text("\n".join([head + ",length_s", *(line + ",3.5" for line in lines)]) + "\n")
    (corpus.folder / "parts.csv").write_text("\n".join([head + ",start_at,end_at,channel_at", *(line + ",0.15,0.6,0" for line in lines)]) + "\n")
    corpus.add_file("copies/quiet.wav", 0.5 * word_samples("ba"))
    (corpus.folder / "copied.csv").write_text("\n".join([head, *lines, lines[0].replace("words/anna-ba", "copies/quiet")]) + "\n")
    (corpus.folder / "personal.csv").write_text(table.replace(",ba,", ",write to ba@example.org,"))
    (corpus.folder / "pseudonyms.key").write_text("a secret of this test alone")
    (corpus.folder / "fewer.csv").write_text("\n".join(table.splitlines()[:-3]) + "\n")
    write_consents(corpus.folder, {"id": "anna-1", "speaker": "anna", "uses": ["train", "synthesise", "clone"], "territory": ["CH"]})
    elsewhere = corpus.folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "words.csv").write_text(table)
    (elsewhere / "words").symlink_to(corpus.folder / "words")
    for row in corpus.rows:
        source = corpus.folder / row["path"]
        target = corpus.folder / "spoken" / row["speaker"] / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.with_suffix(".txt").write_text(row["text"])
        source.with_suffix(".txt").write_text(row["text"])
    write_manifests(corpus)
    write_corpora(corpus)
    write_dialogues(corpus)
    for number, name in enumerate(("model", "other-model")):
        write_checkpoint(corpus.folder / name, seed=number)
    return corpus


def test_every_field_is_changed_here_or_says_that_it_has_no_effect_yet():
    fields = {name for name in all_fields(Scenario, set()) if name.split(".")[0] not in OF_THE_MANUAL}
    assert fields - set(PENDING_FIELDS) - FIXED - LIKE_TRANSCRIBE - WITH_CONVERSING == set(MUTATIONS)


def test_what_has_no_effect_yet_is_what_check_says():
    assert {".".join(map(str, where)) for where in PENDING} == set(PENDING_FIELDS.values())


@pytest.mark.slow
@pytest.mark.parametrize("field", MUTATIONS)
def test_a_changed_field_changes_what_happens(field: str, world: Corpus):
    before = effects(world, BASES.get(field, {}))
    assert effects(world, {**BASES.get(field, {}), **MUTATIONS[field]}) != before


@pytest.mark.slow
def test_the_same_scenario_again_changes_nothing(world: Corpus):
    assert effects(world, {}) == effects(world, {})
