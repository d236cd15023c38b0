# SPDX-License-Identifier: BSD-2-Clause
"""A plot of round-trip time and loss over time, as plain SVG."""
from html import escape

WIDTH, HEIGHT = 1000, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 90


def nice(limit, steps=5):
    """A round step so that about `steps` of them reach the limit."""
    raw = max(limit, 1e-9) / steps
    power = 1.0
    while power * 10 <= raw:
        power *= 10
    while power > raw:
        power /= 10
    return next(power * m for m in (1, 2, 5, 10) if power * m >= raw)


class Canvas:
    """What every plot is drawn with."""

    def __init__(self, width, height):
        self.out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
            f'height="{height}" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="white"/>']

    def text(self, x, y, s, anchor="start", size=12, colour="#333"):
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
                        f'fill="{colour}" text-anchor="{anchor}">'
                        f'{escape(s)}</text>')

    def line(self, x1, y1, x2, y2, colour, width=1, dash=None):
        dash = f' stroke-dasharray="{dash}"' if dash else ""
        self.out.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                        f'y2="{y2:.1f}" stroke="{colour}" '
                        f'stroke-width="{width}"{dash}/>')

    def circle(self, x, y, r, colour):
        self.out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" '
                        f'fill="{colour}"/>')

    def rect(self, x, y, width, height, colour):
        self.out.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                        f'height="{height:.1f}" fill="{colour}"/>')

    def write(self, path):
        with open(path, "w") as f:
            f.write("\n".join(self.out + ["</svg>"]) + "\n")


class Plot(Canvas):
    def __init__(self, title, seconds, top_ms):
        super().__init__(WIDTH, HEIGHT)
        self.seconds, self.top_ms = seconds, top_ms
        self.text(LEFT, 20, title, size=15)

    def x(self, t):
        return LEFT + t / self.seconds * (WIDTH - LEFT - RIGHT)

    def y(self, ms):
        ms = min(ms, self.top_ms)
        return HEIGHT - BOTTOM - ms / self.top_ms * (HEIGHT - TOP - BOTTOM)

    def axes(self):
        bottom = HEIGHT - BOTTOM
        step = nice(self.top_ms)
        ms = 0.0
        while ms <= self.top_ms * 1.001:
            self.line(LEFT, self.y(ms), WIDTH - RIGHT, self.y(ms), "#e4e4e4")
            self.text(LEFT - 6, self.y(ms) + 4, f"{ms:g}", "end")
            ms = round(ms + step, 9)
        step, t = nice(self.seconds, 10), 0.0
        while t <= self.seconds:
            self.line(self.x(t), bottom, self.x(t), bottom + 5, "#333")
            self.text(self.x(t), bottom + 18, f"{t:g}", "middle")
            t = round(t + step, 9)
        self.line(LEFT, bottom, WIDTH - RIGHT, bottom, "#333")
        self.line(LEFT, TOP, LEFT, bottom, "#333")
        self.text(LEFT, TOP - 8, "round-trip time, ms")
        self.text(WIDTH - RIGHT, bottom + 34, "seconds", "end")

    def points(self, rtts):
        """(time, ms) of every answered echo."""
        d = "".join(f"M{self.x(t):.1f} {self.y(ms):.1f}h.01" for t, ms in rtts)
        self.out.append(f'<path d="{d}" stroke="#1f6fb4" stroke-width="2.2" '
                        'stroke-linecap="round" fill="none"/>')

    def losses(self, times):
        """A red stroke below the axis for every echo without answer."""
        y = HEIGHT - BOTTOM + 40
        d = "".join(f"M{self.x(t):.1f} {y}v14" for t in times)
        self.out.append(f'<path d="{d}" stroke="#c22" stroke-width="1.4" '
                        'fill="none"/>')
        self.text(LEFT - 6, y + 11, "lost", "end", colour="#c22")

    def mark(self, t, label):
        self.line(self.x(t), TOP, self.x(t), HEIGHT - BOTTOM, "#888", dash="4 3")
        self.text(self.x(t) + 3, TOP + 12, label, colour="#555")

    def write(self, path):
        y = HEIGHT - 12
        self.text(LEFT, y, "dot: an answered echo; red: a lost one; dashed: "
                  "the node is plugged into another access router")
        super().write(path)


def roaming(path, title, ping, moves):
    """The plot of a Pinger's life; moves: [(time, label)]."""
    start = ping.sent[0]
    rtts = [(ping.sent[i] - start, ping.rtt[i] * 1000)
            for i in sorted(ping.rtt)]
    typical = sorted(ms for _, ms in rtts)[int(len(rtts) * 0.99)] if rtts else 1
    p = Plot(title, ping.sent[-1] - start, max(typical * 1.5, 1.0))
    p.axes()
    p.points(rtts)
    p.losses([ping.sent[i] - start for i in ping.lost])
    for when, label in moves:
        p.mark(when - start, label)
    p.write(path)
