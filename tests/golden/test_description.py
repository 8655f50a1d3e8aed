"""The whole root document of the gallery, read in review."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from backstay import Backstay, anyone
from backstay.frontends.http import Request
from backstay.frontends.rest.describe.description import Description
from backstay.schema.caller import ANONYMOUS
from fixtures import gallery

FILE = Path(__file__).parent / "description" / "gallery.json"
WRITE = os.environ.get("GOLDEN") == "write"

# Named one by one, so that what is added to the gallery for other tests leaves the document as it is.
MODELS = (gallery.Artist, gallery.Profile, gallery.Room, gallery.Style, gallery.Painting, gallery.Specimen)
FUNCTIONS = (gallery.add, gallery.split, gallery.paintings_of, gallery.find_artist, gallery.rename, gallery.echo)


def test_gallery_is_described() -> None:
    app = Backstay("sqlite://")
    for model in MODELS:
        app.resource(model, select=anyone, write=anyone)
    for function in FUNCTIONS:
        app.function(function)
    request = Request("GET", "/", headers={"host": "localhost"})
    answer = Description(app.schema, app.settings, title="Gallery").root(request, ANONYMOUS, "public", None)
    text = msgspec.json.format(answer.body, indent=1).decode() + "\n"
    if WRITE:
        FILE.write_text(text, encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == text, "`make golden` rewrites it"
