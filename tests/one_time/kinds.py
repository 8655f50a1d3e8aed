"""Every kind of things that sign-in takes once. Those that are good for a minute alone come last."""

from __future__ import annotations

from one_time.factors import FACTORS
from one_time.grants import GRANTS
from one_time.proofs import PROOFS

KINDS = (*PROOFS, *GRANTS, *FACTORS)
