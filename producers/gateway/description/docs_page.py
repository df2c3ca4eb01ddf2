"""The description as a page for people: HTML without scripts, from the document that `openapi.py` makes. Pure."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

Json = dict[str, Any]
STYLE = Path(__file__).with_name("docs.css").read_text()
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"


def page(document: Json, json_url: str) -> str:
    """`json_url`: where the document itself is, relative to the page."""
    info = document["info"]
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(info['title'])}: HTTP API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            f"<header><h1>{escape(info['title'])}: HTTP API</h1>{_paragraphs(info['description'])}",
            f'<p>Version {escape(info["version"])}. For programs: <a href="{escape(json_url)}">openapi.json</a>. In the ',
            "examples <code>$MURMUR</code> is the address of this server.</p></header>\n",
            f'<nav aria-label="Paths">{"".join(_contents(document))}</nav>\n',
            f"<main>{''.join(_sections(document))}{''.join(_schemas(document))}</main>\n</body>\n</html>\n",
        )
    )


def _operations(document: Json, tag: str) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if tag in item.get(method, {}).get("tags", ()):
                yield method, path, item[method]


def _contents(document: Json) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><ul>"
        for method, path, operation in _operations(document, tag["name"]):
            label = f"<b>{method.upper()}</b> {escape(path)}"
            yield f'<li><a href="#{escape(operation["operationId"])}">{label}</a></li>'
        yield "</ul>"


def _sections(document: Json) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<section><h2>{escape(tag['name'])}</h2>{_paragraphs(tag.get('description', ''))}"
        for method, path, operation in _operations(document, tag["name"]):
            yield _operation(document, method, path, operation)
        yield "</section>\n"


def _operation(document: Json, method: str, path: str, operation: Json) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    parts = [
        f'<article id="{escape(operation["operationId"])}">',
        f'<h3><b class="{method}">{method.upper()}</b> <code>{escape(path)}</code></h3>',
        f"<p>{escape(operation['summary'])}.</p>{_paragraphs(operation.get('description', ''))}",
        f"<pre><code>{escape(_curl(method, path, body))}</code></pre>",
        _parameters(operation["parameters"]),
        *(_body(media_type, content) for media_type, content in body.items()),
        _responses(document, operation["responses"]),
        "</article>\n",
    ]
    return "".join(parts)


def _curl(method: str, path: str, body: Json) -> str:
    arguments = []
    if method != ("post" if body else "get"):
        arguments.append(f"-X {method.upper()}")
    if form := body.get("multipart/form-data"):
        schema = form["schema"]
        files = [name for name, field in schema["properties"].items() if field.get("format") == "binary"]
        arguments += [f"-F {name}=@talk.wav" for name in files]
    elif "application/json" in body:
        arguments.append("-H 'Content-Type: application/json' -d @request.json")
    address = re.sub(r"{(\w+)}", lambda name: f"${name[1].upper()}", path)
    return " ".join(("curl", *arguments, f'"$MURMUR{address}"'))


def _parameters(parameters: list[Json]) -> str:
    rows = ((each["name"], each["in"], each["schema"], each.get("description", "")) for each in parameters)
    return _table(("parameter", "in", "value", "meaning"), [(_code(a), escape(b), _type(c), _text(d)) for a, b, c, d in rows])


def _body(media_type: str, content: Json) -> str:
    schema = content.get("schema", {})
    if "properties" not in schema:
        return f"<p>Body: {_code(media_type)}{', ' + _type(schema) if schema else ''}.</p>"
    required = schema.get("required", ())
    rows = [
        (_code(name), "yes" if name in required else "", _type(field), _text(field.get("description", "")))
        for name, field in schema["properties"].items()
    ]
    return f"<p>Body: {_code(media_type)}.</p>" + _table(("field", "required", "value", "meaning"), rows)


def _responses(document: Json, responses: Json) -> str:
    rows = []
    for status, response in responses.items():
        found = _resolved(document, response)
        content = found.get("content", {})
        shown = "" if PROBLEM in content else "<br>".join(_representation(*each) for each in content.items())
        rows.append((escape(status), shown, _text(found["description"])))
    return _table(("status", "body", "meaning"), rows)


def _resolved(document: Json, response: Json) -> Json:
    name = response.get("$ref", "").rpartition("/")[2]
    found: Json = document["components"]["responses"][name] if name else response
    return found


def _representation(media_type: str, content: Json) -> str:
    schema = content.get("schema", {})
    return _code(media_type) + (f": {_type(schema)}" if "json" in media_type and schema else "")


def _schemas(document: Json) -> Iterator[str]:
    yield "<section><h2>documents</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<article id="{escape(name)}"><h3>{escape(name)}</h3>{_paragraphs(schema.get("description", ""))}'
        rows = [
            (_code(field), _type(each), _text(each.get("description", "")))
            for field, each in schema.get("properties", {}).items()
        ]
        yield _table(("field", "value", "meaning"), rows)
        yield from (f"<pre><code>{escape(json.dumps(each, indent=2))}</code></pre>" for each in schema.get("examples", ()))
        yield "</article>\n"
    yield "</section>"


def _type(schema: Json) -> str:
    """What a value may be, in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(option) for option in schema[several])
    if "const" in schema:
        return _code(str(schema["const"]).lower() if isinstance(schema["const"], bool) else str(schema["const"]))
    if "enum" in schema:
        return ", ".join(_code(str(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if "items" in schema else "list"
    if "additionalProperties" in schema and isinstance(schema["additionalProperties"], dict):
        return f"object of {_type(schema['additionalProperties'])}"
    words = {"binary": "file", "date-time": "time (RFC 3339)", "uuid": "UUID"}
    return words.get(schema.get("format", ""), escape(str(schema.get("type", "any")))) + _limits(schema)


def _limits(schema: Json) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="table"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _text(text: str) -> str:
    """What is between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_text(part)}</p>" for part in text.split("\n\n") if part)
