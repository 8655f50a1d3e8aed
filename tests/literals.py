"""The literals to try on every kind: many that are right, and many that are nearly so."""

from __future__ import annotations

from itertools import product

from backstay.schema.kind import CASTS, Kind, array, char, numeric, varchar

_SIGNS = ("", "+", "-", "--", "+-", " ", "- ")
_BLANKS = ("", " ", "  ", "\t", "\n", "\r\n", "\v", "\f", "\u00a0", "\u3000")


def _around(cores: list[str]) -> list[str]:
    return [before + core + after for core in cores for before, after in product(_BLANKS, _BLANKS[:4] + _BLANKS[-2:])]


def integers() -> list[str]:
    edges = [str((1 << bits) + step) for bits in (15, 16, 31, 32, 63, 64, 100) for step in (-1, 0, 1)]
    plain = ["0", "1", "7", "00", "007", "12", "1" * 19, "9" * 19, "0" * 40 + "5", "9" * 5000, *edges]
    odd = ["", "-", "+", "a", "1a", "a1", "1 2", "1.0", "1.", ".5", "1e3", "1,000", "1/2", "½", "٣", "１", "NaN", "inf"]
    odd += ["null", "true", "'1'", '"1"', "1;", "1--", "(1)", "$1", "1L", "1_", "_1", "٢٣", "²"]
    return [sign + text for sign in _SIGNS for text in plain] + odd + _around(["42", "-1", "4 2", ""])


def numbers() -> list[str]:
    mantissas = [
        "0",
        "1",
        "007",
        "12.50",
        "12.",
        ".5",
        "0.10",
        ".",
        "0.000",
        "00.100",
        "123456789012345678901234567890.12",
    ]
    exponents = ["", "e0", "e5", "E-3", "e+2", "e", "e+", "e1.5", "e-7", "e19", "e20", "e-20", "e 2", " e2"]
    sizes = ["1e308", "1.8e308", "1e309", "1e-307", "1e-323", "1e-324", "1e-400", "3.4e38", "3.5e38", "1e39", "1e-37"]
    sizes += ["1e-45", "1e-46", "1e131071", "1e131072", "1e-16383", "1e999999", "0e999999", "0e-400", "0.0e500"]
    sizes += ["9" * 200, "0." + "3" * 300, "1e400", "-1e400", "16777217", "0.1", "1.17549435e-38", "123456.789e3"]
    odd = [
        "",
        "-",
        "+",
        "x",
        "1x",
        "1.2.3",
        "1,5",
        "1..2",
        "--1",
        "e5",
        "+.",
        "-.",
        "1e",
        "0,1",
        "½",
        "٣.٥",
        "1 .5",
        "1. 5",
    ]
    odd += ["null", "$5", "5%", "1e1e1", "1d", "1f", "++1"]
    pairs = ["".join(pair) for pair in product(("", "+", "-"), mantissas, exponents)]
    return pairs + sizes + odd + _around(["4.2", "-1e2"])


def booleans() -> list[str]:
    words = [
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "1",
        "0",
        "unknown",
        "null",
        "truth",
        "ja",
        "2",
        "-1",
        "00",
        "1.0",
    ]
    parts = [word[:length] for word in words for length in range(1, len(word) + 1)]
    cased = [form for word in parts for form in (word, word.upper(), word.title())]
    return [
        "",
        " ",
        *cased,
        *_around(["t", "false", "on", "x"]),
        "true false",
        "t.",
        "TRUE;",
        "tRuE",
        "yess",
        "offf",
        "oo",
    ]


def uuids() -> list[str]:
    plain = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    digits = plain.replace("-", "")
    dashed = [
        "-".join(digits[place : place + size] for place in range(0, 32, size)) for size in (1, 2, 3, 4, 8, 12, 16)
    ]
    changed = [plain[:place] + mark + plain[place + 1 :] for place in range(36) for mark in "g-{ "]
    cut = [plain[:length] for length in range(36)] + [plain + extra for extra in ("0", "-", " ", "}", "a0", "\n")]
    braced = [
        "{" + plain + "}",
        "{" + plain,
        plain + "}",
        "{" + digits + "}",
        "{{" + plain + "}}",
        "(" + plain + ")",
        "{}",
    ]
    braced += [
        "{" + plain + "} ",
        " " + plain,
        "\t" + digits,
        "urn:uuid:" + plain,
        "0x" + digits,
        "-" + digits,
        digits + "-",
    ]
    return [
        plain,
        plain.upper(),
        digits,
        digits.upper(),
        plain.title(),
        *dashed,
        *changed,
        *cut,
        *braced,
        "null",
        "nil",
    ]


