"""What every section of the configuration shares: how its keys are described, and the schema that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypeAliasType


class Section(BaseModel):
    """A section: each field is a key with its type, bounds, default and description."""

    model_config = ConfigDict(extra="forbid", frozen=True, regex_engine="python-re")


def section(description: str) -> Any:
    """The field of a section that may be left out: each of its keys then takes its own default."""
    return Field({}, validate_default=True, description=description)


DISTINCT: dict[str, Any] = {"uniqueItems": True}
"""For a list that may not repeat an entry; pydantic has no such bound, the schema does."""

Name = TypeAliasType(
    "Name",
    Annotated[
        str,
        Field(
            title="name",
            description="A name that is also the name of a folder or file.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?![\s\S])",
        ),
    ],
)


class _Generator(GenerateJsonSchema):
    """The schema in the order of the fields, without a title for each of them."""

    def sort(self, value: Any, parent_key: str | None = None) -> Any:
        return value

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_of(model: type[Section]) -> dict[str, Any]:
    """The JSON schema of a section. Only parts that have a title of their own stand apart, in `$defs`, under it."""
    generated = model.model_json_schema(schema_generator=_Generator)
    parts = generated.pop("$defs", {})
    # The title that pydantic gives to a section is the name of its class.
    titles = {name: part.get("title", name) for name, part in parts.items()}
    apart = {name for name, title in titles.items() if title != name}

    def written(part: Any) -> Any:
        if isinstance(part, list):
            return [written(entry) for entry in part]
        if not isinstance(part, Mapping):
            return part
        if "$ref" in part:
            name = part["$ref"].rpartition("/")[2]
            beside = {key: value for key, value in part.items() if key != "$ref"}
            return {**beside, "$ref": f"#/$defs/{titles[name]}"} if name in apart else {**opened(name), **beside}
        first = {key: part[key] for key in ("title", "description", "type") if key in part}
        if isinstance(first.get("description"), str):  # of a docstring, which has lines
            first["description"] = " ".join(first["description"].split())
        return {key: written(value) for key, value in {**first, **part, **first}.items()}

    def opened(name: str) -> dict[str, Any]:
        return {key: value for key, value in written(parts[name]).items() if key != "title"}

    definitions = {titles[name]: opened(name) for name in parts if name in apart}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **written(generated), "$defs": definitions}
