"""Models with a matrix that another one stands in for, written out where the cells differ."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_allclose

import spatialsyn as ss

N, T = 14, 5
# Projections on instruments that are nearly dependent keep eight digits.
RTOL = 1e-7


def yearly(seed: int, rows_of_one: bool, varies: bool) -> np.ndarray:
    """(T, n, n), each row i what city i receives; city 2 has no neighbour."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(T):
        W = np.where(rng.random((N, N)) < 0.4, rng.random((N, N)), 0)
        W += 0.2 * np.roll(np.eye(N), 1, axis=1)
        np.fill_diagonal(W, 0)
        W[2] = 0
        sums = W.sum(axis=1, keepdims=True)
        made.append(W / np.where(sums > 0, sums, 1) if rows_of_one else W / sums.max())
    return np.array(made) if varies else np.repeat(made[:1], T, axis=0)


def weights(W: np.ndarray, name: str, panel: ss.CityPanel):
    """One matrix, or one for each year where they differ."""
    if not np.ptp(W, axis=0).any():
        return ss.Weights.from_matrix(W[0], ids=panel.ids, name=name)
    made = {
        y: ss.Weights.from_matrix(w, ids=panel.ids) for y, w in zip(panel.years, W, strict=True)
    }
    return ss.weights.series(made, name=name)


