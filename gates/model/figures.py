"""Numbers for people to read."""

from math import floor, isfinite, log10


def significant(value: float, digits: int = 3) -> str:
    """Return a value as text, with significant digits and no exponent: ``2,470``, ``0.00012``.

    Args:
        value: any number.
        digits: the number of significant digits; all digits before the decimal point are shown.
    """
    if value == 0 or not isfinite(value):
        return f"{value:g}"
    places = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
