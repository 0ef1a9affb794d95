"""Which encoding the text of a file is in."""

from __future__ import annotations

import re
from pathlib import Path

# utf-8-sig reads UTF-8 with and without a byte-order mark; GB18030 contains GBK and GB2312.
ENCODINGS = ("utf-8-sig", "gb18030")


def text_encoding(path: Path) -> str:
    """UTF-8 or, as Excel writes tables in China, GBK."""
    encoding = encoding_of(path.read_bytes())
    if encoding is None:
        raise ValueError("it is neither UTF-8 nor GBK; save it as UTF-8 (in Excel: 'CSV UTF-8')")
    return encoding


def encoding_of(content: bytes) -> str | None:
    """Which of the two `content` is in, or neither."""
    for encoding in ENCODINGS:
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == ENCODINGS[0] or in_pairs(content):
            return encoding
    return None


def in_pairs(content: bytes) -> bool:
    """Whether most bytes beyond ASCII come two by two, as those of Chinese characters do.

    Nearly any text decodes as GBK: "S\xe3o Paulo" of western Europe would, into another name.
    """
    runs = re.findall(rb"[\x80-\xff]+", content)
    return 2 * sum(len(run) % 2 == 0 for run in runs) > len(runs)
