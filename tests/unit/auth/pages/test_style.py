"""The pages' colours can be told apart (WCAG 2.2, 1.4.3 and 1.4.11), in light and in dark."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STYLE = files("backstay.auth.pages").joinpath("templates", "style.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.S)
)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "behind", "least"),
    [
        ("ink", "paper", 4.5),
        ("ink", "ground", 4.5),
        ("soft", "paper", 4.5),
        ("wrong", "paper", 4.5),
        ("good", "paper", 4.5),
        ("accent", "paper", 4.5),
        ("accent", "ground", 4.5),
        ("on-accent", "accent", 4.5),
        ("line", "paper", 3.0),
    ],
)
def test_colours_can_be_told_apart(colours: dict[str, str], front: str, behind: str, least: float) -> None:
    assert contrast(colours[front], colours[behind]) >= least
