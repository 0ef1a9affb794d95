"""The fixed words and sentences of a table, in English and Chinese.

Words of a table are looked up where it is made. Sentences that come finished from the
floors below, such as the advice on an estimate near its bound, are matched against their
patterns, and what stands in the blanks is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from spatialsyn.report.tables import grid_words, robustness_words, sentences
from spatialsyn.report.words import check_language

WORDS = sentences.WORDS | grid_words.WORDS | robustness_words.WORDS
PIECES = sentences.PIECES | robustness_words.PIECES
SENTENCES = sentences.SENTENCES | grid_words.SENTENCES | robustness_words.SENTENCES


def phrase(text: str, language: str, *values: object) -> str:
    """`text` in `language`, its blanks filled; what has no translation stays."""
    check_language(language)
    said = text
    if language == "zh":
        said = WORDS.get(text, SENTENCES.get(text, text))
    return said.format(*values) if values else said


def known(text: str, language: str, words: Mapping[str, str]) -> str:
    """A name of the package's own in `language`; one of the user's stays."""
    check_language(language)
    return words.get(text, text) if language == "zh" else text


def sentence(text: str, language: str) -> str:
    """One or more finished sentences in `language`; one that is not known stays as it is."""
    check_language(language)
    if language == "en":
        return text
    said, rest = "", text.strip()
    while rest:
        part, rest = _first(rest)
        said += part
        rest = rest.strip()
    return said


def _first(text: str) -> tuple[str, str]:
    """The translation of the sentence that `text` begins with, and what follows it."""
    for pattern, chinese in _patterns():
        found = pattern.match(text)
        if found:
            words = [PIECES.get(part, part) for part in found.groups()]
            return chinese.format(*words), text[found.end() :]
    part, stop, rest = text.partition(". ")
    return f"{part}{stop}", rest


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The sentences as patterns, those with more words of their own first."""
    made = []
    for english, chinese in sorted(SENTENCES.items(), key=lambda pair: -len(pair[0])):
        parts = re.split(r"\{[^}]*\}", english)
        blanks = re.sub(r"\{[^}]*\}", "{}", chinese) if "{0}" not in chinese else chinese
        # What fills a blank at the end may have spaces: such a sentence is the last of a text.
        end = r"(?=\s|$)" if parts[-1] else "$"
        made.append((re.compile("(.+?)".join(map(re.escape, parts)) + end), blanks))
    return made
