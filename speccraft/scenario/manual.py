"""The job manual: what may be said and how, as rules that can be checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Fraction, Id, Words, measured_in, such_as
from .source import SynthesisVoice

REFUSALS = ("I cannot", "I can't", "I can not", "I am not able", "I'm not able", "I am not allowed", "I'm not allowed", "I won't", "I am unable", "I'm unable")
YES = ("yes", "yes please", "yes go ahead", "sure", "please do")
NO = ("no", "no thanks", "no leave it", "rather not", "please don't")
ORDER = {"type": "object", "required": ["intent", "drink"], "properties": {"intent": {"const": "order"}, "drink": {"enum": ["latte", "mocha"]}}}


class PlainFormat(Words):
    """Answers are plain sentences."""

    kind: Annotated[Literal["plain"], such_as("plain")]
    """`plain`: answers are sentences. This is what can be spoken aloud; a program that reads answers wants `json`."""


class JsonFormat(Words):
    """Answers are JSON objects."""

    kind: Annotated[Literal["json"], such_as("json")]
    """`json`: each answer is one JSON object. It makes answers safe to hand to a program, because each is checked against the schema."""
    schema_: Annotated[dict[str, Any], Field(alias="schema"), such_as({"type": "object", "required": ["action"], "properties": {"action": {"type": "string"}}})]
    """JSON Schema that answers satisfy. An answer that does not fit counts as a broken rule, so formats are tested like content."""


class NearMiss(Words):
    """What sounds like a case of a rule and is none."""

    user: Annotated[str, Field(min_length=1), such_as("where can I buy a {ticket}")]
    """Phrase that the rule does not hold for, however near it comes. Without such phrases a model learns to refuse or to ask at a single word."""
    assistant: Annotated[str, Field(min_length=1), such_as("At the machine beside the stairs.")]
    """Right answer to it, in which slots stand for what was said. It shows what is done where the rule does not hold."""


class ManualRule(Words):
    """When the user asks X, the assistant must do Y."""

    id: Annotated[Id, such_as("no-medical-advice")]
    """Short name of the rule, unique in the manual. Demonstrations, scores and reports name the rule they show or break by it."""
    must: Annotated[Literal["answer", "confirm", "refuse", "redirect", "format"], such_as("refuse", "confirm")]
    """What the assistant has to do. It decides how an answer is judged: a refusal is checked differently from a confirmation."""
    when: Annotated[str | None, such_as("the user asks to buy a ticket")] = None
    """The situation in plain words. People who write or review demonstrations need it; a rule without one is applied by guesswork."""
    topic: Annotated[str | None, such_as("medical advice")] = None
    """The topic that triggers the rule: a machine takes what is said to be about it where these words stand in it, one after the other. Write `examples` for
    all that is about it without saying so."""
    intent: Annotated[str | None, Field(min_length=1), such_as("buyTicket")] = None
    """Intent that triggers the rule: that of recordings, and of the phrases that `manual.phrases` lists under it. Rules then need no phrases of their own."""
    examples: Annotated[tuple[str, ...], such_as(["(can you|please) sell me [a] {ticket}"])] = ()
    """Phrases that trigger the rule, with alternatives, optional parts and slots. Demonstrations are made from them, and a text that one of them makes is
    recognised."""
    near_misses: Annotated[tuple[NearMiss, ...], such_as([{"user": "where can I buy a {ticket}", "assistant": "At the machine beside the stairs."}])] = ()
    """What sounds alike and does not trigger the rule, with its answer. A rule without them is shown from one side only, and then overdone."""
    says: Annotated[tuple[str, ...], such_as(["Shall I buy a {ticket}?"])] = ()
    """Right answers, in which slots stand for what was said. Where answers are JSON and none is written, the answer holds the intent and the slots."""
    done: Annotated[str | None, Field(min_length=1), such_as("Done: a {ticket}.")] = None
    """What is said once the user has agreed, for `confirm`. With it demonstrations go on to the end, so that a model learns to act on a yes."""
    dropped: Annotated[str | None, Field(min_length=1), such_as("All right, I have bought nothing.")] = None
    """What is said once the user has declined, for `confirm`. Without it a model only ever sees people agree."""
    pattern: Annotated[str | None, such_as("shall I buy it")] = None
    """What a right answer contains, as a regular expression. It lets a machine check the rule; without any such condition a person has to."""
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema"), such_as(ORDER)] = None
    """JSON Schema of a right answer to this rule, besides that of `manual.format`. One action often needs other fields than another."""
    one_of: Annotated[tuple[str, ...], such_as(["Please call 112.", "Please ask the staff."])] = ()
    """The only right answers, compared by their words. It suits what must not be paraphrased, such as a safety notice."""
    max_words: Annotated[int | None, Field(ge=1, le=10_000), measured_in("words"), such_as(25)] = None
    """Most words of a right answer. What is spoken cannot be skimmed, so that a limit is a matter of courtesy."""
    use: Annotated[tuple[str, ...], such_as(["emergency"])] = ()
    """Words that a right answer has, all of them and in any form of case. They are what listeners know the product's things by."""
    avoid: Annotated[tuple[str, ...], such_as(["diagnosis", "guaranteed"])] = ()
    """Words that no right answer has. One of them can be a promise that nobody meant to make."""
    severity: Annotated[Literal["block", "warn"], such_as("warn")] = "block"
    """Whether breaking the rule stops a model (`block`), or is only told (`warn`). A slip of tone should not weigh as much as medical advice."""


