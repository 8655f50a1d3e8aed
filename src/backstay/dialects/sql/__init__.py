"""What SQL databases share: a Plan as SQLAlchemy expressions, and these as a Statement.

``sources`` is the ground (parameters, aliases, rules); on it stand, one on the other, ``filters``, ``relations`` (what
joins rows), ``groups`` (aggregates) and ``emission``.
"""

from backstay.dialects.sql.emission import Emission, Labelled
from backstay.dialects.sql.filters import TEXT, shallow, unavailable

__all__ = ["TEXT", "Emission", "Labelled", "shallow", "unavailable"]
