"""What the walk is made of: expectations, and a person at a browser without a window."""

import json
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests

ADA = {"name": "ada", "password": "analytical engine"}
TIMEOUT = 10


class StepError(Exception):
    """Something else came than was expected."""


def expect(what, expected, came):
    """Raise unless *came* is what was expected."""
    if came != expected:
        raise StepError(f"{what}\n  expected: {expected!r}\n  came:     {came!r}")


def expect_in(what, expected, text):
    """Raise unless *expected* is part of *text*."""
    if expected not in text:
        raise StepError(f"{what}\n  expected in it: {expected!r}\n  came:           {text!r}")


# --- a person at a browser ------------------------------------------------------------------------


class Forms(HTMLParser):
    """The forms of a page, and its text."""

    def __init__(self, html):
        super().__init__()
        self.forms, self.texts, self._inside, self._tag = [], {}, [], None
        self.feed(html)
        self.text = " ".join("".join(self._inside).split())

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        self._tag = values.get("id")
        if tag == "form":
            self.forms.append({"action": values.get("action", ""), "fields": [], "ticks": [], "buttons": []})
        elif tag == "input" and self.forms:
            if values.get("type") == "checkbox":
                self.forms[-1]["ticks"].append((values["name"], values["value"]))
            elif values.get("type") == "radio" and "checked" not in values:
                pass  # another one of its group is chosen
            else:
                self.forms[-1]["fields"].append((values.get("name", ""), values.get("value", "")))
        elif tag == "textarea" and self.forms:
            self.forms[-1]["fields"].append((values.get("name", ""), ""))
        elif tag == "button" and self.forms:
            self.forms[-1]["buttons"].append([values.get("name"), values.get("value"), ""])

    def handle_data(self, data):
        self._inside.append(data)
        if self._tag:
            self.texts[self._tag] = self.texts.get(self._tag, "") + data
        for form in self.forms[-1:]:
            if form["buttons"] and not form["buttons"][-1][2]:
                form["buttons"][-1][2] = data.strip()


class Browser:
    """Keeps cookies, follows redirects, fills in forms."""

    def __init__(self):
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy stands between this computer and itself
        self.page = None

    def visit(self, url, **options):
        """Go somewhere; the answer."""
        self.page = self.http.get(url, timeout=TIMEOUT, **options)
        return self.page

    def press(self, button, ticks=(), follow=True, **typed):
        """Fill in the form that has this button, tick boxes, press it; the answer."""
        for form in Forms(self.page.text).forms:
            for name, value, label in form["buttons"]:
                if label == button:
                    fields = [(field, typed.get(field, given)) for field, given in form["fields"]]
                    fields += [tick for tick in form["ticks"] if tick[1] in ticks]
                    fields += [(name, value)] if name else []
                    url = urljoin(self.page.url, form["action"])
                    headers = {"Referer": self.page.url, "Content-Type": "application/x-www-form-urlencoded"}
                    options = {"headers": headers, "timeout": TIMEOUT, "allow_redirects": follow}
                    self.page = self.http.post(url, data=urlencode(fields), **options)
                    return self.page
        raise StepError(f"The page {self.page.url} has no button {button!r}:\n{self.text}")

    @property
    def text(self):
        """What the page says."""
        return Forms(self.page.text).text

    def json_in(self, element):
        """The JSON that the page shows in an element."""
        texts = Forms(self.page.text).texts
        if element not in texts:
            raise StepError(f"The page {self.page.url} shows no {element}:\n{self.page.status_code} {self.text}")
        return json.loads(texts[element])


def query_of(url):
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
