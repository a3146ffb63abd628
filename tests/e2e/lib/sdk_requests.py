"""Whether a request fits the types of its dialect's own SDK, without a member that these do not know."""

import pydantic
import typing_extensions


def _words(error):
    return [f"{'.'.join(str(step) for step in one['loc'])}: {one['msg']}" for one in error.errors()]


def fits_gemini(body):
    """Of generateContent: the SDK has its parameters in two places, `contents` and a flat configuration."""
    from google.genai import types
    body = dict(body)
    config = {**body.pop("generationConfig", {}), **{name: body.pop(name) for name in list(body) if name != "contents"}}
    problems = []
    for kind, value in [*((types.Content, one) for one in body["contents"]), (types.GenerateContentConfig, config)]:
        try:
            kind.model_validate(value)
        except pydantic.ValidationError as error:
            problems += _words(error)
    return problems


_anthropic = None


def _strict(module):
    for name in dir(module):
        one = getattr(module, name)
        if typing_extensions.is_typeddict(one):
            one.__pydantic_config__ = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def _consume(value):
    """Pydantic reads an Iterable when it is asked for."""
    if isinstance(value, dict):
        for inner in value.values():
            _consume(inner)
    elif hasattr(value, "__iter__") and not isinstance(value, (str, bytes)):
        for inner in value:
            _consume(inner)


def fits_anthropic(body):
    global _anthropic
    if _anthropic is None:
        from anthropic import types
        from anthropic.types import message_create_params
        _strict(types)
        _strict(message_create_params)
        _anthropic = {streamed: pydantic.TypeAdapter(kind) for streamed, kind in
                      ((True, message_create_params.MessageCreateParamsStreaming), (False, message_create_params.MessageCreateParamsNonStreaming))}
    try:
        _consume(_anthropic[bool(body.get("stream"))].validate_python(body))
    except pydantic.ValidationError as error:
        return _words(error)
    return []
