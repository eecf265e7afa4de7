"""The base of every model people write: frozen, strict, and closed to unknown keys."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A name that is safe in files, tables and terminals: ASCII letters, digits, dot, dash, underscore."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]


class Words(BaseModel):
    """What people write: checked once at the door, then immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Band(Words):
    """A closed range of a measured quantity."""

    low: float
    """Lowest value wanted, in the unit of the field."""
    high: float
    """Highest value wanted, in the unit of the field."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) is above high ({self.high:g})")
        return self

    def contains(self, value: float, slack: float = 0.0) -> bool:
        """Whether a value lies in the band, widened by `slack` on both sides."""
        return self.low - slack <= value <= self.high + slack
