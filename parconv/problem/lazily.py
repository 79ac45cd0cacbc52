"""Attributes that are computed when somebody first asks for them."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class _Lazy(Generic[T]):
    """A descriptor that the instance's own attribute hides from the first use on."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function, self.__doc__ = function, function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "_Lazy[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "_Lazy[T] | T":
        if instance is None:
            return self
        value = self._function(instance)
        # Of several threads that computed it at once, all take the first one's.
        return instance.__dict__.setdefault(self._name, value)  # type: ignore[no-any-return]


def lazily(function: Callable[[Any], T]) -> _Lazy[T]:
    """`functools.cached_property` as Python 3.12 has it, without the lock of 3.11.

    That lock is one for all instances of the class: a thread that compiles for one keeps others
    from all, and a child forked meanwhile finds it locked for ever.

    Examples
    --------
    >>> from parconv.problem.lazily import lazily
    >>> class Square:
    ...     side = 3
    ...     area = lazily(lambda self: self.side**2)
    >>> Square().area
    9
    """
    return _Lazy(function)
