"""The sandbox in which templates are rendered: values and items of mappings, no attributes, hardly any calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import FunctionLoader, select_autoescape
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment

_OPEN: Final = (LoopContext, TemplateReference)
_CALLABLE: Final = (BlockReference, Macro)


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment whose templates reach the values they are given, and nothing behind them.

    A dot reads an item of a mapping. Attributes are open on Jinja's own ``loop`` and ``self`` alone, and only blocks
    and macros can be called; filters do what methods would.

    Arguments:
        load: gives a template by its name, as Jinja's ``FunctionLoader`` asks for it.
    """

    def __init__(self, load: Callable[[str], tuple[str, str | None, Callable[[], bool]] | None]) -> None:
        super().__init__(
            loader=FunctionLoader(load),
            autoescape=select_autoescape(("html",), default_for_string=True),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.globals.clear()

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute`` in a template."""
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may read an attribute."""
        return isinstance(obj, _OPEN) and super().is_safe_attribute(obj, attr, value)

    def is_safe_callable(self, obj: Any) -> bool:
        """Whether a template may call something."""
        return isinstance(obj, _CALLABLE)
