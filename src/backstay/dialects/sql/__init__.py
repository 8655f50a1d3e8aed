"""What SQL databases share: a Plan as SQLAlchemy expressions, and these as a Statement.

``sources`` is the ground (parameters, aliases, rules), ``filters`` stands on it, ``emission`` on both.
"""

from backstay.dialects.sql.emission import Emission, Labelled
from backstay.dialects.sql.filters import TEXT, shallow, unavailable

__all__ = ["TEXT", "Emission", "Labelled", "shallow", "unavailable"]
