"""What a PNG says beside its pixels in chunks that Pillow reads, and writes only as bytes."""

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image
    import PIL.PngImagePlugin

XMP = "XML:com.adobe.xmp"
ELSEWHERE = (XMP, "Raw profile type exif")  # texts that are found, and written, as XMP and EXIF
UNIT = 100_000  # of gamma and chromaticities, in both chunks


def about_png(picture: "PIL.Image.Image") -> dict[str, Any]:
    """Its texts, and its gamma where it is none of sRGB, which all readers take for granted."""
    picture.load()  # texts may follow the pixels
    info, about = picture.info, dict[str, Any]()
    texts: dict[str, str] = getattr(picture, "text", {})
    if kept := {key: text for key, text in texts.items() if key not in ELSEWHERE}:
        about["text"] = kept
    if "gamma" in info and "srgb" not in info:
        about["gamma"] = info["gamma"], info.get("chromaticity", ())
    return about


def png_info(about: Mapping[str, Any]) -> "PIL.PngImagePlugin.PngInfo":
    """The chunks to write."""
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    if xmp := about.get("XMP"):
        chunks.add_itxt(XMP, xmp.decode("utf-8", "replace"))
    for key, text in (about.get("text") or {}).items():
        chunks.add_itxt(key, text)
    if about.get("gamma"):
        gamma, primaries = about["gamma"]
        chunks.add(b"gAMA", struct.pack(">I", round(gamma * UNIT)))
        if primaries:
            numbers = [round(number * UNIT) for number in primaries]
            chunks.add(b"cHRM", struct.pack(f">{len(numbers)}I", *numbers))
    return chunks
