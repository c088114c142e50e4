"""The modules that lakeFS gives to Lua scripts: what goes in, what comes out, which errors."""

from __future__ import annotations

import base64
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.contract.expressions import at, shown
from tests.contract.harness import Lakefs

STRINGS = 'require("strings").'
REGEXP = 'require("regexp").'
PATH = 'require("path").'
TIME = 'require("time").'
HEX = 'require("encoding/hex").'
BASE64 = 'require("encoding/base64").'
Z85 = 'require("encoding/z85enc").'
URL = 'require("net/url").'
YAML = 'require("encoding/yaml").'
JSON = 'require("encoding/json").'

NO_TEXT = "bad argument #1 to '?' (string expected, got no value)"
CASES: dict[str, list[tuple[str, str]]] = {
    "strings": [
        (STRINGS + 'split("a,b,,c", ",")', 'list{1="a", 2="b", 3="", 4="c"}'),
        (STRINGS + 'split("", ",")', 'list{1=""}'),
        (STRINGS + 'split("a\\195\\169", "")', 'list{1="a", 2="\\195\\169"}'),
        (STRINGS + 'split(1.5, ".")', 'list{1="1", 2="5"}'),
        (STRINGS + "split()", at(NO_TEXT)),
        (STRINGS + 'split("a", {})', at("bad argument #2 to '?' (string expected, got table)")),
        (STRINGS + 'trim("  \\t\\n x \\194\\160")', '"x"'),
        (STRINGS + 'replace("aaa", "a", "b", 2)', '"bba"'),
        (STRINGS + 'replace("ab", "", "-", -1)', '"-a-b-"'),
        (STRINGS + 'replace("a", "b", "c")', at("bad argument #4 to '?' (number expected, got no value)")),
        (STRINGS + 'has_prefix("abc", "ab")', "true"),
        (STRINGS + 'has_suffix("abc", "ab")', "false"),
        (STRINGS + 'contains("abc", "b")', "true"),
        ('("a\\195\\132"):lower() .. ("\\195\\159"):upper() .. ("\\195\\164x"):reverse()',
         '"a\\195\\164\\195\\159x\\195\\164"'),
        ('("%d|%5.1f|%x|%s"):format(3, 2.25, 255, true)', '"3|  2.2|ff|true"'),
        ('pcall(string.format, "%d", 1.5)', "false"),
    ],
    "regexp": [
        (REGEXP + 'match("a+b", "xaab")', "true"),
        (REGEXP + 'match("^a$", "ab")', "false"),
        (REGEXP + 'match("\\\\p{Greek}", "\\206\\177")', "true"),
        (REGEXP + 'match("(?i)ABC", "abc")', "true"),
        (REGEXP + 'match("[", "")', at("error parsing regexp: missing closing ]: `[`")),
        (REGEXP + 'match("(?=a)", "")',
         at("error parsing regexp: invalid or unsupported Perl syntax: `(?=`")),
        (REGEXP + 'match("a**", "")', at("error parsing regexp: invalid nested repetition operator: `**`")),
        (REGEXP + 'match("\\\\C", "")', at("error parsing regexp: invalid escape sequence: `\\C`")),
        (REGEXP + 'compile("(")', at("error parsing regexp: missing closing ): `(`")),
        (REGEXP + 'quote_meta("a.b*[c]")', '"a\\.b\\*\\[c\\]"'),
        (REGEXP + 'compile("a(x*)b(y)?").find("-axxby-ab")', '"axxby"'),
        (REGEXP + 'compile("a(x*)b(y)?").find("none")', '""'),
        (REGEXP + 'compile("a(x*)b(y)?").find_submatch("-ab-")', 'list{1="ab", 2="", 3=""}'),
        (REGEXP + 'compile("a(x*)b(y)?").find_submatch("none")', "list{}"),
        (REGEXP + 'compile("a(x*)b(y)?").find_all("-axxby-ab", -1)', 'list{1="axxby", 2="ab"}'),
        (REGEXP + 'compile("a(x*)b(y)?").find_all("-axxby-ab", 1)', 'list{1="axxby"}'),
        (REGEXP + 'compile("a*").find_all("baaac", -1)', 'list{1="", 2="aaa", 3=""}'),
        (REGEXP + 'compile("(a)(b)").find_all_submatch("abab", 1)', 'list{1=list{1="ab", 2="a", 3="b"}}'),
    ],
    "path": [
        (PATH + 'parse("a/b/c.txt")', '{base_name="c.txt", parent="a/b/"}'),
        (PATH + 'parse("a/b/")', '{base_name="b", parent="a/"}'),
        (PATH + 'parse("c")', '{base_name="c", parent=""}'),
        (PATH + 'parse("a|b", "|")', '{base_name="b", parent="a|"}'),
        (PATH + 'join("/", "/a", "b/", "/c/")', '"/a/b/c/"'),
        (PATH + 'join("/", "a", {})', at("invalid type, string expected")),
        (PATH + 'is_hidden("a/_b/c")', "true"),
        (PATH + 'is_hidden("a/.b", "/", ".")', "true"),
        (PATH + "default_separator()", '"/"'),
        (PATH + 'extract_dir_name("a//b/../c/")', '"a/c"'),
        (PATH + 'extract_dir_name("a")', '"."'),
    ],
    "encodings": [
        (HEX + 'encode("a\\255")', '"61ff"'),
        (HEX + 'decode("61FF")', '"a\\255"'),
        (HEX + 'decode("6")', at("encoding/hex: odd length hex string")),
        (HEX + 'decode("6g")', at("encoding/hex: invalid byte: U+0067 'g'")),
        (BASE64 + 'encode("hello?>")', '"aGVsbG8/Pg=="'),
        (BASE64 + 'decode("aGVs\\nbG8=")', '"hello"'),
        (BASE64 + 'decode("aGVsbG8")', at("illegal base64 data at input byte 4")),
        (BASE64 + 'decode("aGVsbA=x")', at("illegal base64 data at input byte 6")),
        (BASE64 + 'decode("aGVsbG8=x")', at("illegal base64 data at input byte 8")),
        (BASE64 + 'url_encode("hello?>")', '"aGVsbG8_Pg"'),
        (BASE64 + 'url_decode("aGVsbG8_Pg")', '"hello?>"'),
        (BASE64 + 'url_decode("aGVsbG8_Pg==")', at("illegal base64 data at input byte 10")),
        (Z85 + 'decode_uuid("prefix-HelloWorldHelloWorld")', '"864fd26f-b559-f75b-864f-d26fb559f75b"'),
        (Z85 + 'decode_uuid("abc")', at("z85: wrongly aligned input data")),
    ],
    "crypto and uuid": [
        (HEX + 'encode(require("crypto/sha256").digest("abc"))',
         '"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"'),
        (HEX + 'encode(require("crypto/hmac").sign_sha256("message", "key"))',
         '"6e9ef29b75fffc5b7abae527d58fdadb2fe42e7219011976917343065f58ed4a"'),
        (HEX + 'encode(require("crypto/hmac").sign_sha1("message", "key"))',
         '"2088df74d5f2146b48146caf4965377e9d0be3a4"'),
        ('require("crypto/sha256").digest()', at(NO_TEXT)),
        (REGEXP + 'match("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",'
         ' require("uuid").new())', "true"),
        ('(select(2, pcall(require, "crypto/md5"))):sub(1, 29)', '"module \'crypto/md5\' not found"'),
    ],
    "net/url": [
        (URL + 'parse("https://u:p@host:80/a%20b?x=1&y=%20#frag%20x")',
         '{fragment="frag x", host="host:80", path="/a b", query="x=1&y=%20", scheme="https"}'),
        (URL + 'parse("a/b")', '{fragment="", host="", path="a/b", query="", scheme=""}'),
        (URL + 'parse("S3://bucket/key")',
         '{fragment="", host="bucket", path="/key", query="", scheme="s3"}'),
        (URL + 'parse("%zz")', at('parse "%zz": invalid URL escape "%zz"')),
        (URL + 'parse(":x")', at('parse ":x": missing protocol scheme')),
        (URL + 'parse("1a:b")', at('parse "1a:b": first path segment in URL cannot contain colon')),
        (URL + 'parse("http://h:port/")', at('parse "http://h:port/": invalid port ":port" after host')),
        (URL + 'parse("http://a b/")', at('parse "http://a b/": invalid character " " in host name')),
        (URL + 'query_unescape("a+b%20c%C3%A9")', '"a b c\\195\\169"'),
        (URL + 'query_unescape("%1")', at('invalid URL escape "%1"')),
        (URL + 'path_escape("a b/c?d=1&e+f:g")', '"a%20b%2Fc%3Fd=1&e+f:g"'),
        (URL + 'build_url("https", "host:80", "/a b", "x=1 2")', '"https://host:80/a%20b?x=1 2"'),
        # a fault of lakeFS: the path stands where the fragment should
        (URL + 'build_url("https", "host", "/a", "", "frag")', '"https://host/a#/a"'),
    ],
    "time": [
        (TIME + 'format(1700000000123456789, "2006-01-02T15:04:05Z07:00", "UTC")', '"2023-11-14T22:13:20Z"'),
        (TIME + 'format(1700000000e9, "Mon Jan _2 15:04:05 MST 2006", "Europe/Berlin")',
         '"Tue Nov 14 23:13:20 CET 2023"'),
        (TIME + 'format(1700000000e9, "Monday, 02-Jan-06 3:04PM 3:4:5pm 1/2/06 002 January", "UTC")',
         '"Tuesday, 14-Nov-23 10:13PM 10:13:20pm 11/14/23 318 November"'),
        (TIME + 'format(1700000000e9, "-0700 -07 Z0700 Z07:00 05.000 05.999 _2006 __2", "Asia/Kolkata")',
         '"+0530 +05 +0530 +05:30 20.000 20 _2023 319"'),
        (TIME + 'format(0, "2006", "Nowhere/City")', at("unknown time zone Nowhere/City")),
        (TIME + 'format(0, "2006", "../etc")', at("time: invalid location name")),
        (TIME + 'format_iso(1700000000e9, "America/New_York")', '"2023-11-14T17:13:20-05:00"'),
        (TIME + "format_iso(-1e9)", '"1969-12-31T23:59:59+00:00"'),
        (TIME + 'parse("2006-01-02", "2023-11-14") / 1e9', "1699920000"),
        (TIME + 'parse("2006-01-02T15:04:05Z07:00", "2023-11-14T22:13:20+05:30") / 1e9', "1699980200"),
        (TIME + 'parse("Jan 2, 2006 3:04PM", "Nov 14, 2023 10:13PM") / 1e9', "1699999980"),
        (TIME + 'parse("2006-01-02 15:04:05", "2023-11-14 22:13:20.5") / 1e6', "1700000000500"),
        (TIME + 'parse_iso("2023-11-14T22:13:20+01:00") / 1e9', "1699996400"),
        (TIME + 'parse("2006-01-02", "2023-13-14")', at('parsing time "2023-13-14": month out of range')),
        (TIME + 'parse("2006-01-02", "2023-02-30")', at('parsing time "2023-02-30": day out of range')),
        (TIME + 'parse("2006-01-02", "2023-11-14x")', at('parsing time "2023-11-14x": extra text: "x"')),
        (TIME + 'parse("2006-01-02", "2023-1-1")',
         at('parsing time "2023-1-1" as "2006-01-02": cannot parse "1-1" as "01"')),
        (TIME + "add(0, {hour = 1, minute = 2, second = 3}) / 1e9", "3723"),
        (TIME + "since(" + TIME + "now()) >= 0", "true"),
        (TIME + "sleep(1)", "1"),
    ],
    "encoding/yaml": [
        (YAML + 'marshal({b = "x", a = array({1, "1", {c = true}}), d = {e = array({}), f = 1.5}})',
         '"a:\\10    - 1\\10    - "1"\\10    - c: true\\10b: x\\10d:\\10    e: []\\10    f: 1.5\\10"'),
        (YAML + "marshal(nil)", '"null\\10"'),
        (YAML + 'marshal({a = "x\\ny", b = "a: b", c = "yes", d = "", e = " x", f = "tab\\t"})',
         '"a: |-\\10    x\\10    y\\10b: \'a: b\'\\10c: "yes"\\10d: ""\\10e: \' x\'\\10f: "tab\\t"\\10"'),
        (YAML + "marshal({a10 = 1e6, a9 = 1e-7, B = -5})", '"B: -5\\10a9: 1e-07\\10a10: 1e+06\\10"'),
        (YAML + 'unmarshal("a: 1\\nb: [x, 2.5, true, null]\\nc: {d: yes}")',
         '{a=1, b=list{1="x", 2=2.5, 3=true}, c={d="yes"}}'),
        (YAML + 'unmarshal("a: &x {k: 010}\\nb: {<<: *x, l: 0x10}")', "{a={k=8}, b={k=8, l=16}}"),
        (YAML + 'unmarshal("!foo bar")', '"bar"'),
        (YAML + 'unmarshal("a: 1\\n---\\nb: 2")', "{a=1}"),
        (YAML + 'unmarshal("")', "nil"),
        (YAML + "marshal({a = print})",
         at("pull table, unsupported type function: cannot pull go type into lua")),
    ],
    "encoding/json": [
        (JSON + "marshal({a = 1e-7, b = 1e-6, c = 123456789.5, d = 1e20, e = 1e21})",
         '"{"a":1e-7,"b":0.000001,"c":123456789.5,"d":100000000000000000000,"e":1e+21}\\10"'),
        (JSON + 'marshal({a = {b = array({1})}, c = {}}, {indent = "  "})',
         '"{\\10  "a": {\\10    "b": [\\10      1\\10    ]\\10  },\\10  "c": {}\\10}\\10"'),
        (JSON + 'marshal({}, "x")', at("need a table at index 2, got string: cannot pull go type into lua")),
        (JSON + "unmarshal('{\"a\": 1e400}')",
         at("json: cannot unmarshal number 1e400 into Go value of type float64")),
        (JSON + "unmarshal('[1, {\"a\": null}, 1.5]')", "list{1=1, 2={}, 3=1.5}"),
    ],
}  # fmt: skip


