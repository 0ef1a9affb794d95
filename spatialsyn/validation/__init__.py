"""Numbers of other programs and of papers, computed again: how many digits agree?"""

from spatialsyn.validation.compare import Validation, validate

__all__ = ["Validation", "validate"]
