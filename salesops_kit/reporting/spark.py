"""Small lines without axes: how a figure went over past periods."""

import base64
from collections.abc import Sequence

_ENOUGH = 2


def spark(trend: Sequence[float | None]) -> str:
    """Draw past periods as a line, the last one dotted; a picture, since pages hold no SVG."""
    known = [(i, v) for i, v in enumerate(trend) if v is not None]
    if len(known) < _ENOUGH:
        return ""
    low, high = min(v for _, v in known), max(v for _, v in known)
    span, steps = (high - low) or 1.0, max(len(trend) - 1, 1)
    points = [(2 + 116 * i / steps, 22 - 20 * (v - low) / span) for i, v in known]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 24" preserveAspectRatio="none">'
        f'<polyline points="{line}" fill="none" stroke="#3d8fc6" stroke-width="1.5"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="#3d8fc6"/></svg>'
    )
    return f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'