@pytest.mark.behaviour("H11")
@pytest.mark.parametrize("name", CASES)
def test_module(lakefs: Lakefs, name: str) -> None:
    cases = CASES[name]
    assert shown(lakefs, [expression for expression, _ in cases]) == [value for _, value in cases]


def test_what_a_yaml_or_json_text_is_not(lakefs: Lakefs) -> None:
    """The words differ, that it is an error does not."""
    yaml = ["a: [1", "a: b: c", "@x", "a: *nope", "a: 1\\na: 2", "!!int x", "? [1]\\n: x", "a: 2001-01-01"]
    wrong = [f'{YAML}unmarshal("{text}")' for text in yaml]
    wrong += [f"{JSON}unmarshal('{text}')" for text in ("{a: 1}", "nope", "1 2", "[1,")]
    assert all(value.startswith("ERROR") for value in shown(lakefs, wrong))


def test_the_schema_of_parquet(lakefs: Lakefs) -> None:
    """All elements but the root, depth first; a group has no type."""
    nested = pa.struct(
        [("x", pa.int32()), ("y", pa.list_(pa.float64())), ("z", pa.struct([("deep", pa.bool_())]))]
    )
    columns = {
        "id": pa.array([1], pa.int64()),
        "a.b": pa.array([True]),
        "s": pa.array([{"x": 1, "y": [0.5], "z": {"deep": True}}], nested),
        "s2": pa.array([{"x": 1}], pa.struct([("x", pa.float32())])),
        "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int16())),
        "price": pa.array([1], pa.decimal128(20, 2)),
        "fixed": pa.array([b"abcd"], pa.binary(4)),
        "day": pa.array([1], pa.date32()),
        "at": pa.array([1], pa.timestamp("us")),
        "text": pa.array(["x"]),
        "none": pa.nulls(1),
    }
    file, old = BytesIO(), BytesIO()
    pq.write_table(pa.table(columns), file)
    pq.write_table(pa.table({"at": columns["at"]}), old, use_deprecated_int96_timestamps=True)

    def schema(content: bytes) -> str:
        return f'require("encoding/parquet").get_schema(decode("{base64.b64encode(content).decode()}"))'

    setup = 'decode = require("encoding/base64").decode\n'
    wrong = [
        schema(b"no parquet"),
        schema(b""),
        schema(file.getvalue()[:-4]),
        'require("encoding/parquet").get_schema()',
    ]
    told, of_old, *errors = shown(
        lakefs, [schema(file.getvalue()), schema(old.getvalue()), *wrong], setup=setup
    )
    expected = [
        *(("id", "INT64"), ("a.b", "BOOLEAN"), ("s", "N/A"), ("x", "INT32"), ("y", "N/A"), ("list", "N/A")),
        *(("element", "DOUBLE"), ("z", "N/A"), ("deep", "BOOLEAN"), ("s2", "N/A"), ("x", "FLOAT")),
        *(("map", "N/A"), ("key_value", "N/A"), ("key", "BYTE_ARRAY"), ("value", "INT32")),
        *(("price", "FIXED_LEN_BYTE_ARRAY"), ("fixed", "FIXED_LEN_BYTE_ARRAY"), ("day", "INT32")),
        *(("at", "INT64"), ("text", "BYTE_ARRAY"), ("none", "INT32")),
    ]
    numbered = {str(at): f'{{name="{name}", type="{kind}"}}' for at, (name, kind) in enumerate(expected, 1)}
    items = ", ".join(sorted(f"{at}={item}" for at, item in numbered.items()))
    assert told == f"list{{{items}}}"
    assert of_old == 'list{1={name="at", type="INT96"}}'
    assert [error.startswith("ERROR") for error in errors] == [True] * len(wrong)
