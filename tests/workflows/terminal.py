"""What stands on a terminal after what was written to it: enough of one for bars that are drawn in place."""

import re

SEQUENCE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


def screen(written: str, columns: int) -> list[str]:
    """The lines that a person sees, those that scrolled away too; a line that is too long goes on below."""
    lines, row, column = [[" "] * columns], 0, 0
    while written:
        found = SEQUENCE.match(written)
        if found:
            number = int(found[1]) if found[1].isdigit() else 1
            if found[2] == "K":
                lines[row] = [" "] * columns
            elif found[2] == "A":
                row = max(row - number, 0)
            written = written[found.end() :]
            continue
        sign, written = written[0], written[1:]
        if sign == "\r":
            column = 0
        elif sign == "\n" or column == columns:
            row, column = row + 1, 0 if sign != "\n" else column
            lines += [[" "] * columns] * (row == len(lines))
        if sign not in "\r\n":
            lines[row][column] = sign
            column += 1
    return ["".join(line).rstrip() for line in lines]
