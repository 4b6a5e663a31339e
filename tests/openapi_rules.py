"""What a change of the specification may not do to programs that call the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Spec = Mapping[str, Any]


def breaking(before: Spec, after: Spec) -> list[str]:
    """Why a program written for ``before`` would fail with ``after``, one line each.

    Requests may ask for no more, answers may tell no less: no route, parameter value, field of an
    answer, or status may go; nothing new may be required of a caller; what a value may be is not
    narrowed in a request nor widened in an answer.
    """
    return list(_breaking(before, after))


def _breaking(before: Spec, after: Spec) -> Iterator[str]:
    for path, methods in before["paths"].items():
        for method, old in methods.items():
            new = after["paths"].get(path, {}).get(method)
            where = f"{method.upper()} {path}"
            if new is None:
                yield f"{where} is gone"
                continue
            if new["operationId"] != old["operationId"]:
                yield f"{where} is called otherwise"
            yield from _parameters(where, old, new, before, after)
            yield from _body(where, old, new, before, after)
            yield from _answers(where, old, new, before, after)


def _parameters(where: str, old: Spec, new: Spec, before: Spec, after: Spec) -> Iterator[str]:
    was, now = (
        {(one["in"], one["name"]): one for one in operation.get("parameters", [])}
        for operation in (old, new)
    )
    for name, one in now.items():
        if one.get("required") and not was.get(name, {}).get("required"):
            yield f"{where} requires {name[1]}"
    for name, one in was.items():
        if name not in now:
            yield f"{where} no longer takes {name[1]}"
        else:
            yield from _request(
                f"{where} {name[1]}", one["schema"], now[name]["schema"], before, after
            )


def _body(where: str, old: Spec, new: Spec, before: Spec, after: Spec) -> Iterator[str]:
    was, now = (_json(one.get("requestBody", {})) for one in (old, new))
    if now is not None and was is None:
        yield f"{where} takes a body now"
    elif was is not None and now is None:
        yield f"{where} takes no body any more"
    elif was is not None and now is not None:
        yield from _request(f"{where} body", was, now, before, after)


def _answers(where: str, old: Spec, new: Spec, before: Spec, after: Spec) -> Iterator[str]:
    for status, one in old["responses"].items():
        if not status.startswith("2"):
            continue
        if status not in new["responses"]:
            yield f"{where} no longer answers {status}"
            continue
        was, now = _json(one), _json(new["responses"][status])
        if was is not None:
            yield from _answer(f"{where} {status}", was, now or {}, before, after)


def _json(holder: Spec) -> Any:
    return holder.get("content", {}).get("application/json", {}).get("schema")


def _request(where: str, was: Spec, now: Spec, before: Spec, after: Spec) -> Iterator[str]:
    was, now = _whole(was, before), _whole(now, after)
    yield from _narrower(where, was, now)
    for name in set(now.get("required", [])) - set(was.get("required", [])):
        yield f"{where} requires {name}"
    for name, schema in was.get("properties", {}).items():
        if name not in now.get("properties", {}):
            yield f"{where} no longer takes {name}"
        else:
            yield from _request(f"{where}.{name}", schema, now["properties"][name], before, after)
    if "items" in was:
        yield from _request(f"{where}[]", was["items"], now.get("items", {}), before, after)


def _answer(where: str, was: Spec, now: Spec, before: Spec, after: Spec) -> Iterator[str]:
    was, now = _whole(was, before), _whole(now, after)
    yield from _narrower(where, now, was)
    for name in set(was.get("required", [])) - set(now.get("required", [])):
        yield f"{where} may be without {name}"
    for name, schema in was.get("properties", {}).items():
        if name not in now.get("properties", {}):
            yield f"{where} no longer tells {name}"
        else:
            yield from _answer(f"{where}.{name}", schema, now["properties"][name], before, after)
    for inner in ("items", "additionalProperties"):
        if isinstance(was.get(inner), Mapping):
            told = now.get(inner)
            yield from _answer(
                f"{where}[]", was[inner], told if isinstance(told, Mapping) else {}, before, after
            )


def _narrower(where: str, wide: Spec, narrow: Spec) -> Iterator[str]:
    """What ``wide`` allows and ``narrow`` does not, as far as types and listed values tell."""
    if lost := _types(wide) - _types(narrow):
        yield f"{where} is not {', '.join(sorted(lost))} any more"
    if "enum" in narrow and set(narrow["enum"]) < set(wide.get("enum", narrow["enum"])):
        yield f"{where} is not {sorted(set(wide['enum']) - set(narrow['enum']))} any more"
    if "enum" in narrow and "enum" not in wide and _types(wide):
        yield f"{where} is one of a few now"


def _types(schema: Spec) -> set[str]:
    if "anyOf" in schema:
        return {kind for one in schema["anyOf"] for kind in _types(one)}
    kind = schema.get("type")
    if kind is None:
        return {"object"} if "$ref" in schema else set()
    return set(kind) if isinstance(kind, list) else {kind}


def _whole(schema: Spec, spec: Spec) -> Spec:
    """A schema with its reference followed, and the one that is not null of a choice."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _whole(spec["components"]["schemas"][name], spec)
    if "anyOf" in schema:
        inner = [one for one in schema["anyOf"] if one.get("type") != "null"]
        if len(inner) == 1:
            return {**_whole(inner[0], spec), "anyOf": schema["anyOf"]}
    return schema
