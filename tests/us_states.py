"""Land borders of the contiguous United States and the District of Columbia, common
corners included. Facts; the reference fits of the state panels use them."""

from __future__ import annotations

import numpy as np

BORDERS = {
    "Alabama": "Florida, Georgia, Mississippi, Tennessee",
    "Arizona": "California, Colorado, Nevada, New Mexico, Utah",
    "Arkansas": "Louisiana, Mississippi, Missouri, Oklahoma, Tennessee, Texas",
    "California": "Arizona, Nevada, Oregon",
    "Colorado": "Arizona, Kansas, Nebraska, New Mexico, Oklahoma, Utah, Wyoming",
    "Connecticut": "Massachusetts, New York, Rhode Island",
    "Delaware": "Maryland, New Jersey, Pennsylvania",
    "District of Columbia": "Maryland, Virginia",
    "Florida": "Alabama, Georgia",
    "Georgia": "Alabama, Florida, North Carolina, South Carolina, Tennessee",
    "Idaho": "Montana, Nevada, Oregon, Utah, Washington, Wyoming",
    "Illinois": "Indiana, Iowa, Kentucky, Missouri, Wisconsin",
    "Indiana": "Illinois, Kentucky, Michigan, Ohio",
    "Iowa": "Illinois, Minnesota, Missouri, Nebraska, South Dakota, Wisconsin",
    "Kansas": "Colorado, Missouri, Nebraska, Oklahoma",
    "Kentucky": "Illinois, Indiana, Missouri, Ohio, Tennessee, Virginia, West Virginia",
    "Louisiana": "Arkansas, Mississippi, Texas",
    "Maine": "New Hampshire",
    "Maryland": "Delaware, District of Columbia, Pennsylvania, Virginia, West Virginia",
    "Massachusetts": "Connecticut, New Hampshire, New York, Rhode Island, Vermont",
    "Michigan": "Indiana, Ohio, Wisconsin",
    "Minnesota": "Iowa, North Dakota, South Dakota, Wisconsin",
    "Mississippi": "Alabama, Arkansas, Louisiana, Tennessee",
    "Missouri": "Arkansas, Illinois, Iowa, Kansas, Kentucky, Nebraska, Oklahoma, Tennessee",
    "Montana": "Idaho, North Dakota, South Dakota, Wyoming",
    "Nebraska": "Colorado, Iowa, Kansas, Missouri, South Dakota, Wyoming",
    "Nevada": "Arizona, California, Idaho, Oregon, Utah",
    "New Hampshire": "Maine, Massachusetts, Vermont",
    "New Jersey": "Delaware, New York, Pennsylvania",
    "New Mexico": "Arizona, Colorado, Oklahoma, Texas, Utah",
    "New York": "Connecticut, Massachusetts, New Jersey, Pennsylvania, Vermont",
    "North Carolina": "Georgia, South Carolina, Tennessee, Virginia",
    "North Dakota": "Minnesota, Montana, South Dakota",
    "Ohio": "Indiana, Kentucky, Michigan, Pennsylvania, West Virginia",
    "Oklahoma": "Arkansas, Colorado, Kansas, Missouri, New Mexico, Texas",
    "Oregon": "California, Idaho, Nevada, Washington",
    "Pennsylvania": "Delaware, Maryland, New Jersey, New York, Ohio, West Virginia",
    "Rhode Island": "Connecticut, Massachusetts",
    "South Carolina": "Georgia, North Carolina",
    "South Dakota": "Iowa, Minnesota, Montana, Nebraska, North Dakota, Wyoming",
    "Tennessee": "Alabama, Arkansas, Georgia, Kentucky, Mississippi, Missouri, North Carolina, Virginia",
    "Texas": "Arkansas, Louisiana, New Mexico, Oklahoma",
    "Utah": "Arizona, Colorado, Idaho, Nevada, New Mexico, Wyoming",
    "Vermont": "Massachusetts, New Hampshire, New York",
    "Virginia": "District of Columbia, Kentucky, Maryland, North Carolina, Tennessee, West Virginia",
    "Washington": "Idaho, Oregon",
    "West Virginia": "Kentucky, Maryland, Ohio, Pennsylvania, Virginia",
    "Wisconsin": "Illinois, Iowa, Michigan, Minnesota",
    "Wyoming": "Colorado, Idaho, Montana, Nebraska, South Dakota, Utah",
}

# Alphabetical: the 48 contiguous states of the productivity panel.
STATES_48 = tuple(name for name in BORDERS if name != "District of Columbia")
# The cigarette panel leaves three states out and counts the District of Columbia.
STATES_46 = tuple(name for name in BORDERS if name not in ("Colorado", "North Carolina", "Oregon"))


def row_standardised(states: tuple[str, ...]) -> np.ndarray:
    """Row-standardised contiguity among `states`, in their order."""
    links = np.array([[b in BORDERS[a].split(", ") for b in states] for a in states], dtype=float)
    return links / links.sum(axis=1, keepdims=True)
