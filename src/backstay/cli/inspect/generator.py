"""sqlacodegen's generator of models, made to write what Python can read again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlacodegen.generators import DeclarativeGenerator


class Models(DeclarativeGenerator):
    """Writes models."""

    def render_index(self, index: sa.Index) -> str:
        """An index, whose expressions and condition are SQL text, and not taken for Python."""
        self.add_literal_import("sqlalchemy", "text")
        parts = [repr(index.name), *[_spell(expression) for expression in index.expressions]]
        parts += [
            f"{name}={_spell(value)}" for name, value in sorted(index.kwargs.items()) if value not in (None, [], {})
        ]
        if index.unique:
            parts.append("unique=True")
        return f"Index({', '.join(parts)})"


def _spell(value: Any) -> str:
    if isinstance(value, sa.Column):
        return repr(value.name)
    return f"text({str(value)!r})" if isinstance(value, sa.ClauseElement) else repr(value)
