"""A plot is a well-formed SVG whose points are where its axes say, and the same bytes each time."""

import xml.etree.ElementTree as Xml

import pytest

from benchmarks.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, line_plot

SVG = "{http://www.w3.org/2000/svg}"


def test_points_stand_where_the_axes_say() -> None:
    drawn = Xml.fromstring(line_plot("a < b", "x", "y", {"one & only": [(100.0, 5.0), (0.0, 0.0), (50.0, 10.0)]}))
    points = drawn.find(f"{SVG}polyline").get("points")  # type: ignore[union-attr]
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    assert points == (
        f"{LEFT:.1f},{bottom:.1f} {(LEFT + right) / 2:.1f},{TOP:.1f} {right:.1f},{(TOP + bottom) / 2:.1f}"
    )


def test_ticks_are_round_and_reach_past_the_most() -> None:
    drawn = Xml.fromstring(line_plot("title", "x", "y", {"a": [(37.0, 0.0234)]}))
    texts = [each.text for each in drawn.iter(f"{SVG}text")]
    assert texts[:7] == ["title", "0", "0.005", "0.01", "0.015", "0.02", "0.025"]
    assert texts[7:12] == ["0", "10", "20", "30", "40"]


def test_the_same_figures_give_the_same_bytes() -> None:
    lines = {"a": [(1.0, 2.0)], "b": [(2.0, 1.0)]}
    assert line_plot("t", "x", "y", lines) == line_plot("t", "x", "y", lines)


def test_five_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="one to four"):
        line_plot("t", "x", "y", {str(at): [(1.0, 1.0)] for at in range(5)})