def dates() -> list[str]:
    days = [
        f"{year}-{month}-{day}"
        for year in ("2024", "2023", "1900", "2000", "0001", "9999")
        for month in ("01", "2", "02", "12", "00", "13", "99")
        for day in ("01", "1", "28", "29", "30", "31", "32", "00")
    ]
    compact = ["20240229", "20230229", "20241301", "20240132", "00010101", "99991231"]
    odd = [
        "",
        " ",
        "x",
        "2024",
        "2024-",
        "2024-01",
        "2024-01-",
        "2024-01-01-01",
        "2024-1-1x",
        "2024-01-01 x",
        "--",
        "-1",
    ]
    odd += [
        "2024-01-01T",
        "2024--01-01",
        "2024-aa-01",
        "tomorrowish",
        "2024-01-01 25",
        "null",
        "true",
        "1.5",
        "0000-01-01",
    ]
    return days + compact + odd + _around(["2024-02-29"])[:24]


def times() -> list[str]:
    clocks = [
        "04:05",
        "4:05",
        "04:05:06",
        "04:05:06.7",
        "04:05:06.789012",
        "04:05:06.7890125",
        "04:05:06.7890135",
        "4:5:6",
    ]
    clocks += [
        "00:00",
        "23:59:59.999999",
        "23:59:59.9999996",
        "23:59:60",
        "24:00",
        "24:00:00",
        "24:00:01",
        "24:00:00.1",
    ]
    clocks += ["25:00", "12:60", "12:59:60", "12:59:61", "99:99", "040506", "040506.5", "04:05:06.", "04:05:06.0000001"]
    zones = [
        "",
        "Z",
        "z",
        "+02",
        "-02",
        "+02:30",
        "+0230",
        "-11:30",
        " +02",
        " Z",
        "+2",
        "+15:59",
        "+16",
        "-16",
        "+02:60",
    ]
    odd = [
        "",
        "x",
        ":",
        "1:",
        ":1",
        "04:",
        "04:05:",
        "04:05:06:07",
        "04::06",
        "-04:05",
        "04:05x",
        "04:05:06.7.8",
        "null",
    ]
    return [clock + zone for clock in clocks for zone in zones] + odd + _around(["04:05:06"])[:24]


def clocks() -> list[str]:
    days = ["2024-02-29 ", "2023-02-29 ", "2024-02-29T", "0001-01-01  ", "T", "t", "2024-02-29 T"]
    return times() + [day + time for day in days for time in times()[:60] if time]


def moments() -> list[str]:
    days = ["2024-02-29", "2023-02-29", "2024-12-31", "0001-01-01", "9999-12-31", "20240229", "2024-1-2", "2024-13-01"]
    joints = [" ", "T", "t", "  ", " T"]
    return [
        *dates(),
        *(day + joint + time for day in days for joint in joints for time in times()[::3] if time.strip()),
    ]


def intervals() -> list[str]:
    units = [
        "year",
        "years",
        "mon",
        "months",
        "week",
        "w",
        "day",
        "days",
        "d",
        "hour",
        "h",
        "min",
        "m",
        "sec",
        "s",
        "ms",
        "us",
    ]
    units += ["yr", "decade", "century", "millennium", "fortnight", "x", ""]
    numbers = ["1", "-1", "+2", "1.5", "-1.5", "0", "400", ".5", "1."]
    amounts = [f"{number} {unit}".strip() for number in numbers for unit in units]
    clocks = ["04:05:06", "-04:05:06.7", "04:05", "100:00", "04:60", "04:05:61", "00:00:00.0000005", "+01:00", "-00:30"]
    mixed = [
        f"{first} {clock}" for first in ("1 day", "-1 day", "1 mon -2 days", "1 year 2 mons", "3") for clock in clocks
    ]
    iso = [
        "P1Y2M3DT4H5M6.5S",
        "PT1S",
        "P1W",
        "P",
        "PT",
        "P1DT",
        "P-1Y",
        "P1.5D",
        "PT36H",
        "P1M",
        "PT1M",
        "P1S",
        "p1d",
        "P1Y1Y",
    ]
    odd = [
        "",
        "x",
        "1 2 3",
        "day",
        "1 day 1 day",
        "1 day ago",
        "1 year 2 days 3:00 ago",
        "@ 1 day",
        "ago",
        "1,5 days",
        "1e3 s",
    ]
    odd += [
        "999999999999 years",
        "2147483648 days",
        "1d2h",
        "1h 30m",
        "2 hours 3 minutes 4.5 seconds",
        "null",
        "1 day 2",
        "-1 year 2 days",
    ]
    return amounts + clocks + mixed + iso + odd + _around(["1 day"])[:24]


