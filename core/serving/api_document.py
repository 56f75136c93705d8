"""What the HTTP API is, as an OpenAPI 3.1 document: for the page that shows it and for programs that make clients."""

from __future__ import annotations

from typing import Any

from core.serving.api_examples import EXAMPLES, written

_NUMBER, _TEXT, _SHARE = {"type": "integer"}, {"type": "string"}, {"type": "number", "minimum": 0, "maximum": 1}
_MODEL = {
    "id": _NUMBER,
    "dataset": {**_TEXT, "description": "The dataset it learned from."},
    "kind": {"type": "string", "enum": ["instant", "trained"]},
    "architecture": _TEXT,
    "labels": {"type": "array", "items": _TEXT},
    "accuracy": _SHARE,
    "interval": {"type": "array", "items": _SHARE, "description": "95 % interval of the accuracy."},
    "measured_on": {**_TEXT, "description": "cross-validation, validation or test"},
    "pictures": {**_NUMBER, "description": "How many it was measured on."},
    "sentence": {**_TEXT, "description": "How good it is, in plain words."},
    "created_at": {"type": "number", "description": "Seconds since 1970, UTC."},
}
_RANKED = {"label": _TEXT, "confidence": _SHARE}
_ANSWER = {
    "model": {"type": "object", "properties": {"id": _NUMBER, "kind": _TEXT}},
    "label": {**_TEXT, "description": "The best one."},
    "confidence": _SHARE,
    "verdict": {
        "type": "string",
        "enum": ["answered", "unsure", "unlike"],
        "description": "answered; unsure: a person should look; unlike: the picture is unlike all it has learned.",
    },
    "verdict_words": {**_TEXT, "description": "The same as a sentence; empty when answered."},
    "ranked": {"type": "array", "items": {"$ref": "#/components/schemas/Ranked"}, "description": "Best first."},
    "milliseconds": {"type": "number", "description": "Decoding and inference, without waiting."},
    "width": {**_NUMBER, "description": "Of the picture, in pixels."},
    "height": {**_NUMBER, "description": "Of the picture, in pixels."},
    "prediction_id": {**_NUMBER, "description": "Only with keep=yes."},
}
_OPTIONAL = ("prediction_id",)


def openapi(address: str, limit_bytes: int, per_minute: int) -> dict[str, Any]:
    """The document of the server at `address`."""
    refused = {
        "401": "The token is missing, not known or revoked.",
        "404": "There is no such model.",
        "429": "Asked too often; the header Retry-After says in how many seconds to go on.",
    }
    unreadable = {
        "400": "The request holds no picture.",
        "413": f"The picture is larger than {limit_bytes >> 20} MB.",
        "422": "The picture cannot be read.",
        "503": "The part that answers is starting. Try again in a moment.",
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Darkroom",
            "version": "1",
            "description": f"Ask a model what a picture shows. A token may ask {per_minute:,} times a minute. "
            "Every error is JSON with one sentence: what happened and what to do.",
        },
        "servers": [{"url": address}],
        "security": [{"token": []}],
        "paths": {
            "/api/v1/models": {
                "get": {
                    "operationId": "listModels",
                    "summary": "All models, newest first",
                    "responses": _responses("Models", "The models.", refused, but=("404",)),
                }
            },
            "/api/v1/models/{id}": {
                "get": {
                    "operationId": "getModel",
                    "summary": "One model",
                    "parameters": [_id()],
                    "responses": _responses("Model", "The model.", refused),
                }
            },
            "/api/v1/models/{id}/predict": {
                "post": {
                    "operationId": "predict",
                    "summary": "What a picture shows",
                    "description": "The picture is the body, or the one file of a form. Nothing is kept unless you "
                    "ask for it.",
                    "parameters": [_id(), *_wishes()],
                    "requestBody": _body(),
                    "responses": _responses("Answer", "The answer.", {**unreadable, **refused}),
                    "x-codeSamples": [
                        {"lang": lang, "label": label, "source": written(source, address, "MODEL")}
                        for label, lang, source in EXAMPLES
                    ],
                }
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Model": _object(_MODEL),
                "Models": _object({"models": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}}),
                "Ranked": _object(_RANKED),
                "Answer": _object(_ANSWER),
                "Error": _object({"error": _TEXT}),
            },
        },
    }


def _id() -> dict[str, Any]:
    return {"name": "id", "in": "path", "required": True, "schema": _NUMBER, "description": "Number of the model."}


def _wishes() -> list[dict[str, Any]]:
    keep = {"type": "string", "enum": ["yes", "no"], "default": "no"}
    return [
        {
            "name": "top",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 5},
            "description": "How many labels to give.",
        },
        {
            "name": "keep",
            "in": "query",
            "schema": keep,
            "description": "Keep the picture and its answer, to be confirmed or put right on the Try it screen.",
        },
        {"name": "name", "in": "query", "schema": _TEXT, "description": "What to call a picture that is kept."},
    ]


def _body() -> dict[str, Any]:
    form = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
    return {"required": True, "content": {"image/*": {}, "multipart/form-data": {"schema": form}}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    required = [name for name in properties if name not in _OPTIONAL]
    return {"type": "object", "properties": properties, "required": required}


def _responses(schema: str, words: str, refused: dict[str, str], but: tuple[str, ...] = ()) -> dict[str, Any]:
    def says(words: str, name: str) -> dict[str, Any]:
        found = {"schema": {"$ref": f"#/components/schemas/{name}"}}
        return {"description": words, "content": {"application/json": found}}

    errors = {code: says(sentence, "Error") for code, sentence in refused.items() if code not in but}
    return {"200": says(words, schema), **errors}
