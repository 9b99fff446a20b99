"""Group of settings: a frozen pydantic model that parses the text of environment variables.

Text is parsed more strictly than by pydantic (``on``, ``1e3`` and ``+5`` are errors), so that a value has one spelling
everywhere. The settings themselves are declared in :mod:`kg.config`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class _Form(NamedTuple):
    """Text form of a type of setting.

    Attributes:
        pattern: regular expression that the text must match.
        wanted: end of the error message "NAME=text is …".
        remedy: remedy of that error.
        parse: converts matching text to the value.
    """

    pattern: str
    wanted: str
    remedy: str
    parse: Callable[[str], object]


_FORMS: Mapping[object, _Form] = {
    bool: _Form(
        "1|0|true|false|yes|no",
        "neither true nor false",
        "Use true or false.",
        lambda text: text.lower() in ("1", "true", "yes"),
    ),
    int: _Form("-?[0-9]+", "not a whole number", "Use digits only.", int),
    float: _Form("[0-9]+([.][0-9]+)?", "not a number", "Use digits, such as 30 or 0.5.", float),
    Path: _Form("(?s:.+)", "not a path", "Name a directory.", Path),
}
"""Text forms by the type of the field; fields of other types are plain text."""


class SettingGroup(BaseSettings):
    """Base class of a group of settings. The constructor ignores the environment of the process.

    Attributes:
        heading: title of the group in the documentation.
        exceptions: variables, by field, that are not group prefix plus field name.
    """

    model_config = SettingsConfigDict(
        env_prefix="KG_", extra="forbid", frozen=True, hide_input_in_errors=True, strict=True
    )

    heading: ClassVar[str]
    exceptions: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the arguments of the constructor as the only source; :meth:`read` passes its own."""
        return (init_settings,)

    @classmethod
    def variable(cls, name: str) -> str:
        """Return the environment variable of a field."""
        return cls.exceptions.get(name) or f"{cls.model_config['env_prefix']}{name.upper()}"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Return the group with the values of environment variables.

        Raises:
            ValidationError: some values are invalid.
        """
        return cls(**_Environment(cls, environ)())

    @field_validator("*", mode="before")
    @classmethod
    def _parse(cls, value: object, info: ValidationInfo) -> object:
        """Parse text by the type of its field; other values pass unchanged."""
        name = str(info.field_name)
        form = _FORMS.get(cls.model_fields[name].annotation)
        if form is None or not isinstance(value, str):
            return value
        if not re.fullmatch(form.pattern, value, re.IGNORECASE | re.ASCII):
            raise misfit(f"{cls.variable(name)}={value} is {form.wanted}.", form.remedy)
        return form.parse(value)


class _Environment(PydanticBaseSettingsSource):
    """A given environment as a source of settings: exact names only; an empty value counts as unset."""

    def __init__(self, group: type[SettingGroup], environ: Mapping[str, str]) -> None:
        super().__init__(group)
        self._group = group
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Return the text of a field's variable (or ``None``), the name of the field, and that the text is not JSON."""
        return self._environ.get(self._group.variable(field_name), "").strip() or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the texts of all variables that are set, by field."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self._group.model_fields.items()}
        return {name: text for name, text in found.items() if text is not None}


def misfit(message: str, remedy: str) -> PydanticCustomError:
    """Return the error of a value that does not fit its setting; the remedy travels in its context."""
    return PydanticCustomError("setting", "{message}", {"message": message, "remedy": remedy})
