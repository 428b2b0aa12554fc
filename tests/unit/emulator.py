"""A terminal in memory, to hold what a user sees against what was written."""

import io

import pyte


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.TextIOBase):
    """Shows what is written to it; its size is that of the environment, as for any program."""

    def __init__(self, monkeypatch, columns=60, lines=8, encoding="utf-8"):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", str(lines))
        self._bytes_as = encoding
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000, ratio=0.5)
        self._stream = pyte.Stream(self.screen)
        self.writes = []

    @property
    def encoding(self):
        return self._bytes_as

    def isatty(self):
        return True

    def fileno(self):
        raise OSError("this is no device")

    def write(self, text):
        self.writes.append(text)
        shown = text.encode(self._bytes_as, "backslashreplace").decode(self._bytes_as)
        self._stream.feed(shown.replace("\n", "\r\n"))
        return len(text)

    @property
    def rows(self):
        """All lines, from the first that was written to the last that is not empty."""
        left = ["".join(line[x].data for x in sorted(line)) for line in self.screen.history.top]
        rows = [line.rstrip() for line in [*left, *self.screen.display]]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def cursor(self):
        """The row, counted as in ``rows``, and the column."""
        return len(self.screen.history.top) + self.screen.cursor.y, self.screen.cursor.x

    def coloured(self):
        """The words in colour on the screen, each with its colour."""
        found = []
        for y in range(self.screen.lines):
            last = "default"
            for x in range(self.screen.columns):
                char = self.screen.buffer[y][x]
                if char.fg != "default":
                    if char.fg == last:
                        found[-1] = (found[-1][0] + char.data, char.fg)
                    else:
                        found.append((char.data, char.fg))
                last = char.fg
        return found
