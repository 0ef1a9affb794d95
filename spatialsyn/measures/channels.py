"""The channels of the theory, as proxies whose names state their level.

Virtual agglomeration is said to work through lower transaction costs, network
externalities, collaborative innovation and the participation of small firms. None of
these is observed; a proxy stands for a channel at one level only, and levels may move in
opposite directions: a transaction may become cheaper while the transaction sector of the
economy grows (Wallis & North 1986). Every function therefore asks for the level or
carries it in its name, and returns a column called ``<channel>_<level>``.

The network externality as such is the spatial lag W x with digital weights; centrality
in flows is `centrality`. A mediator built from the same columns as x or W is no channel:
`overlap` tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, check_flag, named
from spatialsyn.measures.columns import (
    by_city_year,
    check_number,
    check_panel,
    check_part,
    listed_columns,
    non_negative,
    positive,
    total,
)

# What the costs are divided by at each level.
TRANSACTION_COSTS = {
    "transaction": "cost of one deal: fees over the number of deals",
    "firm": "selling, administrative and financial expenses over revenue, mean of the city's firms",
    "sector": "transaction sector over all activity (Wallis & North): rises with development",
    "economy": "logistics or trade cost over GDP",
}
COLLABORATION = {
    "patent": "patents with partners elsewhere over all patents",
    "firm": "firms with a joint project over all firms",
    "person": "joint patents over population",
}
SMALL_FIRMS = {
    "firm": "small and medium firms over all firms",
    "employment": "their employment over all employment",
    "output": "their output over all output",
    "platform": "small and medium sellers over all sellers of a platform",
}


def transaction_cost(
    panel: CityPanel, costs: str | Sequence[str], per: str, level: str
) -> pd.Series:
    """Transaction costs per unit of something, at one level.

    Parameters
    ----------
    costs : a column or several that are added up, in the units of `per`
    level : "transaction" | "firm" | "sector" | "economy"
        What the ratio is about; `TRANSACTION_COSTS` has the definitions.
    """
    _among(level, TRANSACTION_COSTS)
    return by_city_year(
        panel, total(panel, costs) / positive(panel, per), f"transaction_cost_{level}"
    )


def price_segmentation(panel: CityPanel, goods: Sequence[str]) -> pd.Series:
    """Market segmentation from prices, ``segmentation_market``: the law of one price, failing.

        q_ijkt = |d ln p_ikt - d ln p_jkt|, less its mean over all pairs ij
        s_it   = mean_j var_k(q_ijkt)

    over goods k; zero where prices of all goods move together everywhere. Missing in the
    first year. After Parsley & Wei (1996), Quarterly Journal of Economics 111.

    Parameters
    ----------
    goods : columns of price levels (or chained indices), two at least, positive
    """
    check_panel(panel)
    listed = listed_columns(goods)
    if len(listed) < 2 or panel.n < 3 or panel.T < 2:
        raise PanelError(
            "segmentation is a variance over goods of relative price changes: it needs two goods, "
            f"two years and three cities; got {len(listed)}, {panel.T} and {panel.n}."
        )
    change = np.stack([np.diff(np.log(positive(panel, name)), axis=1) for name in listed], axis=2)
    pairs = np.array(list(combinations(range(panel.n), 2)))
    q = np.abs(change[pairs[:, 0]] - change[pairs[:, 1]])
    variance = (q - q.mean(axis=0)).var(axis=2, ddof=1)
    made = np.full((panel.n, panel.T), np.nan)
    for i in range(panel.n):
        made[i, 1:] = variance[(pairs == i).any(axis=1)].mean(axis=0)
    return by_city_year(panel, made, "segmentation_market")


def network_externality(panel: CityPanel, users: str, form: str = "squared") -> pd.Series:
    """Value that grows faster than the number of users, ``network_externality_city``.

        squared  (u_it - mean_t u_it)^2      beside u in the model: curvature within a city
        pairs    u_it (u_it - 1) / 2         possible links, Metcalfe's count; u in persons

    An uncentred square is nearly collinear with u and with the city effect; centred, its
    coefficient is the change of the slope within a city. A falling slope, the opposite of
    Metcalfe, is as possible as a rising one, so the sign is the test.
    """
    u = non_negative(panel, users)
    if form not in ("squared", "pairs"):
        raise PanelError(f"form={form!r} is not one of 'squared', 'pairs'.")
    if form == "pairs" and (u < 1).any():
        raise PanelError(
            f"{users!r} is below one: pairs need a count of users, not a share or thousands."
        )
    values = (u - u.mean(axis=1, keepdims=True)) ** 2 if form == "squared" else u * (u - 1) / 2
    return by_city_year(panel, values, "network_externality_city")


def penetration(
    panel: CityPanel,
    users: str,
    population: str,
    threshold: float | None = None,
    kink: bool = False,
) -> pd.Series:
    """Users over population, or whether it has passed a threshold; ``penetration_city``.

    Parameters
    ----------
    users, population : columns in the same unit; subscriptions may exceed persons
    threshold : None gives the ratio r; a number gives 1 where r >= threshold, else 0
    kink : with a threshold, max(r - threshold, 0) instead of the step

    Raises
    ------
    PanelError
        A threshold that no city-year, or every one, has passed.
    """
    check_flag("kink", kink, PanelError)
    r = non_negative(panel, users) / positive(panel, population)
    if threshold is None:
        return by_city_year(panel, r, "penetration_city")
    check_number(threshold, "threshold")
    passed = r >= threshold
    if passed.all() or not passed.any():
        raise PanelError(
            f"penetration runs from {r.min():.3g} to {r.max():.3g}: the threshold {threshold:g} "
            "divides no city-years."
        )
    values = np.maximum(r - threshold, 0) if kink else passed.astype(float)
    return by_city_year(panel, values, "penetration_city")


def collaborative_innovation(panel: CityPanel, joint: str, per: str, level: str) -> pd.Series:
    """Innovation made together with others, per unit of something.

    Research spending or research staff is an input, not collaboration; a network of joint
    patents has its `centrality`.

    Parameters
    ----------
    level : "patent" | "firm" | "person", see `COLLABORATION`
    """
    _among(level, COLLABORATION)
    a, b = non_negative(panel, joint), positive(panel, per)
    if level != "person":
        check_part(panel, a, b, (joint, per))
    return by_city_year(panel, a / b, f"collaborative_innovation_{level}")


def small_firms(panel: CityPanel, small: str, per: str, level: str) -> pd.Series:
    """Participation of small and medium firms: their share at one level.

    Parameters
    ----------
    level : "firm" | "employment" | "output" | "platform", see `SMALL_FIRMS`
    """
    _among(level, SMALL_FIRMS)
    a, b = non_negative(panel, small), positive(panel, per)
    check_part(panel, a, b, (small, per))
    return by_city_year(panel, a / b, f"small_firms_{level}")


def _among(level: str, known: dict[str, str]) -> None:
    if level not in known:
        listed = "".join(f"\n  {name}: {what}" for name, what in known.items())
        raise PanelError(
            f"level={level!r}: say at which of {named(known)} the proxy is measured.{listed}"
        )
