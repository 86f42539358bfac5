"""The documentation says what the code does: tables are compared with it, and what stands there runs.

Sphinx runs the ``testcode`` and ``doctest`` blocks below ``docs/``; everything else is run here.
"""

from __future__ import annotations

import ast
import doctest
import importlib.util
import inspect
import operator
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import docutils.core
import pytest
from blinker import NamedSignal
from flask import Flask
from flask_login import current_user

import flask_oauth2server
from flask_oauth2server import DEFAULT_FEATURES, cli, config, signals
from flask_oauth2server.domain.clients import _COLUMNS
from flask_oauth2server.domain.metadata import FIELDS
from flask_oauth2server.state import ServerState

from .support import Provider, answer_of, bearer, captioned, picture, serving
from .test_architecture import ROWS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TOP = [ROOT / "README.rst", ROOT / "CONTRIBUTING.rst"]
PAGES = [*TOP, *sorted(page for page in DOCS.rglob("*.rst") if "_build" not in page.parts)]

Make = Callable[..., Provider]


@pytest.fixture(scope="module", autouse=True)
def pages() -> Iterator[None]:
    """All pages are served."""
    with serving(admin=True):
        yield


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> Iterator[str]:
    """The code blocks of *language* on a page, in order, without their options."""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        found = re.fullmatch(r"( *)\.\. code-block:: (\S+)", line)
        if not found or found[2] != language:
            continue
        inside = []
        for further in lines[number + 1 :]:
            if further.strip() and not further.startswith(found[1] + "   "):
                break
            inside.append(further)
        text = textwrap.dedent("\n".join(inside)).strip("\n")
        yield re.sub(r"\A(:\w+:.*\n)+\n*", "", text)


def commands(page: Path) -> list[str]:
    """The commands of all console blocks, lines that go on joined."""
    text = "\n".join(blocks(page, "console")).replace("\\\n", "")
    lines = text.splitlines()
    assert all(line.startswith("$ ") for line in lines if line.strip()), f"{name_of(page)}: a line without $"
    return [line.removeprefix("$ ") for line in lines if line.strip()]


def table_rows(page: Path, after: str) -> list[list[str]]:
    """The cells of the first list-table after a text, the heading left out."""
    text = page.read_text()
    lines = text[text.index(after) :].splitlines()
    begin = next(number for number, line in enumerate(lines) if ".. list-table::" in line)
    rows: list[list[str]] = []
    for line in lines[begin + 1 :]:
        if line.strip() and not line.startswith("   "):
            break
        if found := re.fullmatch(r"   \* -( .*|)", line):
            rows.append([found[1].strip()])
        elif found := re.fullmatch(r"     -( .*|)", line):
            rows[-1].append(found[1].strip())
        elif rows and line.strip():
            rows[-1][-1] += " " + line.strip()
    return rows[1:]


def literals(text: str) -> list[str]:
    return re.findall(r"``([^`]+)``", text)