class RecordedOrders(Words):
    """Recordings whose intent and slots are known, to be answered by the manual."""

    source: Annotated[Id, such_as("orders")]
    """Id of a source of speech that is a table. Licence, speakers and which rows are taken are stated there, once."""
    intent: Annotated[str, Field(min_length=1), such_as("intent")] = "intent"
    """Column with the intent. The rule of that intent answers; rows that no rule is for are counted and left out."""
    slots: Annotated[str, Field(min_length=1), such_as("slots")] = "slots"
    """Column with the slots as an object, or as its JSON text. Answers hold their values, without the blanks around them."""


class Making(Words):
    """How `manual compile` makes demonstrations."""

    per_rule: Annotated[int, Field(ge=1, le=100_000), measured_in("demonstrations"), such_as(40)] = 40
    """Most demonstrations of each rule, and as many of its near misses. Ways through a phrase are drawn evenly where there are more."""
    spoken: Annotated[Fraction, such_as(0.5)] = 0.5
    """Share of them in which the user is heard, where there are voices. Both sides are needed where people may speak or type."""
    voices: Annotated[tuple[SynthesisVoice, ...], such_as([{"id": "eve", "voice": "en-us+f3"}, {"id": "adam", "voice": "en-us+m2"}])] = ()
    """Voices of espeak-ng that speak the user's turns. Where `splits.disjoint` names the speaker, no voice serves two splits."""
    recordings: Annotated[tuple[RecordedOrders, ...], such_as([{"source": "orders"}])] = ()
    """Recordings with an intent that are answered by the manual. Real people say things in ways that no phrase list foresees."""
    held_out: Annotated[dict[str, tuple[str, ...]], such_as({"ticket": ["monthly pass"]})] = {}
    """Values of slots that only test dialogues say. They show whether a model fills in what it hears, or what it has seen."""


class Manual(Words):
    """Stage 3's job manual."""

    persona: Annotated[str, such_as("the help desk of the metro, brief and friendly")] = ""
    """Who the assistant is, in a sentence. It opens each dialogue, so tone is stated once instead of drifting from one demonstration to the next."""
    format: Annotated[
        Annotated[PlainFormat | JsonFormat, Field(discriminator="kind")],
        such_as({"kind": "plain"}, {"kind": "json", "schema": {"type": "object"}}),
    ] = PlainFormat(kind="plain")
    """Shape of every answer. A product that parses answers fails on the first sentence, and one that speaks them on the first brace."""
    rules: Annotated[
        tuple[ManualRule, ...],
        such_as(
            [{"id": "confirm-purchase", "when": "the user asks to buy", "must": "confirm"}, {"id": "no-medical-advice", "topic": "medicine", "must": "refuse"}]
        ),
    ] = ()
    """What must happen when. Each rule has to be shown by demonstrations and is counted in `acceptance.model.manual`; what no rule says is not checked."""
    slots: Annotated[dict[str, tuple[str, ...]], such_as({"ticket": ["day ticket", "single ticket", "monthly pass"]})] = {}
    """Values of the slots of phrases, by the name of the slot. The words of the domain stand in one place, and every phrase knows them."""
    phrases: Annotated[dict[str, tuple[str, ...]], such_as({"buyTicket": ["[please] (sell|get) me [a] {ticket}"]})] = {}
    """Phrases by intent, for the rules that name it. Whoever knows how customers talk can write them without reading the rules."""
    refusals: Annotated[tuple[str, ...], such_as(["I cannot", "I am not allowed"])] = REFUSALS
    """Words that make an answer a refusal; those of other languages than English have to be written. `refuse` asks for them where a rule states no
    condition of its own, and `answer` forbids them."""
    yes: Annotated[tuple[str, ...], Field(min_length=3), such_as(["yes", "yes please", "sure"])] = YES
    """How users agree, in demonstrations of `confirm`. The last stands in test only and the one before in dev, so that there are three or more."""
    no: Annotated[tuple[str, ...], Field(min_length=3), such_as(["no", "no thanks", "rather not"])] = NO
    """How users decline, in demonstrations of `confirm`; shared out among the splits as `yes` is. A polite no is easily taken for a yes."""
    making: Annotated[Making, such_as({"per_rule": 40, "spoken": 0.5})] = Making()
    """How demonstrations are made of the rules by `manual compile`. How many there are, who speaks them and which recordings are answered is decided here."""

    def rule(self, id: str) -> ManualRule | None:
        """The rule of that name."""
        return next((rule for rule in self.rules if rule.id == id), None)

    def triggers(self, rule: ManualRule) -> tuple[str, ...]:
        """The phrases that trigger a rule: its own, and those of its intent."""
        return (*rule.examples, *(self.phrases.get(rule.intent, ()) if rule.intent is not None else ()))
