"""The pages, which are for anybody."""

import re

from .named import step


@step("Pages are there for anybody")
def pages(step):
    assets = set()
    for path in ("/dashboard", "/docs"):
        page = step.page(f"GET {path}", path)
        assets.update(re.findall(r'"(assets/[^"]+)"', page.text))
    step.page("GET /openapi.json", "/openapi.json")
    # These differ from place to place, so their types are enough.
    vague = ("body.apiUrl", "body.issuer", "body.clientId", "body.signOutUrl")
    step.page("GET /settings.json", "/settings.json", digest=False, vague=vague)
    step.saw("the pages load files", bool(assets), True)
    for path in sorted(assets):
        asset = step.page(f"GET /{path}", f"/{path}")
        known = {"If-None-Match": asset.headers.get("etag", "none")}
        step.page(f"GET /{path}, known already", f"/{path}", headers=known, promised=304)


@step("Pages that are none are not found")
def no_pages(step):
    step.page("GET /assets/none.js", "/assets/none.js", promised=404)
    step.page("GET /none", "/none", promised=404, digest=False)
    step.page("POST /dashboard", "/dashboard", method="POST", promised=404, digest=False)