# --- every kind of block is looked at by somebody -------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_of_a_kind_that_is_run(page: Path) -> None:
    languages = set(re.findall(r"\.\. code-block:: *(\S*)", page.read_text()))
    assert languages <= {"python", "pycon", "console", "html+jinja", "text"}
    ends = [line for line in page.read_text().splitlines() if line.endswith("::") and not line.strip().startswith("..")]
    assert not ends, "a literal block is run by nobody"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_and_links_exist(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\.\. (?:literal)?include:: (\S+)", text):
        assert (page.parent / target).is_file(), target
    for target in re.findall(r"`[^`<]+ <([^>:]+)>`_", text):
        assert (page.parent / target).is_file(), target


@pytest.mark.parametrize("page", TOP, ids=name_of)
def test_pages_outside_of_sphinx_are_well_formed(page: Path) -> None:
    settings = {"halt_level": 2, "report_level": 2, "syntax_highlight": "none"}
    assert docutils.core.publish_doctree(page.read_text(), settings_overrides=settings).children


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.rst").read_text()
    for page in sorted(DOCS.rglob("*.rst")):
        name = page.relative_to(DOCS).with_suffix("").as_posix()
        assert name == "index" or f"   {name}\n" in index, name


# --- code -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [ROOT / "README.rst", DOCS / "index.rst"], ids=name_of)
def test_python_blocks_make_a_provider(page: Path, make: Make) -> None:
    code = list(blocks(page, "python"))
    assert len(code) == 1
    provider = make()  # for its app's db, users and login
    app = Flask("shop")
    app.config.update(SECRET_KEY="a secret", SQLALCHEMY_DATABASE_URI=provider.app.config["SQLALCHEMY_DATABASE_URI"])
    provider.db.init_app(app)
    provider.app.login_manager.init_app(app)
    namespace: dict[str, Any] = {"app": app, "db": provider.db, "User": provider.User, "current_user": current_user}
    exec(compile(code[0], name_of(page), "exec"), namespace)
    with app.app_context():
        user = provider.db.session.get(provider.User, 1)
        token = namespace["oauth2"].create_personal_token(user, name="docs", scopes=["email"])
    assert app.test_client().get("/api/me", headers=bearer(token)).json["user"] == "1"
    assert app.test_client().get("/api/me").status_code == 401
    assert app.test_client().get("/.well-known/oauth-authorization-server").json["issuer"] == "https://shop.example"
    with app.app_context():
        for engine in provider.db.engines.values():
            engine.dispose()


def test_the_readme_counts_right() -> None:
    (code,) = blocks(ROOT / "README.rst", "python")
    marked = [line for line in code.splitlines() if "#" in line]
    assert [line.rpartition("#")[2].strip() for line in marked] == ["1", "2", "3", "4", "5"]
    others = [line for line in code.splitlines() if line.strip() and line not in marked]
    assert others == ['@app.get("/api/me")', "def me():", '    return {"user": current_user.get_id()}']


def test_other_pages_leave_python_to_sphinx() -> None:
    for page in PAGES:
        if page not in (ROOT / "README.rst", DOCS / "index.rst"):
            assert list(blocks(page, "python")) == [], name_of(page)
        if page != ROOT / "README.rst":
            assert list(blocks(page, "pycon")) == [], name_of(page)


def bare_start() -> str:
    (code,) = blocks(ROOT / "README.rst", "pycon")
    return code


def test_the_bare_start_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(bare_start() + "\n", {}, "README.rst", None, 0)
    assert len(test.examples) == 4
    runner = doctest.DocTestRunner()
    failed, tried = runner.run(test, clear_globs=False)[:2]
    assert (failed, tried) == (0, 4)
    assert (tmp_path / "instance" / "oauth2server-development.sqlite").exists()
    server = test.globs["app"].extensions["oauth2server"]
    assert server.development
    with test.globs["app"].app_context():
        server.storage.unit.db.engine.dispose()


def test_it_is_the_same_everywhere() -> None:
    def lines(text: str) -> list[str]:
        return [line.strip() for line in text.splitlines() if ">>>" in line]

    quickstart = (DOCS / "quickstart.rst").read_text()
    assert lines(bare_start()) == lines(quickstart)[:4]


def test_the_quickstart_runs_as_a_file(tmp_path: Path) -> None:
    assert "flask --app myapp run" in commands(DOCS / "quickstart.rst")
    (tmp_path / "myapp.py").write_text(bare_start().replace(">>> ", "") + "\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "myapp", "routes"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "oauth2server.access_token" in done.stdout
    assert "DEVELOPMENT MODE" in done.stderr
    assert "/oauth/?key=" in done.stderr


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page, "console"))], ids=name_of)
def test_commands_work(page: Path, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make()
    if "--client-id reader" not in page.read_text():
        provider.client(client_id="reader")
    runner = provider.app.test_cli_runner()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reader.png").write_bytes(picture())
    for command in commands(page):
        words = shlex.split(command)
        if words[:2] == ["flask", "oauth2"]:
            doctor = ["--offline"] if words[2] == "doctor" else []
            result = runner.invoke(args=[*(filled_in(provider, words, word) for word in words[1:]), *doctor])
            found = doctor and type(result.exception) is SystemExit  # the tests' provider is not quite well
            assert result.exit_code == 0 or found, f"{command}\n{result.output}"
        elif words[0] == "pip":
            check_install(words)
        elif page.name == "sign_in.rst":
            continue  # tests/clients/ follows it to the letter
        elif words[0] == "pybabel":
            translate(page, words, tmp_path)
        elif words[0] == "python":
            assert (ROOT / words[1]).is_file(), command
        elif words[0].startswith("./"):
            assert os.access(ROOT / words[0], os.X_OK), words[0]
            assert all((ROOT / word).exists() for word in words[1:] if "/" in word), command
        else:
            assert command == "flask --app myapp run", f"{command} is run by nobody"


def filled_in(provider: Provider, words: list[str], word: str) -> str:
    """A word of a command; what only the database knows is put in its place."""
    if word == "Ab3d":
        with provider.app.app_context():
            return provider.oauth2.list_secrets(provider.oauth2.get_client("writer"))[0].hint
    if word == "Rv7Q2pXa9LmK4tYc8NdW3s":
        provider.client().tokens(provider.browser("ada"))
        with provider.app.app_context():
            authorization, _ = provider.oauth2.list_authorizations(user=provider.user("ada"))[-1]
            assert len(authorization.public_id) == len(word)
            return authorization.public_id
    if words[2:4] == ["key", "revoke"] and len(word) == 43:
        with provider.app.app_context():
            return provider.app.extensions["oauth2server"].keys.overview()[-1].kid
    if words[2:4] == ["token", "revoke"] and word.isdigit():
        with provider.app.app_context():
            return str(provider.oauth2.list_personal_tokens()[0].id)
    return word


def translate(page: Path, words: list[str], folder: Path) -> None:
    """Run pybabel beside the mapping file that the page shows, on the package."""
    for name, text in captioned(page, "text"):
        (folder / name).write_text(text)
    package = str(Path(flask_oauth2server.__file__).parent)
    arguments = [package if word == "flask_oauth2server" else word for word in words[1:]]
    done = subprocess.run(
        [sys.executable, "-m", "babel.messages.frontend", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    made = folder / ("translations/de/LC_MESSAGES/messages.po" if words[1] == "init" else "messages.pot")
    assert 'msgid "Allow"' in made.read_text() and 'msgid_plural "%(num)s devices"' in made.read_text()


def check_install(words: list[str]) -> None:
    assert words[:2] == ["pip", "install"]
    setup = (ROOT / "setup.py").read_text()
    for extra in re.findall(r"\[(\w+)\]", words[2]):
        assert f'"{extra}": [' in setup, extra


def command_paths(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, further in command.commands.items():
            yield from command_paths(further, f"{path} {name}")
    else:
        yield path, command


def test_every_command_and_option_is_described(provider: Provider) -> None:
    described: dict[str, list[str]] = {}
    current: list[str] = []
    for line in (DOCS / "commands.rst").read_text().splitlines():
        if found := re.fullmatch(r"\.\. program:: (.+)", line):
            current = described.setdefault(found[1], [])
        elif found := re.fullmatch(r"\.\. option:: (.+)", line):
            current += [part.split()[0] for part in found[1].split(", ")]
    existing = {}
    for path, command in command_paths(provider.app.cli.commands["oauth2"], "flask oauth2"):
        names = []
        for parameter in command.params:
            names += [*parameter.opts, *parameter.secondary_opts]
        existing[path] = sorted(names)
    assert {path: sorted(names) for path, names in described.items()} == existing
    assert inspect.ismodule(cli)


def test_required_options_and_choices_are_named(provider: Provider) -> None:
    text = (DOCS / "commands.rst").read_text()
    for path, command in command_paths(provider.app.cli.commands["oauth2"], "flask oauth2"):
        section = text[text.index(f".. program:: {path}\n") :].split(".. program::")[1]
        for parameter in command.params:
            entry = re.search(
                rf"\.\. option:: [^\n]*{re.escape(parameter.opts[0])}\b.*?(?=\.\. option|\Z)", section, re.S
            )
            assert entry, (path, parameter.opts)
            if parameter.required and isinstance(parameter, click.Option):
                assert "Required." in entry[0], (path, parameter.opts)
            if parameter.multiple if isinstance(parameter, click.Option) else False:
                assert "epeatable" in entry[0], (path, parameter.opts)
            if isinstance(parameter.type, click.Choice):
                assert f"<{'|'.join(parameter.type.choices)}>" in entry[0], (path, parameter.opts)


# --- settings -------------------------------------------------------------------------------------


def settings() -> dict[str, Any]:
    found = dict(config.DEFAULTS)
    for feature in DEFAULT_FEATURES:
        found.update(getattr(feature, "DEFAULTS", {}))
    return found


def described_settings() -> dict[str, tuple[str, str]]:
    """Default and text by key, as the page has them."""
    text = (DOCS / "configuration.rst").read_text()
    pattern = r"\.\. confval:: (\w+)\n   :default: ``(.+)``\n\n((?:   .+\n|\n)+)"
    found = re.findall(pattern, text)
    assert len(found) == text.count(".. confval::"), "a key without default or text"
    assert len({key for key, _, _ in found}) == len(found), "a key is there twice"
    return {key: (default, body) for key, default, body in found}


def value_of(expression: str) -> Any:
    """The value of a literal or a product of numbers."""
    if product := re.fullmatch(r"(\d+) \* (\d+)", expression):
        return int(product[1]) * int(product[2])
    return ast.literal_eval(expression)


def test_every_setting_is_described_with_its_default() -> None:
    assert {key: value_of(default) for key, (default, _) in described_settings().items()} == settings()


def test_every_setting_has_a_sentence_and_a_unit() -> None:
    for key, (_, text) in described_settings().items():
        assert re.match(r"   [A-Z].+\.\n", text, re.S), key
        if key.endswith(("_EXPIRES_IN", "_GRACE", "_INTERVAL")):
            assert "seconds" in text, key
        if key.endswith("_LEN"):
            assert "characters" in text, key
        if key.endswith("_LENGTH"):
            assert "bytes" in text, key


#: Settings of other libraries, on the page for those who come from them.
THEIRS = {
    "OAUTH2_TOKEN_EXPIRES_IN",
    "OAUTH2_REFRESH_TOKEN_GENERATOR",
    "OAUTH2_SCOPES_SUPPORTED",
    "OAUTH2_VALIDATOR_CLASS",
}


def test_every_setting_that_is_named_exists() -> None:
    assert not THEIRS.intersection(settings())
    for page in PAGES:
        theirs = THEIRS if page.name == "migration_openid.rst" else set()
        for key in re.findall(r"OAUTH2_[A-Z_]*[A-Z]\b", page.read_text()):
            if key in theirs:
                continue
            tests_own = key.startswith(("OAUTH2_TEST_", "OAUTH2_ISSUERS"))
            assert key in settings() or tests_own or f"{key}_..." in page.read_text(), (name_of(page), key)


# --- signals --------------------------------------------------------------------------------------


def described_signals() -> dict[str, set[str]]:
    rows = table_rows(DOCS / "guide" / "signals.rst", "Take ``**further``")
    return {literals(name)[0]: set(literals(arguments)) for name, arguments, _ in rows}


def all_signals() -> dict[str, NamedSignal]:
    return {name: value for name, value in vars(signals).items() if isinstance(value, NamedSignal)}


def test_every_signal_is_described_as_the_source_does() -> None:
    source = Path(signals.__file__).read_text()
    commented = re.findall(r"((?:^#:.*\n)+)^(\w+) = _signals", source, re.M)
    told = {name: set(literals(comment.partition(": ")[2])) for comment, name in commented}
    assert described_signals() == told
    assert set(told) == set(all_signals())


def test_every_signal_is_sent_as_described(provider: Provider) -> None:
    seen: dict[str, set[str]] = {}
    with ExitStack() as connected:
        for name, signal in all_signals().items():

            def receive(sender: Flask, *, _name: str = name, **arguments: Any) -> None:
                assert sender is provider.app
                assert seen.setdefault(_name, set(arguments)) == set(arguments)

            connected.enter_context(signal.connected_to(receive))
        do_everything(provider)
    assert seen == described_signals()


def do_everything(provider: Provider) -> None:
    oauth2, app = provider.oauth2, provider.app
    client, ada = provider.client(), provider.browser("ada")
    ada.answer(ada.visit(client.address()), "no")
    tokens = client.tokens(ada)
    client.refresh(tokens["refresh_token"])
    client.refresh(tokens["refresh_token"])
    client.post("/oauth/token", basic=False, grant_type="authorization_code", code="x")
    provider.api().get("/oauth/ping/")
    assert "error" in answer_of(ada.visit(client.address(scope="nothing")))
    with app.app_context():
        user, model = provider.user("ada"), oauth2.get_client(client.client_id)
        hint = oauth2.list_secrets(model)[0].hint
        oauth2.rotate_secret(model)
        oauth2.revoke_secret(model, hint)
        oauth2.edit_client(model, name="Other")
        oauth2.disable_client(model)
        oauth2.create_personal_token(user, name="laptop", scopes=["email"])
        oauth2.revoke_personal_token(oauth2.list_personal_tokens(user)[0])
        oauth2.enable_client(model)
    provider.client(client_id="second").tokens(ada)
    with app.app_context():
        keys = app.extensions["oauth2server"].keys
        keys.prepare("ES256")
        keys.rotate("ES256")
        keys.rotate("ES256", at_once=True)
        keys.revoke(keys.signer("ES256").kid)
        oauth2.revoke_authorizations(user=provider.user("ada"))
        oauth2.forget_user(provider.user("ada"))
        oauth2.delete_client(oauth2.get_client("second"))


# --- tables of names ------------------------------------------------------------------------------


def test_all_client_metadata_is_described(provider: Provider) -> None:
    rows = table_rows(DOCS / "guide" / "clients.rst", "All metadata\n---")
    assert [literals(row[0])[0] for row in rows] == [*FIELDS, *_COLUMNS]
    told = {literals(row[0])[0]: literals(row[1]) for row in rows}
    for name, field in FIELDS.items():
        if field.default and name != "redirect_uris":
            assert told[name] == [str(field.default)], name
    table = provider.oauth2.models.Client.__table__
    columns = {name: table.c[name].default and table.c[name].default.arg for name in _COLUMNS}
    columns["verified"] = True  # of create_client, for those whom you register yourself
    for name, default in columns.items():
        assert told[name] == ([] if default is None else [str(default)]), name


def test_options_of_the_command_line_cover_the_metadata(provider: Provider) -> None:
    create = provider.app.cli.commands["oauth2"].commands["client"].commands["create"]
    known = {parameter.name for parameter in create.params}
    named = {"scope": "scopes"}
    missing = {name for name in [*FIELDS, *_COLUMNS] if named.get(name, name) not in known}
    assert missing == {"contacts", "software_id", "software_version"}


def test_all_verbs_are_described() -> None:
    rows = table_rows(DOCS / "architecture.rst", "\nVerbs\n---")
    assert [literals(row[0])[0] for row in rows] == [name for name in vars(ServerState) if name.startswith("add_")]


def test_the_rows_of_the_house_are_those_of_the_architecture_test() -> None:
    (text,) = blocks(DOCS / "architecture.rst", "text")
    lines = [line.split("   assembles")[0].split() for line in text.splitlines()]
    told = {int(number): {room.removesuffix("/*") for room in rooms} for number, *rooms in lines}
    assert told == dict(enumerate(ROWS))


def test_rooms_exist() -> None:
    package = Path(flask_oauth2server.__file__).parent
    rooms = [room for row in table_rows(DOCS / "architecture.rst", "Rooms and arrows") for room in literals(row[0])]
    for room in rooms:
        assert (package / room).exists(), room
    existing = {path.name for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {room.rstrip("/") for room in rooms} == existing - {"__init__.py"}


def test_all_models_and_columns_are_described(provider: Provider) -> None:
    rows = table_rows(DOCS / "guide" / "models.rst", "The tables\n---")
    models = provider.oauth2.models
    names = list(models.__dataclass_fields__)
    told = {literals(row[0])[0]: literals(row[1])[0] for row in rows}
    assert told == {name: getattr(models, name).__tablename__ for name in names}
    text = (DOCS / "api.rst").read_text()
    for name in names:
        section = text[text.index(f".. autoclass:: {name}Mixin") :]
        columns = literals(section[section.index("Columns:") :].split("\n\n")[0])
        assert columns == [column.name for column in getattr(models, name).__table__.columns], name


def test_public_names_are_in_the_reference() -> None:
    text = (DOCS / "api.rst").read_text() + Path(flask_oauth2server.errors.__file__).read_text()
    for name in flask_oauth2server.__all__:
        assert name == "__version__" or re.search(rf"\b{name}\b", text), name


def test_endpoints_of_the_ancestor_are_where_the_page_says(provider: Provider) -> None:
    rules = {rule.endpoint: re.sub(r"<[^<>]*:", "<", rule.rule) for rule in provider.app.url_map.iter_rules()}
    for row in table_rows(DOCS / "migration.rst", "Endpoints\n---"):
        endpoint, path = literals(row[0])[0], literals(row[1])[0]
        assert rules[endpoint] == path


@pytest.mark.parametrize("page", ["migration.rst", "migration_openid.rst"])
def test_names_of_the_migration_pages_exist(provider: Provider, page: str) -> None:
    oauth2 = provider.oauth2
    text = (DOCS / page).read_text()
    for path in re.findall(r"``@?oauth2\.([\w.]+)", text):
        with provider.app.app_context():
            assert operator.attrgetter(path)(oauth2) is not None, path
    for path in re.findall(r"``(flask_oauth2server(?:\.\w+)+)``", text):
        module, _, name = path.rpartition(".")
        assert importlib.util.find_spec(module) is not None
        assert hasattr(importlib.import_module(module), name), path


# --- templates ------------------------------------------------------------------------------------

TEMPLATES = Path(flask_oauth2server.__file__).parent / "templates" / "oauth2server"


def test_templates_that_are_shown_have_a_place_where_they_are_run() -> None:
    for page in PAGES:
        shown = list(blocks(page, "html+jinja"))
        placed = dict(captioned(page, "html+jinja"))
        assert len(placed) == len(shown), f"{name_of(page)}: a template without a caption of its own"
        assert all(name.startswith("templates/") for name in placed)
        if placed:
            told = page.relative_to(DOCS).as_posix()
            assert f'write_templates("{told}")' in page.read_text(), f"{told}: run by nobody"


def blocks_in(name: str) -> set[str]:
    """The blocks that a template defines, or fills in."""
    return set(re.findall(r"{% block (\w+) %}", (TEMPLATES / name).read_text()))


def test_the_blocks_of_templates_exist() -> None:
    rows = table_rows(DOCS / "guide" / "pages.rst", "A block of a page\n---")
    told = {literals(row[0])[0]: set(literals(row[1])) for row in rows}
    common = blocks_in("base.html") | blocks_in("layout.html")
    assert told.pop("base.html") == common
    menu = blocks_in("settings/base.html") - common
    overridable = {
        path.relative_to(TEMPLATES).as_posix().replace("_base.html", ".html") for path in TEMPLATES.rglob("*_base.html")
    }
    assert set(told) == overridable
    for name, named in told.items():
        base = name.replace(".html", "_base.html")
        source = (TEMPLATES / base).read_text()
        inherited = set() if name.startswith("admin/") or 'extends "oauth2server/base.html"' in source else menu
        assert named == (blocks_in(base) - common) | inherited, name
        assert (TEMPLATES / name).read_text() == f'{{% extends "oauth2server/{base}" %}}\n', name


def test_the_variables_are_those_of_the_stylesheet() -> None:
    css = (Path(flask_oauth2server.__file__).parent / "static" / "oauth2server" / "oauth2server.css").read_text()
    root = css[: css.index("}")]
    declared = {name: list(pair) for name, *pair in re.findall(r"(--o2-\S+): light-dark\((#\w+), (#\w+)\)", root)}
    rows = table_rows(DOCS / "guide" / "pages.rst", "Colours, fonts and radii\n---")
    told = {literals(row[0])[0]: [literals(row[1])[0], literals(row[2])[0]] for row in rows}
    assert told == declared and len(told) == 12
    text = (DOCS / "guide" / "pages.rst").read_text()
    for name in set(re.findall(r"--o2-[\w-]+(?=:)", root)) - set(told):
        assert f"``{name}``" in text or re.match(r"--o2-hue-[2-5]", name), name


def test_the_hooks_are_told() -> None:
    text = "".join(page.read_text() for page in (DOCS / "guide").glob("*.rst"))
    source = inspect.getsource(flask_oauth2server.OAuth2Server)
    hooks = re.findall(r'self\._hooked\("(\w+)", hook\)', source)
    assert len(hooks) >= 7
    for name in hooks:
        assert f"   @oauth2.{name}\n" in text, name


def test_every_text_is_extracted_with_the_keywords_that_are_named() -> None:
    (command,) = [line for line in commands(DOCS / "guide" / "pages.rst") if line.startswith("pybabel extract")]
    words = shlex.split(command)
    named = {words[number + 1].partition(":")[0] for number, word in enumerate(words) if word == "-k"}
    assert named == {"markup", "counted", "Sentence"}
