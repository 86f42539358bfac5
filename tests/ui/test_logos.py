"""Logos of applications: judged by their content, kept here, seen once the application is checked."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from ..support import Browser, Client, Provider
from .pages import HOME, NEW_CLIENT, jpeg, landed, parse, png, press, registered, said, stored, webp, words
from .test_my_applications import verify
from .test_personal_tokens import problems

PICTURES = {"image/png": png, "image/jpeg": jpeg, "image/webp": webp}
NO_PICTURE = "Logo: This is no PNG, JPEG or WebP picture. Choose one that is."
KB = 1024


def file(content: bytes, name: str = "logo.png", content_type: str | None = None) -> Any:
    """A file as a form uploads it."""
    return (BytesIO(content), name, content_type) if content_type else (BytesIO(content), name)


def upload(browser: Browser, content: bytes, name: str = "logo.png", content_type: str | None = None) -> Any:
    """Register an application with that logo; the answer."""
    values = {"name": "Papers", "redirect_uris": "https://client.example/cb", "scopes": ["email"]}
    page = browser.visit(NEW_CLIENT)
    return press(browser, page, "Create application", logo=file(content, name, content_type), **values)


def pictures(page: Any) -> list[str]:
    return [image.attributes["src"] for image in parse(page).all("img")]


@pytest.fixture
def papers(ada: Browser) -> tuple[Client, str, str]:
    """An application with a logo, the address of its page, and that of its logo."""
    client, address = registered(ada, logo=file(png()))
    (logo,) = set(pictures(ada.visit(address)))
    return client, address, logo


# --- what is accepted -----------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["image/png", "text/html", "application/octet-stream", "image/svg+xml"])
@pytest.mark.parametrize("kind", PICTURES)
def test_it_is_served_as_what_it_is_whatever_was_said_of_it(any_provider: Provider, kind: str, told: str) -> None:
    ada = any_provider.browser("ada")
    content = PICTURES[kind]()
    page = upload(ada, content, "evil.html", told)
    (logo,) = set(pictures(page))
    answer = ada.visit(logo)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, content, kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "private, max-age=300"
    assert "Content-Disposition" not in answer.headers


@pytest.mark.parametrize("size", [128, 129, 512, 4096])
def test_sizes_that_are_accepted(provider: Provider, ada: Browser, size: int) -> None:
    assert "Copy its secret now" in words(upload(ada, png(size)))
    assert stored(provider, "ClientLogo") == 1


def test_200_kb_are_accepted_to_the_byte(provider: Provider, ada: Browser) -> None:
    assert "Copy its secret now" in words(upload(ada, png(size=200 * KB)))
    assert stored(provider, "ClientLogo") == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (png(127), "Logo: The picture has 127 × 127 pixels. Choose a square one of 128 to 4096."),
        (png(128, 129), "Logo: The picture has 128 × 129 pixels. Choose a square one of 128 to 4096."),
        (jpeg(256, 128), "Logo: The picture has 256 × 128 pixels. Choose a square one of 128 to 4096."),
        (webp(64), "Logo: The picture has 64 × 64 pixels. Choose a square one of 128 to 4096."),
        (webp(4097), "Logo: The picture has 4097 × 4097 pixels. Choose a square one of 128 to 4096."),
        (png(size=201 * KB), "Logo: The file is 201 KB. Choose one of at most 200 KB."),
        (png(size=1434 * KB), "Logo: The file is 1.4 MB. Choose one of at most 200 KB."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", NO_PICTURE),
        (b"GIF89a\x80\x00\x80\x00\x00\x00\x00;", NO_PICTURE),
        (b"<!doctype html><script>alert(1)</script>", NO_PICTURE),
        (b"BM" + b"\0" * 100, NO_PICTURE),
        (b"%PDF-1.7" + png(), NO_PICTURE),
        (b" " + png(), NO_PICTURE),
        (png()[:8], NO_PICTURE),
        (png()[:32], NO_PICTURE),
        (jpeg()[:20], NO_PICTURE),
        (b"\xff\xd8\xff", NO_PICTURE),
        (b"\xff\xd8" + b"\xff\xe0\0\0" * 20, NO_PICTURE),
        (webp()[:20], NO_PICTURE),
        (b"RIFF\x20\0\0\0WAVE" + b"\0" * 40, NO_PICTURE),
        (b"x", NO_PICTURE),
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_the_remedy(
    provider: Provider, ada: Browser, content: bytes, sentence: str
) -> None:
    assert problems(upload(ada, content, content_type="image/png")) == [sentence]
    assert stored(provider, "Client") == stored(provider, "ClientLogo") == 0


def test_what_is_far_too_long_is_not_read(provider: Provider, ada: Browser) -> None:
    answer = upload(ada, b"\0" * 4096 * KB)
    assert answer.status_code == 413
    assert stored(provider, "Client") == 0


def test_no_file_is_no_logo(provider: Provider, ada: Browser) -> None:
    assert "Copy its secret now" in words(upload(ada, b"", ""))
    assert stored(provider, "ClientLogo") == 0


def test_a_picture_that_is_something_else_as_well_is_shown_as_a_picture_only(ada: Browser) -> None:
    """The script behind the picture is never looked at: type, nosniff and sandbox say so."""
    content = png() + b"<script>alert(document.domain)</script>"
    (logo,) = set(pictures(upload(ada, content, "page.html", "text/html")))
    answer = ada.visit(logo)
    assert answer.mimetype == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].endswith("sandbox")


# --- who sees it ----------------------------------------------------------------------------------


def test_until_it_is_checked_its_owner_alone_sees_it(
    provider: Provider, ada: Browser, papers: tuple[Client, str, str]
) -> None:
    client, address, logo = papers
    bob, nobody = provider.browser("bob"), provider.browser()
    assert [who.visit(logo).status_code for who in (ada, bob, nobody)] == [200, 404, 404]
    consent = bob.visit(client.address())
    assert pictures(consent) == []
    assert parse(consent).all(class_="o2-tile-52")[0].text == "P"
    verify(provider)
    assert [who.visit(logo).status_code for who in (ada, bob, nobody)] == [200, 200, 200]
    assert pictures(bob.visit(client.address())) == [logo]
    bob.allow(client.address())
    assert pictures(bob.visit(HOME)) == [logo]
    press(ada, ada.visit(f"{address}edit/"), "Save changes", name="Sheets")
    assert [who.visit(logo).status_code for who in (ada, bob, nobody)] == [200, 404, 404]
    assert pictures(bob.visit(HOME)) == []


def test_even_its_owner_sees_none_where_people_decide(ada: Browser, papers: tuple[Client, str, str]) -> None:
    assert pictures(ada.visit(papers[0].address())) == []


def test_two_applications_with_the_same_picture_are_judged_apart(
    provider: Provider, ada: Browser, papers: tuple[Client, str, str]
) -> None:
    """The checked one does not vouch for the other; whoever owns either sees the picture."""
    bob = provider.browser("bob")
    copy, _ = registered(bob, "Copy", logo=file(png()))
    assert [who.visit(papers[2]).status_code for who in (ada, bob, provider.browser())] == [200, 200, 404]
    verify(provider)
    assert pictures(ada.visit(copy.address())) == []
    assert pictures(bob.visit(papers[0].address())) == [papers[2]]


@pytest.mark.parametrize("digest", ["0" * 64, "", "..%2F..%2Fetc%2Fpasswd", "'%20OR%201=1--", "x" * 3000, "%00"])
def test_no_other_address_has_a_picture(provider: Provider, papers: tuple[Client, str, str], digest: str) -> None:
    verify(provider)
    answer = provider.browser().visit(f"/oauth/logos/{digest}")
    assert answer.status_code == 404
    assert not answer.mimetype.startswith("image/")


# --- another, and none ----------------------------------------------------------------------------


def test_another_one_takes_its_place(provider: Provider, ada: Browser, papers: tuple[Client, str, str]) -> None:
    _, address, logo = papers
    press(ada, ada.visit(f"{address}edit/"), "Save changes", logo=file(jpeg(256)))
    (new,) = set(pictures(ada.visit(address)))
    assert [ada.visit(logo).status_code, ada.visit(new).mimetype] == [404, "image/jpeg"]
    assert stored(provider, "ClientLogo") == 1


def test_it_is_taken_away(provider: Provider, ada: Browser, papers: tuple[Client, str, str]) -> None:
    _, address, logo = papers
    verify(provider)
    page = press(ada, ada.visit(f"{address}edit/"), "Save changes", remove_logo="yes")
    assert said(landed(ada, page)).startswith("Saved. Because the logo changed, Meridian will check")
    assert [ada.visit(logo).status_code, stored(provider, "ClientLogo")] == [404, 0]
    assert "Remove the logo it has now" not in words(ada.visit(f"{address}edit/"))


def test_saving_without_a_file_keeps_it(ada: Browser, papers: tuple[Client, str, str]) -> None:
    _, address, logo = papers
    verify(ada.provider)
    assert said(landed(ada, press(ada, ada.visit(f"{address}edit/"), "Save changes", description="x"))) == "Saved."
    assert ada.visit(logo).status_code == 200
    same = press(ada, ada.visit(f"{address}edit/"), "Save changes", logo=file(png()))
    assert said(landed(ada, same)) == "Saved."


def test_a_bad_one_keeps_the_good_one(ada: Browser, papers: tuple[Client, str, str]) -> None:
    _, address, logo = papers
    page = press(ada, ada.visit(f"{address}edit/"), "Save changes", logo=file(b"<svg/>"), name="Sheets")
    assert problems(page) == [NO_PICTURE]
    assert ada.visit(logo).status_code == 200
    assert "Papers" in words(ada.visit(address))


def test_it_goes_with_the_application(provider: Provider, ada: Browser, papers: tuple[Client, str, str]) -> None:
    press(ada, ada.visit(papers[1]), "Delete application", confirm_name="Papers")
    assert [stored(provider, "ClientLogo"), ada.visit(papers[2]).status_code] == [0, 404]


def test_nothing_is_loaded_from_an_address_that_a_client_names(provider: Provider, ada: Browser) -> None:
    """There is no ``logo_uri``; what else it names is linked and never loaded."""
    with pytest.raises(ValueError, match="logo_uri"):
        provider.client(logo_uri="https://evil.example/pixel.png")
    named = {name: f"https://evil.example/{name}" for name in ("client_uri", "policy_uri", "tos_uri")}
    client = provider.client(**named)
    page = ada.visit(client.address())
    ada.allow(client.address())
    for shown in (page, ada.visit(HOME)):
        loaded = [e.attributes.get("src", "") for e in parse(shown).all()]
        loaded += [e.attributes["href"] for e in parse(shown).all("link")]
        assert "evil.example" in shown.text
        assert "evil.example" not in " ".join(loaded)


def test_the_api_takes_the_same_pictures(provider: Provider, ada: Browser) -> None:
    client = provider.client(logo=webp())
    (logo,) = pictures(ada.visit(client.address()))
    assert provider.browser().visit(logo).mimetype == "image/webp"
    with pytest.raises(ValueError, match="200 KB"):
        provider.client(logo=png(size=201 * KB))
