"""Lets Allure escape texts that UTF-8 cannot encode, so that such a text does not end the run."""

from typing import Any

import pytest

ESCAPED = "backslashreplace"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Replace Allure's writer by a writer that escapes texts; without Allure, do nothing."""
    del session
    try:
        import allure_commons
        from allure_commons.logger import AllureFileLogger
    except ImportError:
        return
    manager = allure_commons.plugin_manager
    for writer in [plugin for plugin in manager.get_plugins() if type(plugin) is AllureFileLogger]:
        # Allure removes this object at the end of the run, so the object stays.
        name = manager.get_name(writer)
        manager.unregister(writer)
        writer.__class__ = _escaping(allure_commons, writer)
        manager.register(writer, name)


def _escaping(allure: Any, writer: Any) -> type:  # noqa: ANN401 - Allure has no types
    """Return a class that writes like Allure's writer, and escapes texts."""

    class EscapingWriter(type(writer)):  # type: ignore[misc] # its class is known only with Allure
        """Writes like Allure's writer, and escapes surrogates, which UTF-8 cannot encode."""

        def _report_item(self, item: object) -> None:
            super()._report_item(_escaped(item))

        @allure.hookimpl  # type: ignore[untyped-decorator] # Allure has no types
        def report_attached_data(self, body: object, file_name: str) -> None:
            super().report_attached_data(_escaped(body), file_name)

    return EscapingWriter


def _escaped(item: Any) -> Any:  # noqa: ANN401 - Allure has no types
    """Return a text that UTF-8 can encode; a result object of Allure is changed in place."""
    if isinstance(item, str):
        return item.encode(errors=ESCAPED).decode()
    if isinstance(item, list):
        return [_escaped(part) for part in item]
    for field in getattr(type(item), "__attrs_attrs__", ()):
        setattr(item, field.name, _escaped(getattr(item, field.name)))
    return item
