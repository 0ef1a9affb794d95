"""Which encoding the text of a file is in."""

from __future__ import annotations

from pathlib import Path

# utf-8-sig reads UTF-8 with and without a byte-order mark; GB18030 contains GBK and GB2312.
ENCODINGS = ("utf-8-sig", "gb18030")


def text_encoding(path: Path) -> str:
    """UTF-8 or, as Excel writes tables in China, GBK."""
    content = path.read_bytes()
    for encoding in ENCODINGS:
        try:
            content.decode(encoding)
            return encoding
        except UnicodeDecodeError:
            continue
    raise ValueError("it is neither UTF-8 nor GBK; save it as UTF-8 (in Excel: 'CSV UTF-8')")
