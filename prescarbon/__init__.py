"""Prescribing carbon, by practice, with an honest interval. In Python: `from prescarbon import open_store`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prescarbon.door import open_store

__version__ = "0.1.0"
__all__ = ["__version__", "open_store"]


def __getattr__(name: str) -> Any:
    """`open_store`, imported when it is asked for: the commands need the version alone, and polars takes time to load."""
    if name == "open_store":
        from prescarbon.door import open_store

        return open_store
    raise AttributeError(f"module 'prescarbon' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What a notebook offers after the dot."""
    return sorted({*globals(), *__all__})
