"""A convolution of the user's: one set of options, which every command of experiments takes."""

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from .app import axes, numbers, refuse, sizes

if TYPE_CHECKING:
    from parconv.experiments.own import Own

Text = str | None


@dataclass(frozen=True)
class Asked:
    """The options as they were typed."""

    shape: Annotated[
        Text, typer.Option(help="A convolution of yours: its image, such as 3000x2000.")
    ] = None
    kernel: Annotated[
        Text,
        typer.Option(help="Its filter: 7x7, 64x64x3x3 (a layer), gaussian:2, FILE.npy."),
    ] = None
    dtype: Annotated[str, typer.Option(help="The type of its image.")] = "float32"
    mode: Annotated[str, typer.Option(help="valid, same or full.")] = "same"
    boundary: Annotated[
        Text,
        typer.Option(
            help="constant, edge, symmetric, mirror or wrap; default: mirror, of layers constant."
        ),
    ] = None
    axes: Annotated[
        Text, typer.Option(help="Of rows and columns: 0,1 of colour, 1,2 of channels last.")
    ] = None
    stride: Annotated[Text, typer.Option(help="Every so many pixels: 2, or 2,1.")] = None
    groups: Annotated[int, typer.Option(help="Of a layer's channels.")] = 1
    threads: Annotated[
        Text, typer.Option(help="Threads; 1,2,4 where a command measures several numbers of them.")
    ] = None

    def own(self) -> "Own | None":
        """The convolution, if one was asked for."""
        if (self.shape is None) != (self.kernel is None):
            raise ValueError("--shape and --kernel are one convolution: pass both")
        if self.shape is None or self.kernel is None:
            self.refuse_but(("threads",), "--shape and --kernel beside it")
            return None
        from parconv.experiments.own import Own

        words = {"dtype": self.dtype, "mode": self.mode, "groups": self.groups}
        return Own.of(
            sizes(self.shape, "shape"), self._kernel, self.plane_axes, stride=self._stride, **words,
            **({} if self.boundary is None else {"boundary": self.boundary}),
        ).check()  # fmt: skip

    def refuse_but(self, known: Collection[str], mend: str) -> None:
        """Options that would be forgotten silently."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in known and value != field.default:
                refuse(field.name, value, mend)

    @property
    def _kernel(self) -> str:
        kernel = self.kernel or ""
        return "x".join(map(str, sizes(kernel, "kernel"))) if kernel[:1].isdigit() else kernel

    @property
    def plane_axes(self) -> tuple[int, ...] | None:
        return None if self.axes is None else axes(self.axes)

    @property
    def _stride(self) -> tuple[int, ...]:
        found = numbers(self.stride or "1", "stride", ",")
        if len(found) > 2:
            raise ValueError(f"stride is {self.stride}: pass one or two integers, such as 2,1")
        return found if len(found) == 2 else (found[0], found[0])

    @property
    def counts(self) -> tuple[int, ...] | None:
        """Several numbers of threads."""
        return None if self.threads is None else numbers(self.threads, "threads", ",")

    def one_count(self, usual: int | None = None) -> int | None:
        """One number of threads, for a command that takes no more."""
        found = self.counts
        if found is not None and len(found) > 1:
            raise ValueError(f"threads is {self.threads}: pass one number")
        return found[0] if found else usual


def takes_convolution(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, with all options of `Asked` in place of its parameter ``asked``."""
    signature, hints = inspect.signature(command), get_type_hints(Asked, include_extras=True)
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(Asked)
    ]  # fmt: skip
    others = [each for name, each in signature.parameters.items() if name != "asked"]

    @functools.wraps(command)
    def taking(**values: Any) -> Any:
        asked = Asked(**{option.name: values.pop(option.name) for option in options})
        return command(asked=asked, **values)

    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in others]
    place = list(signature.parameters).index("asked")
    keywords[place:place] = options
    taking.__signature__ = signature.replace(parameters=keywords)  # type: ignore[attr-defined]
    kept = {name: hint for name, hint in command.__annotations__.items() if name != "asked"}
    taking.__annotations__ = kept | hints
    return taking
