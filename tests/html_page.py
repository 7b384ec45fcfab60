"""An HTML page as a test reads it: headings, tables, pictures."""

from __future__ import annotations

import html.parser

_VOID = ("meta", "link", "br", "img")


class HtmlPage(html.parser.HTMLParser):
    """Headings, tables and pictures of a page; it minds that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.tables, self.labels, self.addresses, self.ids = [], {}, [], [], []
        self.tags, self._open = set(), []
        self._caption, self._cell, self._small = None, None, False
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.addresses += [v for n, v in attributes if n in ("href", "xlink:href", "src")]
        if tag == "svg":
            assert values["role"] == "img"
            self.labels.append(values["aria-label"])
        if tag == "caption":
            self._caption = ""
        if tag == "tr":
            self.tables[self._caption].append([])
        if tag in ("td", "th"):
            self._cell = ""
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag == "caption":
            self.tables[self._caption] = []
        if tag in ("td", "th"):
            self.tables[self._caption][-1].append(self._cell)
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell += f" {data}" if self._open[-1] == "small" else data
        elif self._open and self._open[-1] == "caption":
            self._caption += data
        elif self._open and self._open[-1] in ("h1", "h2", "h3"):
            self.headings.append((self._open[-1], data))

    def table(self, start):
        """Return the rows of the table whose caption begins so, by their first cells."""
        (caption,) = (caption for caption in self.tables if caption.startswith(start))
        head, *rows = self.tables[caption]
        return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
