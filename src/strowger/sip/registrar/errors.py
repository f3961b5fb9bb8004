"""The errors of the registrar room. A REGISTER that is refused is none of them: that is an outcome.

RegistrarError
└── BindingUnreadable     ours: stored bindings that this version cannot decode
"""

from __future__ import annotations


class RegistrarError(Exception):
    """Root of the room."""


class BindingUnreadable(RegistrarError, ValueError):
    """Stored bindings that cannot be decoded; the phone will register again."""
