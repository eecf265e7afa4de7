"""Consent records: who allows which uses of their voice, from when until when, and what proves it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from .acceptance import Country, Sha256, Use
from .base import Id, Words

Day = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
"""A day as YYYY-MM-DD (ISO 8601), in UTC; days compare as text."""


class Consent(Words):
    """What one speaker allows."""

    id: Annotated[Id, Field(examples=["nora-2026"])]
    """Name of the record. `voice.consent` in a scenario refers to it."""
    speaker: Annotated[Id, Field(examples=["nora"])]
    """Whose voice it is about. A record speaks for nobody else."""
    uses: Annotated[tuple[Use, ...], Field(min_length=1, examples=[["train", "clone"]])]
    """What the speaker allows. A use that is not listed is refused."""
    since: Annotated[Day, Field(alias="from", examples=["2026-01-01"])]
    """First day that it holds. Before it, every use is refused."""
    until: Annotated[Day | None, Field(examples=["2028-12-31"])] = None
    """Last day that it holds; left out, it holds until it is withdrawn. After it, every use is refused."""
    territory: Annotated[tuple[Country, ...], Field(examples=[["CH", "DE"]])] = ()
    """ISO 3166-1 codes of the countries that it holds in; empty for all. A product that goes elsewhere (`rights.territory`) is refused."""
    adult: Annotated[bool, Field(examples=[True])]
    """Whether the speaker is of age. A minor's own consent is refused; who may consent for a child is not for a file to say."""
    terms: Annotated[str, Field(min_length=1, examples=["2026-01"])]
    """Version of the form that was signed. `rights.terms` can say which versions still count."""
    evidence: Annotated[str, Field(min_length=1, examples=["consent-nora.txt"])]
    """The document that proves it, relative to this file. A record without a document is refused."""
    evidence_sha256: Annotated[Sha256, Field(examples=["0" * 64])]
    """SHA-256 of that document, in hexadecimal. A document that was changed later proves nothing."""

    @model_validator(mode="after")
    def _holds_on_some_day(self) -> Consent:
        for day in filter(None, (self.since, self.until)):
            try:
                date.fromisoformat(day)
            except ValueError:
                raise ValueError(f"there is no day {day}") from None
        if self.until is not None and self.until < self.since:
            raise ValueError(f"until ({self.until}) is before from ({self.since})")
        return self


class Consents(Words):
    """The consents file that `rights.consents` names."""

    consents: Annotated[tuple[Consent, ...], Field(examples=[[]])]
    """Every record. One counts once the consent log holds it as it stands here, and until its speaker withdraws."""

    @model_validator(mode="after")
    def _has_one_record_per_id(self) -> Consents:
        ids = [one.id for one in self.consents]
        if twice := sorted({id for id in ids if ids.count(id) > 1}):
            raise ValueError(f"two of the consents are called {', '.join(twice)}")
        return self
