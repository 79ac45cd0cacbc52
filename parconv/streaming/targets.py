"""Where results go, by what the caller passed: a name, an array, an array of some library."""

from collections.abc import Mapping
from typing import Any

from . import foreign
from .newfile import NewFile
from .paths import Place
from .question import Question
from .sinks import Sink, array_sink, check_held
from .stores import ZARR, rasters, zarrs
from .stores.encoded import Encoded


def sink_of(out: Any, question: Question, items: int | None, about: Mapping[str, Any]) -> Sink:
    """What takes the results; ``about`` is what the source says of its pixels."""
    if isinstance(out, Place):
        return _new(out, question, items, dict(about))
    if foreign.library(out) == "zarr" and (folder := zarrs.folder_of(out)):
        check_held(out, question, items)
        return zarrs.ZarrTarget(question, out, folder)
    sink = array_sink(out, question, items)
    sink.unit = zarrs.unit_of(out)
    return sink


def _new(place: Place, question: Question, items: int | None, about: dict[str, Any]) -> Sink:
    if place.store is None:
        return NewFile(question, place.path, items)
    about = rasters.placed(about, question)
    if place.store is ZARR:
        if items is None:
            raise ValueError(
                f"out={place.name!r}: how many items source has only its end will tell; pass a "
                "list, an array of Zarr with room for them, or a .npy file"
            )
        return zarrs.NewZarr(question, place.name, items, about)
    assert place.store.encode
    sink = Encoded(
        question, place.path, place.inside, items, about, place.store.encode, place.store.opened
    )
    if place.store.check:
        whole = question.shape_of(1 if items is None else items)
        place.store.check(place.path, sink.result(whole[0]))
    return sink
