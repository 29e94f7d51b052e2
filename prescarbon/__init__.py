"""prescarbon: kg CO2e and £ for every inhaler and medicine, by practice, with an honest interval."""

__version__ = "0.1.0"
