#!/usr/bin/env python3
"""What a program printed to a terminal, as an SVG picture:  program --color always | tools/terminal_picture.py [TITLE] > out.svg

Bold, dim and the eight colours are understood; every other escape sequence is left out.
"""

import html
import re
import sys

WIDTH, HEIGHT, PAD = 8.4, 19, 16  # of a character cell; around the text
COLOURS = {31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea"}
PLAIN, DIM, GROUND, BAR = "#e6edf3", "#8b949e", "#0d1117", "#161b22"


def spans(line, state):
    """(column, text, colour, bold) of each piece of one line; `state` goes on from line to line."""
    column = 0
    colour, bold, dim = state
    for piece in re.split(r"(\x1b\[[0-9;?]*[A-Za-z])", line):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if code:
            for number in (int(n or 0) for n in code.group(1).split(";")):
                if number in (0, 22):
                    bold = dim = False
                    colour = None if number == 0 else colour
                elif number == 1:
                    bold = True
                elif number == 2:
                    dim = True
                elif number == 39:
                    colour = None
                elif number in COLOURS or number - 60 in COLOURS:
                    colour = COLOURS.get(number) or COLOURS[number - 60]
        elif not piece.startswith("\x1b"):
            for word in re.finditer(r"\S+(?: \S+)*", piece):
                yield column + word.start(), word.group(), colour or (DIM if dim else PLAIN), bold
            column += len(piece)
    state[:] = colour, bold, dim


def picture(text, title):
    lines = text.rstrip("\n").split("\n")
    plain = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in lines]
    width = max(80, *map(len, plain)) * WIDTH + 2 * PAD
    top = 36
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{len(lines) * HEIGHT + top + 2 * PAD}" '
           'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">',
           f'<title>{html.escape(title)}</title>',
           f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/><path d="M0 {top}V8a8 8 0 0 1 8-8H{width - 8:.0f}a8 8 0 0 1 8 8V{top}z" fill="{BAR}"/>',
           "".join(f'<circle cx="{18 + 20 * i}" cy="18" r="6" fill="{c}"/>' for i, c in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))),
           f'<text x="{width / 2:.0f}" y="23" fill="{DIM}" text-anchor="middle">{html.escape(title)}</text>']
    state = [None, False, False]
    for row, line in enumerate(lines):
        y = top + PAD + row * HEIGHT + 13
        for column, words, colour, bold in spans(line, state):
            weight = ' font-weight="bold"' if bold else ""
            # The width of the text is said, so that columns stand under each other in any font.
            out.append(f'<text x="{PAD + column * WIDTH:.1f}" y="{y}" fill="{colour}"{weight} '
                       f'textLength="{len(words) * WIDTH:.1f}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">{html.escape(words)}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(picture(sys.stdin.read(), sys.argv[1] if len(sys.argv) > 1 else "sighter"))
