"""Functions of Python, callable from outside: arguments in, a reply out."""

from backstay.dialects.call.functions import Functions

__all__ = ["Functions"]
