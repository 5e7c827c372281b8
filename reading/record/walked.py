"""What a walk over the record found, and what a decision came to when it was decided again."""

from storage.recomputation import Recomputed
from storage.record.verification import Verified

__all__ = ["Recomputed", "Verified"]
