"""Walks through the examples over HTTP, like a person and like programs, and tells what it saw.

``python examples/check.py`` starts the provider, the client application and the published example,
prints a line for each step, and ends with a code other than 0 at the first surprise.
"""

import base64
import hashlib
import re
import secrets
import sys
from urllib.parse import urlencode, urlsplit

import requests
import servers
from check_openid import openid
from person import ADA, TIMEOUT, Browser, Forms, StepError, expect, expect_in, query_of

# --- the walk -------------------------------------------------------------------------------------


class Walk:
    """One walk; each method is a chapter of it."""

    def __init__(self, running):
        self.provider, self.client = running.urls["provider"], running.urls["client_app"]
        self.published = running.urls["published_example"]
        self.credentials = ("demo", running.client_secret)
        self.browser = Browser()
        self.references = {}
        self.steps = 0

    def ok(self, step):
        """Tell of a step that went well."""
        self.steps += 1
        print(f"ok {self.steps:2}  {step}", flush=True)

    def everything(self):
        """All chapters."""
        self.before()
        self.sign_in()
        self.consent()
        self.use()
        self.refresh_and_replay()
        self.give_back()
        self.program_of_its_own()
        self.public_client()
        self.wrong_redirect_uri()
        self.administration()
        openid(self)
        self.published_example()
        self.sign_out()

    def api(self, path, token=None, method="GET", **options):
        """Call the provider as a program, without cookies."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with requests.Session() as http:
            http.trust_env = False
            return http.request(method, self.provider + path, headers=headers, timeout=TIMEOUT, **options)

    def ask(self, path, auth=None, **data):
        """Post a form to an endpoint of the provider."""
        return self.api(path, method="POST", data=data, auth=auth)

    def before(self):
        """What can be seen without a token."""
        answer = self.api("/.well-known/oauth-authorization-server")
        expect("The metadata document", 200, answer.status_code)
        told = answer.json()
        expect("The issuer in the metadata", self.provider, told["issuer"])
        for name in ("authorization", "token", "revocation", "introspection"):
            address = told[f"{name}_endpoint"]
            expect(f"The {name} endpoint's origin", self.provider, address[: len(self.provider)])
        expect("The PKCE methods in the metadata", ["S256"], told["code_challenge_methods_supported"])
        self.ok("the metadata document names issuer, endpoints and S256")

        answer = self.api("/api/me")
        expect("The API without a token", 401, answer.status_code)
        expect_in("The challenge", 'Bearer realm="OAuth 2.0", scope="email"', answer.headers["WWW-Authenticate"])
        self.ok("the API refuses a call without a token, with a challenge")

    def sign_in(self):
        """From the client application to the provider's own login page."""
        browser = self.browser
        browser.visit(self.client)
        browser.press("Sign in with Demo Notes")
        expect("The page after 'Sign in'", f"{self.provider}/login", browser.page.url.partition("?")[0])
        self.ok("the client application sends a person to the provider's login page")

        browser.press("Sign in", name="ada", password="difference engine")
        expect_in("The page after a wrong password", "do not belong together", browser.text)
        self.ok("a wrong password is refused")

        elsewhere = Browser()
        elsewhere.visit(f"{self.provider}/login?next=//elsewhere.example/")
        expect(
            "Where a login with a foreign 'next' leads",
            "/",
            elsewhere.press("Sign in", follow=False, **ADA).headers["Location"],
        )
        self.ok("the login page sends nobody to another site")

        browser.press("Sign in", **ADA)
        expect("The page after the login", "/oauth/authorize", urlsplit(browser.page.url).path)
        self.ok("after the login the consent page is shown")

    def consent(self):
        """Deny, then allow."""
        browser, port = self.browser, urlsplit(self.client).port
        for words in (
            "Allow Demo Client to use your Demo Notes account?",
            f"The answer goes to a program on this computer (127.0.0.1, port {port})",
            "Signed in as ada",
            "Read and write your notes",
        ):
            expect_in("The consent page", words, browser.text)
        expect_in("The consent page", "Read your name and e-mail address", browser.text)
        expect("Frames around the consent page", "DENY", browser.page.headers["X-Frame-Options"])
        self.ok("the consent page names the client, its host, the person and the scopes")

        answer = browser.press("Deny")
        expect("Where a denial leads", f"{self.client}/callback", answer.url.partition("?")[0])
        expect("What the client was told", "access_denied", query_of(answer.url)["error"])
        expect_in("The client's page", "The provider said: access_denied", browser.text)
        self.ok("deny: access_denied arrives at the client")

        browser.visit(self.client)
        browser.press("Sign in with Demo Notes")
        expect_in("The page when the client asks again", "Allow Demo Client", browser.text)
        browser.press("Allow", ticks=("notes",))
        back = browser.page.history[-1].url
        expect("Where Allow leads", f"{self.client}/callback", back.partition("?")[0])
        expect("What the client was handed", {"code", "state", "iss"}, set(query_of(back)))
        expect("The issuer in the answer", self.provider, query_of(back)["iss"])
        self.ok("allow: the client is handed code, state and iss")

        self.token = browser.json_in("token")
        expect("The token type", "Bearer", self.token["token_type"])
        expect("The scopes of the token", "email notes", self.token["scope"])
        expect_in("The token answer", "refresh_token", self.token)
        self.ok("the client has exchanged the code, with PKCE, for an access and a refresh token")

    def use(self):
        """The API, with and without a token."""
        answers = self._called_by_client()
        expect("What /api/me says", {"name": "ada", "email": "ada@example.org"}, answers["/api/me"]["json"])
        expect("What /api/notes says", "The first note of ada.", answers["/api/notes"]["json"][0]["text"])
        self.ok("the client calls the API in the person's name")

        access = self.token["access_token"]
        answer = self.api("/api/notes", access, "POST", data={"text": "Remember the Bernoulli numbers."})
        expect("A new note by token", 201, answer.status_code)
        answer = self.browser.http.post(f"{self.provider}/api/notes", data={"text": "forged"}, timeout=TIMEOUT)
        expect("A new note by cookie alone", 400, answer.status_code)
        expect_in("Why it is refused", "CSRF", answer.text)
        self.ok("CSRFProtect lets a POST with a token in, and no POST with a cookie alone")

        told = self.ask("/oauth/introspect", self.credentials, token=access).json()
        expect("Whether the token is active", True, told["active"])
        expect("Whose client it is", "demo", told["client_id"])
        self.ok("introspection tells the client about its token")

    def _called_by_client(self):
        self.browser.visit(self.client)
        self.browser.press("Call the API")
        return self.browser.json_in("answers")

    def refresh_and_replay(self):
        """A new pair of tokens; the old refresh token ends everything."""
        browser, old = self.browser, self.token
        browser.press("Refresh the token")
        self.token = browser.json_in("token")
        for name in ("access_token", "refresh_token"):
            expect(f"Whether there is a new {name}", True, self.token[name] != old[name])
        expect("The API with the new token", 200, self._called_by_client()["/api/me"]["status"])
        self.ok("refresh: a new access token and a new refresh token, and the API answers")

        answer = self.ask(
            "/oauth/token", self.credentials, grant_type="refresh_token", refresh_token=old["refresh_token"]
        )
        expect("The old refresh token once more", (400, "invalid_grant"), (answer.status_code, answer.json()["error"]))
        self.ok("the old refresh token is refused")

        for whose, token in (("old", old), ("new", self.token)):
            answer = self.api("/api/me", token["access_token"])
            expect(f"The API with the {whose} access token", 401, answer.status_code)
        expect("The API as the client sees it", 401, self._called_by_client()["/api/me"]["status"])
        browser.press("Refresh the token")
        expect_in("The client's page", "invalid_grant", browser.text)
        self.ok("... and has ended its whole family: the API answers 401, and nothing can be refreshed")

    def give_back(self):
        """Sign in again, which needs no consent, and revoke."""
        browser = self.browser
        browser.visit(self.client)
        browser.press("Sign out here")
        browser.press("Sign in with Demo Notes")
        expect("Where a person who has allowed it ends", f"{self.client}/", browser.page.url)
        token = browser.json_in("token")
        expect("The API with the new token", 200, self._called_by_client()["/api/me"]["status"])
        self.ok("signing in again asks nothing that was allowed before")

        browser.press("Give the token back")
        expect("The API after that", 401, self._called_by_client()["/api/me"]["status"])
        for name in ("access_token", "refresh_token"):
            told = self.ask("/oauth/introspect", self.credentials, token=token[name]).json()
            expect(f"What introspection tells of the {name}", {"active": False}, told)
        self.ok("revocation: the API answers 401, and introspection tells that both tokens are dead")

    def program_of_its_own(self):
        """The grant client_credentials."""
        answer = self.ask("/oauth/token", self.credentials, grant_type="client_credentials", scope="email")
        expect("The token request", 200, answer.status_code)
        token = answer.json()
        expect("Whether a refresh token came", False, "refresh_token" in token)
        expect("Ping", {"ping": "pong"}, self.api("/oauth/ping/", token["access_token"]).json())
        expect("The API, which wants a person", 403, self.api("/api/me", token["access_token"]).status_code)
        self.ok("client_credentials: a token for the client itself, which is nobody to the API")

        answer = self.ask("/oauth/token", ("demo", "wrong"), grant_type="client_credentials")
        expect("A wrong secret", (401, "invalid_client"), (answer.status_code, answer.json()["error"]))
        self.ok("a wrong client secret is refused")

    def public_client(self):
        """A program on the person's computer: no secret, PKCE, any loopback port."""
        redirect_uri = f"http://127.0.0.1:{servers.free_ports(0)[0]}/callback"
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        browser = self.browser
        browser.visit(
            self._authorize("public", redirect_uri, code_challenge=challenge, code_challenge_method="S256", state="s 1")
        )
        expect_in("The consent page", "This app runs on your computer.", browser.text)
        # There is no such program, so the answer is read off the redirect.
        location = browser.press("Allow", follow=False).headers["Location"]
        expect("Where Allow leads", redirect_uri, location.partition("?")[0])
        answer = query_of(location)
        expect("The state", "s 1", answer["state"])
        form = {"grant_type": "authorization_code", "client_id": "public", "redirect_uri": redirect_uri}
        refused = self.ask("/oauth/token", **form, code=answer["code"], code_verifier="v" * 43)
        expect("A wrong verifier", (400, "invalid_grant"), (refused.status_code, refused.json()["error"]))
        token = self.ask("/oauth/token", **form, code=answer["code"], code_verifier=verifier).json()
        expect("The scopes, with the optional one left unticked", "email", token.get("scope", token))
        refused = self.api("/api/notes", token["access_token"])
        expect("The API for a scope not held", 403, refused.status_code)
        expect("What it says", "insufficient_scope", refused.json()["error"])
        self.ok("a public client gets its code on any loopback port, and a token for the right verifier only")

        again = self.ask("/oauth/token", **form, code=answer["code"], code_verifier=verifier)
        expect("The code once more", (400, "invalid_grant"), (again.status_code, again.json()["error"]))
        expect("The API after that", 401, self.api("/api/me", token["access_token"]).status_code)
        self.ok("a code used twice is refused, and ends what it had given")

    def wrong_redirect_uri(self):
        """The one error that no client is told."""
        for what, url in (
            ("an unregistered redirect_uri", self._authorize("demo", "https://elsewhere.example/callback")),
            ("an unknown client", self._authorize("nobody", f"{self.client}/callback")),
        ):
            page = self.browser.visit(url, allow_redirects=False)
            expect(f"The status for {what}", 400, page.status_code)
            expect("Whether it redirects", None, page.headers.get("Location"))
            expect_in("The page", "Nothing has been shared.", self.browser.text)
            self.references[what] = re.search(r"F-\w{4}-\w{4}", self.browser.text)[0]
        self.ok("a wrong redirect_uri, or an unknown client, is told to the person on a page, without a redirect")

    def administration(self):
        """Why it failed, and another client."""
        browser, house = self.browser, f"{self.provider}/admin/oauth2"
        other = Browser()
        other.visit(f"{self.provider}/login")
        other.press("Sign in", name="bob", password="build it twice")
        expect("The administration for somebody else", 403, other.visit(f"{house}/").status_code)
        expect("The administration for ada", 200, browser.visit(f"{house}/").status_code)
        self.ok("administration is open to who the app's hook admits")

        browser.visit(f"{house}/failures/{self.references['an unregistered redirect_uri']}/")
        for words in ("The redirect URI is not registered", "https://elsewhere.example/callback", "Demo Client"):
            expect_in("The page of the failure", words, browser.text)
        self.ok("the reference of an error page leads to the reason, what differed, and what to do")

        browser.visit(f"{house}/clients/new/?preset=service")
        browser.press("Register client", name="Night Job", ticks=("email",))
        texts = Forms(browser.page.text).texts
        client_id, secret = (texts[name].strip() for name in ("o2-client-id", "o2-once-value"))
        answer = self.ask("/oauth/token", (client_id, secret), grant_type="client_credentials", scope="email")
        expect("The first token of the new client", 200, answer.status_code)
        self.ok("a service is registered by its name and one press, and gets its first token")

    def _authorize(self, client_id, redirect_uri, **more):
        asked = {"response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "scope": "email notes"}
        return f"{self.provider}/oauth/authorize?{urlencode({**asked, **more})}"

    def published_example(self):
        """The original's extended example, in a process of its own."""
        browser, example = self.browser, f"{self.published}/oauth2test"
        expect("The example before the login", 403, browser.visit(f"{example}/test-ping").status_code)
        browser.visit(f"{example}/login")
        expect_in("The consent page", "Allow Published Example", browser.text)
        browser.press("Deny")
        expect("What the example says to a denial", "Access denied: error=access_denied", browser.page.text)
        browser.visit(f"{example}/login")
        browser.press("Allow")
        expect("Where Allow leads", f"{example}/authorized", browser.page.url.partition("?")[0])
        expect("The scope of its token", "test:scope", browser.page.json().get("scope"))
        self.ok("the published example: login")

        answer = browser.visit(f"{example}/test-ping")
        expect("Ping", (200, {"ping": "pong"}), (answer.status_code, answer.json()))
        self.ok("the published example: ping")

        told = browser.visit(f"{example}/test-info").json()
        expect("Client and scopes in info", ("confidential", ["test:scope"]), (told["client"], told["scopes"]))
        self.ok("the published example: info")

        expect("Invalid", 403, browser.visit(f"{example}/test-invalid").status_code)
        self.ok("the published example: invalid is refused with 403")

        expect("Logout", "logout", browser.visit(f"{example}/logout").text)
        expect("Ping after the logout", 403, browser.visit(f"{example}/test-ping").status_code)
        self.ok("the published example: logout")

    def sign_out(self):
        """The end."""
        browser = self.browser
        browser.visit(self.provider)
        browser.press("Sign out")
        browser.visit(
            self._authorize("demo", f"{self.client}/callback", code_challenge="c" * 43, code_challenge_method="S256")
        )
        expect("Where a person who is signed out is sent", f"{self.provider}/login", browser.page.url.partition("?")[0])
        self.ok("after signing out the provider wants a login again")


def main():
    """Start, walk, end; the exit code."""
    servers.end_on_signals()
    provider, client, published = servers.free_ports(0, 0, 0)
    ports = {"provider": provider, "client_app": client, "published_example": published}
    try:
        with servers.running(ports, quiet=True) as running:
            walk = Walk(running)
            try:
                walk.everything()
            except StepError as surprise:
                print(f"SURPRISE after step {walk.steps}: {surprise}\n{running.logs()}", file=sys.stderr)
                return 1
            except Exception:
                print(f"SURPRISE after step {walk.steps}\n{running.logs()}", file=sys.stderr)
                raise
    except servers.ServerError as failure:
        print(failure, file=sys.stderr)
        return 1
    print(f"{walk.steps} steps, no surprise")
    return 0


if __name__ == "__main__":
    sys.exit(main())