def lagged(W: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.stack([W[t] @ v[:, t] for t in range(v.shape[1])], axis=1)


def powers(W: np.ndarray, some: list[np.ndarray], most: int) -> list[np.ndarray]:
    """W v, W^2 v ... of every v."""
    made, last = [], some
    for _ in range(most):
        last = [lagged(W, v) for v in last]
        made += last
    return made


def matrix(some: list[np.ndarray], effects: str) -> np.ndarray:
    """Columns without means of cities and years."""
    out = []
    for v in some:
        v = v - v.mean(axis=1, keepdims=True) if effects in ("individual", "twoways") else v
        v = v - v.mean(axis=0) if effects in ("time", "twoways") else v
        out.append(v.ravel())
    return np.stack(out, axis=1)


def span(H: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the columns."""
    U, size, _ = np.linalg.svd(H / np.linalg.norm(H, axis=0).clip(1e-12), full_matrices=False)
    return U[:, size > 1e-9 * size[0]]


def two_stages(y, Q, H):
    """Coefficients, residuals, and the fitted part of Q."""
    P = H @ (H.T @ Q)
    b = np.linalg.solve(P.T @ Q, P.T @ y)
    return b, y - Q @ b, P


def variance(H, e, nobs, kind):
    """Of H'e, with the small-sample factors of docs/inference.md."""
    if kind == "classical":
        return e @ e / nobs * H.T @ H
    cells = (H * e[:, None]).reshape(N, T, -1)
    if kind == "robust":
        return np.einsum("ntk,ntl->kl", cells, cells) * N * T / nobs
    sums = cells.sum(axis=1 if kind == "city" else 0)
    return sums.T @ sums * len(sums) / (len(sums) - 1)


def least(y, Q, H, S):
    """J of the best coefficients, by the normal equations."""
    A, a = H.T @ Q, H.T @ y
    b = np.linalg.solve(A.T @ np.linalg.solve(S, A), A.T @ np.linalg.solve(S, a))
    return (a - A @ b) @ np.linalg.solve(S, a - A @ b)


def written_out(family, effects, x_moves, panel, W, V):
    """y, Q, names, instruments by V, and those that W adds."""
    y, x, z, q = (panel.array(name) for name in ("y", "x", "z", "q"))
    own = [np.ones((N, T))] if effects == "none" else []
    Q, names = [*own, x, z], [*(["Intercept"] if own else []), "x", "z"]
    if family != "sar":
        Q, names = [*Q, *powers(W, [x, z], 1)], [*names, "W[w]*x", "W[w]*z"]
    if family != "slx":
        Q, names = [*Q, lagged(W, y)], [*names, "rho[w]"]
    known, outside = ([z], [q]) if x_moves else ([x, z], [])
    most = {"sar": 2, "slx": 1, "sdm": 3}[family]
    H = [*own, *known, *powers(V, known, most), *outside]
    H += powers(V, outside, 1 if family == "slx" else 2)
    more = powers(W, [*known, *outside], 1 if family == "slx" else 2)
    return (matrix([y], effects)[:, 0], matrix(Q, effects), names, span(matrix(H, effects)),
            matrix(more, effects))  # fmt: skip


CELLS = list(itertools.product(
    ("none", "individual", "time", "twoways"), ("sar", "slx", "sdm"), (False, True),
    (False, True), (False, True),
))  # fmt: skip


@pytest.mark.parametrize(("effects", "family", "varies", "rows_of_one", "x_moves"), CELLS)
def test_estimates_errors_and_the_test_of_w(effects, family, varies, rows_of_one, x_moves):
    panel, _ = made_up(N, T, noise=0.5)
    x, rng = panel.array("x"), np.random.default_rng(7)
    W = yearly(1, rows_of_one, varies)
    right = x - panel.array("z") + 0.5 * lagged(W, x) + 0.1 * rng.normal(size=(N, T))
    y = [np.linalg.solve(np.eye(N) - 0.3 * W[t], right[:, t]) for t in range(T)]
    panel = panel.assign(y=np.stack(y, axis=1), q=0.3 * x + rng.normal(size=(N, T)))
    V = 0.75 * W + 0.25 * yearly(2, rows_of_one, varies)
    given = [weights(W, "w", panel), weights(V, "v", panel)]
    moved = {"endogenous": "x", "instruments": "q"} if x_moves else {}
    model = ss.SpatialModel(family, "y ~ x + z", "w", fixed_effects=effects, estimator="2sls",
                            instrument_W="v", **moved)  # fmt: skip
    y, Q, names, H, more = written_out(family, effects, x_moves, panel, W, V)
    b, e, P = two_stages(y, Q, H)
    res = ss.fit(model, panel, given)
    assert_allclose(res.params[names], b, rtol=RTOL)
    nobs = {"none": N * T, "individual": N * (T - 1), "time": (N - 1) * T,
            "twoways": (N - 1) * (T - 1)}[effects]  # fmt: skip
    B = np.linalg.solve(P.T @ P, P.T @ H)
    # First the instruments by V, then what W adds: the order that the blocks of S need.
    both = np.column_stack([H, span(more - H @ (H.T @ more))])
    _, left, _ = two_stages(y, Q, both)
    for kind in ("classical", "robust", "city", "period"):
        if kind == "period" and len(b) >= T:
            continue
        now = res.with_cov(kind)
        se = np.sqrt(np.diag(B @ variance(H, e, nobs, kind) @ B.T))
        assert_allclose(now.se[names], se, rtol=RTOL)
        test = ss.diagnostics.weights_exogeneity(now)
        assert test.df == both.shape[1] - H.shape[1]
        if both.shape[1] >= {"city": N, "period": T}.get(kind, np.inf):
            assert "clusters for" in test.note
            continue
        S, k = variance(both, left, nobs, kind), H.shape[1]
        C = least(y, Q, both, S) - least(y, Q, H, S[:k, :k])
        assert_allclose(test.statistic, C, rtol=1e-5, atol=1e-7)


def fitted_by_hand(panel, Q, H, effects="individual"):
    y, Q, H = matrix([panel.array("y")], effects)[:, 0], matrix(Q, effects), matrix(H, effects)
    return two_stages(y, Q, span(H))[0]


@pytest.fixture(scope="module")
def three():
    """A panel, and the matrices of W, V and of another one, G, as arrays and as weights."""
    panel, _ = made_up(N, T, noise=0.5)
    W, G = yearly(1, True, False), yearly(3, True, False)
    V = 0.75 * W + 0.25 * yearly(2, True, False)
    given = [weights(M, name, panel) for M, name in ((W, "w"), (V, "v"), (G, "geo"))]
    return panel, (W, V, G), given


@pytest.mark.parametrize(
    ("family", "names", "formula"),
    [
        ("sar", ["w", "geo"], "y ~ x + z"),
        ("sdm", {"wy": "geo", "wx": "w"}, "y ~ x + z"),
        ("sdm", {"wy": "w", "wx": "geo"}, "y ~ x + z"),
        ("slx", "w", "y ~ x + z | x"),
    ],
)
def test_one_of_several_matrices_is_endogenous(three, family, names, formula):
    panel, (W, V, G), given = three
    y, x, z = (panel.array(name) for name in ("y", "x", "z"))
    both = [x, z]
    Q, H, terms = {
        "['w', 'geo']": (
            [*both, lagged(W, y), lagged(G, y)], [*both, *powers(V, both, 2), *powers(G, both, 2)],
            ["x", "z", "rho[w]", "rho[geo]"],
        ),
        "{'wy': 'geo', 'wx': 'w'}": (
            [*both, *powers(W, both, 1), lagged(G, y)],
            [*both, *powers(V, both, 1), *powers(G, both, 2)],
            ["x", "z", "W[w]*x", "W[w]*z", "rho[geo]"],
        ),
        "{'wy': 'w', 'wx': 'geo'}": (
            [*both, *powers(G, both, 1), lagged(W, y)],
            [*both, *powers(G, both, 1), *powers(V, [*both, *powers(G, both, 1)], 2)],
            ["x", "z", "W[geo]*x", "W[geo]*z", "rho[w]"],
        ),
        "w": ([*both, lagged(W, x)], [*both, *powers(V, both, 1)], ["x", "z", "W[w]*x"]),
    }[str(names)]  # fmt: skip
    model = ss.SpatialModel(family, formula, names, fixed_effects="individual", estimator="2sls",
                            instrument_W={"w": "v"})  # fmt: skip
    res = ss.fit(model, panel, given)
    assert_allclose(res.params[terms], fitted_by_hand(panel, Q, H), rtol=RTOL)


def test_random_effects_are_quasi_demeaned_in_the_test_too(three):
    panel, _, (_, v, _) = three
    W = yearly(4, False, True)
    given = [weights(W, "w", panel), v]
    model = ss.slx("y ~ x + z", W="w", random="individual", estimator="2sls", instrument_W="v")
    res = ss.fit(model, panel, given)

    def quasi(some):
        left = 1 - res.params["phi"]
        return matrix([u - left * u.mean(axis=1, keepdims=True) for u in some], "none")

    y, x, z = (panel.array(name) for name in ("y", "x", "z"))
    V, own = np.repeat(v.dense()[None], T, axis=0), [np.ones((N, T)), x, z]
    y, Q, H = (
        quasi([y])[:, 0],
        quasi([*own, *powers(W, [x, z], 1)]),
        quasi([*own, *powers(V, [x, z], 1)]),
    )
    H = span(H)
    both = span(np.column_stack([H, Q]))
    _, e, _ = two_stages(y, Q, both)
    C = (least(y, Q, both, np.eye(both.shape[1])) - least(y, Q, H, np.eye(H.shape[1]))) / (e @ e)
    test = ss.diagnostics.weights_exogeneity(res)
    assert test.df == 2
    assert_allclose(test.statistic, C * N * T, rtol=1e-6)


def test_cities_dropped_leave_both_matrices(three):
    panel, _, (w, v, _) = three
    frame = panel.frame.reset_index()
    frame.loc[frame["city"] == "c07", "z"] = np.nan
    holed = ss.CityPanel(frame, city="city", year="year")
    model = ss.sar(
        "y ~ x + z", W="w", fixed_effects="individual", estimator="2sls", instrument_W="v"
    )
    with pytest.warns(UserWarning, match=r"W\[v\] loses"):
        res = ss.fit(model, holed, [w, v], missing="balance")
    kept = [i for i in panel.ids if i != "c07"]
    other = ss.fit(model, panel.subset(kept), [w.subset(kept), v.subset(kept)])
    assert_allclose(res.params, other.params, rtol=1e-12)
    assert ss.diagnostics.weights_exogeneity(res) == ss.diagnostics.weights_exogeneity(other)