def documents() -> list[str]:
    good = [
        "1",
        "-0",
        "1.50",
        "1e2",
        '"a"',
        "true",
        "null",
        "[]",
        "{}",
        '{"b":1,"a":{"c":[1,2,{"d":null}]}}',
        '{"a":1,"a":2}',
    ]
    good += [
        '"\\u00e9é😀"',
        '"\\ud83d\\ude00"',
        " [1 , 2 ] ",
        '{"aa":1,"b":2}',
        '"tab\\t"',
        "[[[[[[]]]]]]",
        "1E400",
        "-1.0e-5",
        '""',
    ]
    bad = [
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{a:1}",
        "{'a':1}",
        "[1 2]",
        '{"a"}',
        '{"a":}',
        "nul",
        "True",
        "NaN",
        "Infinity",
        "-",
        "01",
        "+1",
    ]
    bad += [
        ".5",
        "1.",
        "0x1",
        '"',
        '"\t"',
        '"\\x"',
        '"\\u12"',
        "1 2",
        "[1]x",
        "//c",
        "[1]//c",
        "-Infinity",
        "'a'",
        "{1:2}",
        "\ufeff1",
    ]
    bad += ["1e", "--1", "[,]", "{,}", '{"a":1,}', "\u00a01", "undefined", '"a" "b"', "tru", "[" * 30]
    return good + bad + [f"[{left},{right}]" for left in good for right in good[:6]]


def byte_strings() -> list[str]:
    hexes = [
        "\\x",
        "\\x00",
        "\\xDEADbeef",
        "\\x1",
        "\\xg1",
        "\\x1g",
        "\\x 12 34",
        "\\x1 2",
        "\\x12\n34 ",
        "\\X12",
        "\\xé1",
        "\\x123",
    ]
    escapes = [
        "",
        "abc",
        "é",
        "a\\\\b",
        "\\001\\377",
        "\\400",
        "\\1",
        "\\",
        "\\a",
        "x\\12",
        "\\\\x12",
        "a b",
        " ",
        "\\000a",
        "\\778",
    ]
    return hexes + escapes + [f"\\x{number:04x}" for number in range(0, 65536, 700)]


def arrays() -> list[str]:
    elements = [
        "1",
        " 2 ",
        "NULL",
        "null",
        '"3"',
        '"a b"',
        "a b",
        "",
        '""',
        "x",
        '"a\\"b"',
        "a\\,b",
        "{1}",
        "{}",
        "nuLL",
        '"NULL"',
    ]
    pairs = ["{" + left + "," + right + "}" for left in elements for right in elements]
    singles = ["{" + element + "}" for element in elements] + ["{" + element for element in elements]
    nested = [
        "{{1,2},{3,4}}",
        "{{1,2},{3}}",
        "{{1},2}",
        "{1,{2}}",
        "{{}}",
        "{{},{}}",
        "{{{1}}}",
        "{{1},{}}",
        "{{{{{{1}}}}}}",
        "{{{{{{{1}}}}}}}",
    ]
    odd = [
        "",
        " ",
        "1",
        "{",
        "}",
        "{}x",
        "{} ",
        " {}",
        "{1}}",
        "{1}{2}",
        "{1,}",
        "{,1}",
        "{,}",
        "1,2",
        "[1,2]",
        '{"a}',
        '{a"b"}',
        '{"b"a}',
    ]
    odd += [
        "{1 , 2}",
        "{ 1,\t2 }",
        "{a\\ }",
        "{\\ a}",
        "{a\\",
        '{"a\\',
        "{1;2}",
        "null",
        "{a  b}",
        "{ }",
        "{ { } }",
        "{\\NULL}",
    ]
    return pairs + singles + nested + odd


def texts() -> list[str]:
    return [
        "",
        " ",
        "abc",
        "abc   ",
        "  abc",
        "é",
        "日本語",
        "😀",
        "a" * 400,
        "null",
        "'",
        '"',
        "\\",
        "%",
        "\n\t",
        "a'b''c",
        "\u00a0",
    ]


def labels() -> list[str]:
    return [
        "sad",
        "so so",
        "Happy",
        "happy",
        "SAD",
        "",
        " sad",
        "sad ",
        "so",
        "so  so",
        "null",
        "sad'",
        "é",
        "0",
        "1",
        "{sad}",
    ]


def column_kind(name: str) -> Kind:
    """The kind of a column that is declared with this type: ``varchar(3)``."""
    if name.endswith("[]"):
        return array(column_kind(name.removesuffix("[]")))
    word, _, rest = name.partition("(")
    sizes = [int(size) for size in rest.rstrip(")").split(",") if size]
    match word:
        case "numeric":
            return numeric(*sizes)
        case "varchar":
            return varchar(*sizes)
        case "char":
            return char(*sizes)
        case _:
            return CASTS[word]
