"""What a line of ``numbers.csv`` asks for, in words, read off a fit."""

from __future__ import annotations

from spatialsyn import diagnostics as tests
from spatialsyn.errors import ModelError
from spatialsyn.results import Results
from spatialsyn.weights.core import Weights

SPATIAL = {"rho": "rho[w]", "lambda": "lambda[w]", "eta": "eta[w]"}


def quantity(results: Results, asked: str, w: Weights) -> float:
    """The number: ``rho``, ``se rho``, ``lm lag robust error naive``, ``wald sar``, ...

    Raises
    ------
    ModelError
        Words that name no number.
    """
    first, *rest = asked.split(" ")
    if first == "lm":
        return _lm(results, rest, w)
    if first in ("wald", "lr") and rest[0] != "effects":
        return (tests.wald if first == "wald" else tests.lr)(results, rest[0]).statistic
    if first == "lr":
        return tests.fixed_effects_lr(results, rest[1], small_sample=False).statistic
    if first == "bsk":
        given = rest[2] if len(rest) > 1 else ""
        return tests.baltagi_song_koh(results, rest[0], given, W=w).statistic
    if first == "cd":
        return tests.pesaran_cd(results, w if rest else None).statistic
    if first == "hausman":
        return tests.hausman(results, rest[0]).statistic
    if first == "ln":
        other = results.model.but(family=rest[1])
        models = (results.model, other)
        ours, theirs = (tests.log_marginal(m, results.panel, w, "flat")[0] for m in models)
        return ours - theirs
    if asked == "loglik":
        return results.loglik
    name = SPATIAL.get(rest[0] if rest else first, first)
    if name not in results.params.index:
        raise ModelError(f"{asked!r} is no number of {results.equation}.")
    return float((results.se if first == "se" else results.params)[name])


def _lm(results: Results, words: list[str], w: Weights) -> float:
    """``lag|error [robust lag|error] [given lag|error] [naive]``."""
    naive = "naive" in words
    then = {k: words[words.index(k) + 1] for k in ("robust", "given") if k in words}
    test = tests.lm(
        results, words[0], then.get("robust", ()), then.get("given", ()), W=w, naive=naive
    )
    return test.statistic
