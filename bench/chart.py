"""Draws horizontal bars as SVG."""

from html import escape

WIDTH, LABEL, VALUE = 760, 130, 110
BAR, GAP, HEADING = 15, 4, 30
COLORS = {"landline": "#d1495b", "raw": "#b8bfc6", "raw-whole": "#b8bfc6"}
OTHER = "#5b8bb2"


def svg(title, groups):
    """Groups are (heading, [(name, value, text)]). The longest bar of each group fills the width."""
    y = 2 * HEADING
    parts = []
    for heading, bars in groups:
        parts.append(f'<text x="12" y="{y}" font-weight="bold">{escape(heading)}</text>')
        y += GAP * 2
        longest = max((value for _, value, _ in bars), default=0) or 1
        for name, value, text in bars:
            length = max(1, value / longest * (WIDTH - LABEL - VALUE))
            middle = y + BAR - GAP
            parts.append(f'<text x="{LABEL - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>')
            color = COLORS.get(name, OTHER)
            parts.append(f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{color}"/>')
            parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{middle}">{escape(text)}</text>')
            y += BAR + GAP
        y += HEADING
    body = "\n".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"
     font-family="sans-serif" font-size="12" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="24" font-size="15">{escape(title)}</text>
{body}
</svg>
"""
