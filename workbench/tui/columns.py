"""Texts fitted into a number of terminal cells."""

from __future__ import annotations

from rich.cells import cell_len, chop_cells, set_cell_size

from workbench.inert import CUT_MARK


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Inert `text` in exactly `width` cells: padded, on the left with `right`, or cut with `…`."""
    if width <= 0:
        return ""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + CUT_MARK
    room = " " * (width - length)
    return room + text if right else text + room


def wrap(text: str, width: int) -> list[str]:
    """Inert `text` in pieces of at most `width` cells, parted at blanks where there are some; joined they are `text`.

    An empty text is one empty piece. A width that holds no wide character gives the text whole.
    """
    if width < 2 or (len(text) <= width and text.isascii()):
        return [text]
    pieces = []
    while text:
        piece = chop_cells(text[: width + 1], width)[0]
        if len(piece) < len(text):
            blank = piece.rfind(" ")
            # A blank in the first half would leave ragged lines of what has hardly any, such as base64.
            if blank >= width // 2:
                piece = piece[: blank + 1]
        pieces.append(piece)
        text = text[len(piece) :]
    return pieces or [""]
