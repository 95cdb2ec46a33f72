"""Colours that stay apart for people with normal and with colour-deficient vision."""

from __future__ import annotations

import numpy as np

# The first seven are Okabe and Ito's (https://jfly.uni-koeln.de/color/). Each of the rest is the colour
# of an RGB grid farthest, in CIELAB, from all before it under normal vision and under full protanopia,
# deuteranopia and tritanopia (Machado et al. 2009, doi:10.1109/TVCG.2009.113), and from the grey of
# unlabelled spots; saturated colours that tire the eye over large areas were left out.
DOMAIN_COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#56B4E9", "#D55E00", "#5A2D00",
    "#001E96", "#5AFF96", "#4B2D5A", "#E10F4B", "#0F2D1E", "#7896F0", "#B4B4D2", "#D2783C",
    "#A587C3", "#874BF0", "#B42DA5", "#D296A5", "#4B005A", "#C30078", "#5AD22D", "#96B469",
    # from FIRST_REGION on
    "#8778FF", "#D2B45A", "#781E3C", "#A5D2A5", "#87E1FF", "#A53C00", "#5A4BC3", "#695A78",
    "#4B2D87", "#00783C", "#FF4B78", "#C3F069",
)  # fmt: skip
UNLABELLED = "#DCDCDC"
FIRST_REGION = 25  # number of the first region that was taught: the colours before it are of domains
SEQUENTIAL = "viridis"  # counts, genes: perceptually even and safe for colour-deficient vision
CONFIDENCE = "cividis"


def domain_colour(number: int) -> str:
    """Colour (#RRGGBB) of domain `number`, counted from 1; colours repeat after the last one."""
    if number < 1:
        raise ValueError(f"domains are counted from 1, got {number}")
    return DOMAIN_COLOURS[(number - 1) % len(DOMAIN_COLOURS)]


def region_number(place: int) -> int:
    """Number of a taught region, hence its colour, by its place (from 0) among the names that were taught.

    The same in every section of a group, and, for up to 24 domains and 12 regions, of no domain: a domain
    and a region of one colour would claim to be the same tissue.
    """
    return FIRST_REGION + place


def region_numbers(codes: np.ndarray) -> np.ndarray:
    """Numbers (N,) of the regions `codes` (N,) int from 0; 0 where a code is -1: no region."""
    return np.where(codes < 0, 0, region_number(codes))


def text_colour(background: str) -> str:
    """Black or white, whichever reads better on `background` (#RRGGBB; WCAG 2 relative luminance)."""
    channels = (int(background[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#FFFFFF"
