"""Flask-OAuth2Server turns a Flask app into a complete, secure OAuth 2.1 provider."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (HERE / "flask_oauth2server" / "__init__.py").read_text())[1]

EXTRAS = {
    "postgresql": ["psycopg[binary]>=3.2"],
    "mariadb": ["PyMySQL>=1.1"],
    "limiter": ["Flask-Limiter>=4"],
    "redis": ["redis>=5"],
    "metrics": ["prometheus-client>=0.21"],
    "docs": ["Sphinx>=8.1"],
    "examples": ["Authlib>=1.7", "requests>=2.32", "flask-oauthlib-invenio>=2"],
    "tests": [
        "pytest>=8.3",
        "pytest-cov>=6",
        "pytest-xdist>=3.7",
        "hypothesis>=6.120",
        "asgiref>=3.8",
        "Authlib>=1.7",
        "requests-oauthlib>=2",
        "flask-oauthlib-invenio>=2",
        "Flask-Babel>=4",
        "gunicorn>=23",
        "playwright>=1.55",
        "axe-playwright-python>=0.1.4",
    ],
    "lint": ["mypy>=1.14", "ruff>=0.9", "types-six"],
}
EXTRAS["all"] = sorted({package for packages in EXTRAS.values() for package in packages})

setup(
    name="Flask-OAuth2Server",
    version=VERSION,
    description=__doc__,
    long_description=(HERE / "README.rst").read_text(),
    long_description_content_type="text/x-rst",
    license="BSD-3-Clause",
    license_files=["LICENSE", "AUTHORS.rst"],
    author="CERN and contributors",
    author_email="info@inveniosoftware.org",
    keywords="flask oauth oauth2 provider authorization server",
    packages=find_packages(include=["flask_oauth2server", "flask_oauth2server.*"]),
    include_package_data=True,
    zip_safe=False,
    python_requires=">=3.11",
    install_requires=[
        "Flask>=3.1",
        "Flask-SQLAlchemy>=3.1",
        "SQLAlchemy>=2.0.40",
        "Flask-Login>=0.6.3",
        "Flask-WTF>=1.2",
        "oauthlib>=4.0",
        "joserfc>=1.8",
        "six>=1.16",
    ],
    extras_require=EXTRAS,
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Flask",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Topic :: Internet :: WWW/HTTP :: Dynamic Content",
        "Topic :: Security",
        "Typing :: Typed",
    ],
)
