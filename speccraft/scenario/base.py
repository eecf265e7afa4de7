"""The base of every model people write: frozen, strict, and closed to unknown keys; and the quantities that they share."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticKnownError


def such_as(*examples: Any) -> Any:
    """Examples of a field, as they are written in YAML; the first is what a diagnostic offers to paste."""
    return Field(examples=list(examples))


def measured_in(unit: str) -> Any:
    """The unit of a number, of a range, or of the numbers in a list or mapping; `unit` in the JSON Schema."""
    return Field(json_schema_extra={"unit": unit})


Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A name that is safe in files, tables and terminals: ASCII letters, digits, dot, dash, underscore."""


def _no_truth(value: Any) -> Any:
    # To pydantic `true` is the literal 1, for in Python they are equal.
    if isinstance(value, bool):
        raise PydanticKnownError("literal_error", {"expected": "1"})
    return value


FormatVersion = Annotated[Literal[1], BeforeValidator(_no_truth), measured_in("format version")]

Fraction = Annotated[float, Field(ge=0, le=1), measured_in("fraction")]
Seconds = Annotated[float, Field(gt=0), measured_in("s")]
Hours = Annotated[float, Field(ge=0), measured_in("h")]
Decibels = Annotated[float, measured_in("dB")]


class Words(BaseModel):
    """What people write: checked once at the door, then immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Band(Words):
    """A closed range of a measured quantity."""

    low: Annotated[float, measured_in("unit of the field"), such_as(5)]
    """Lowest value wanted, in the unit of the field. Below it the material is harder than the promise, and none is drawn."""
    high: Annotated[float, measured_in("unit of the field"), such_as(20)]
    """Highest value wanted, in the unit of the field. One number instead of a range would teach a single condition and hide all others."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) is above high ({self.high:g})")
        return self

    def contains(self, value: float, slack: float = 0.0) -> bool:
        """Whether a value lies in the band, widened by `slack` on both sides."""
        return self.low - slack <= value <= self.high + slack
