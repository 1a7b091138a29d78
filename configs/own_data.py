"""Writes own_data.csv, the example of a user's own data: invented hourly readings of a building,
ten weeks long.
"""

import csv
from pathlib import Path

import numpy as np


def rows() -> list[list[str]]:
    """Return the header and one row per hour: daily and weekly rhythms with noise that remembers
    the hour before.
    """
    random = np.random.default_rng(20)
    hours = np.arange(10 * 7 * 24)
    weather, noise = np.zeros(len(hours)), random.normal(0, 0.4, len(hours))
    for hour in hours[1:]:
        weather[hour] = 0.98 * weather[hour - 1] + noise[hour]
    temperature = 12 + 5 * np.sin(2 * np.pi * (hours - 9) / 24) + weather
    working = (hours // 24 % 7 < 5) & (hours % 24 >= 7) & (hours % 24 < 19)
    load = (
        40 + 55 * working + 1.5 * np.maximum(0, 15 - temperature) + random.normal(0, 3, len(hours))
    )
    readings = zip(hours, temperature, load, strict=True)
    return [
        ["hour", "temperature", "load"],
        *([f"{h}", f"{t:.2f}", f"{p:.1f}"] for h, t, p in readings),
    ]


if __name__ == "__main__":
    with Path(__file__).with_suffix(".csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows())
