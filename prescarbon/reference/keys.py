"""Kinds of value in a TOML file, strict: a text is no list, "no" is no false, a quoted date is a text; whole numbers may stand for numbers."""

import re
from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar

import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from prescarbon.reference.cells import ORGANISATION

Item = TypeVar("Item")
PATTERN = re.compile(r"[0-9A-Z]{2,15}|[0-9A-Z]{4,13}%[0-9A-Z]{2}")
MOST = 10**9  # more than any count here, and within every integer column
PREFIX = re.compile(r"[0-9A-Z]{1,15}")
# a page speaks of people and of items; nobody is moved without a review
BANNED = re.compile(r"\bpatients?\b|\b(bulk|blanket|mass|wholesale)[\s-]+(switch|change|conver)", re.IGNORECASE)


class Part(BaseModel):
    """A table of a TOML file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def among(values: Sequence[str] | pl.Enum) -> AfterValidator:
    """A word of a closed list."""
    allowed = values.categories.to_list() if isinstance(values, pl.Enum) else list(values)

    def judge(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"is not one of {', '.join(allowed)}")
        return text

    return AfterValidator(judge)


def _some(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise ValueError("is empty")
    return items


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _fit_for_a_page(text: str) -> str:
    if found := BANNED.search(text):
        raise ValueError(f"is refused: {found.group()!r} may not appear on a page")
    return text


def _pattern(text: str) -> str:
    if not PATTERN.fullmatch(text):
        raise ValueError("is no BNF code, prefix or pattern like 0407010F0%AC")
    return text


def _prefix(text: str) -> str:
    if not PREFIX.fullmatch(text):
        raise ValueError("is no BNF code or beginning of one")
    return text


def _organisation(text: str) -> str:
    if not ORGANISATION.fullmatch(text):
        raise ValueError("is no code of an organisation, like K81001")
    return text


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("is no web address")
    return text


# TOML has lists and we keep tuples; the items stay strict
ListOf: TypeAlias = Annotated[tuple[Item, ...], Field(strict=False)]
FilledList: TypeAlias = Annotated[tuple[Item, ...], Field(strict=False), AfterValidator(_some)]
Filled = Annotated[str, AfterValidator(_filled)]
PageWords = Annotated[str, AfterValidator(_fit_for_a_page)]
FilledPageWords = Annotated[str, AfterValidator(_filled), AfterValidator(_fit_for_a_page)]
Pattern = Annotated[str, AfterValidator(_pattern)]
OrganisationCode = Annotated[str, AfterValidator(_organisation)]
CodePrefix = Annotated[str, AfterValidator(_prefix)]
Address = Annotated[str, AfterValidator(_address)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
AtLeastOne = Annotated[int, Field(ge=1, le=MOST)]
NotNegative = Annotated[int, Field(ge=0, le=MOST)]
