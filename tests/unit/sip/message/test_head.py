import pytest

from strowger.sip.message.errors import ParseError
from strowger.sip.message.head import content_length, fold, read_head, value_of
from strowger.sip.message.limits import MAX_HEADER_LINE_BYTES, MAX_HEADER_LINES


def status_of(text: str) -> int | None:
    with pytest.raises(ParseError) as caught:
        read_head(text)
    return caught.value.status


def test_lines_keep_their_continuations() -> None:
    head = "INVITE sip:a SIP/2.0\r\nTo :\r\n sip:a ;\r\n\ttag=1\r\nv: x\r\nX-Y:"
    assert read_head(head) == (
        "INVITE sip:a SIP/2.0",
        ["To :\r\n sip:a ;\r\n\ttag=1", "v: x", "X-Y:"],
        ["to", "via", "x-y"],
    )


def test_a_start_line_alone() -> None:
    assert read_head("SIP/2.0 200 OK") == ("SIP/2.0 200 OK", [], [])


@pytest.mark.parametrize(
    "text",
    [
        "S\r\nA: b\nVia: c",
        "S\r\nA: b\rVia: c",
        "S\nA: b",
        "S\r\nA: b\r\r\nC: d",
        "S\r\nA: b\n\r\nC: d",
        "S\r\n folded: x",
        "S\r\nno colon",
        "S\r\nVia",
        "S\r\n: no name",
        "S\r\nX Hdr: y",
        "S\r\nA\xa0: y",
        "S\r\nA\x00: y",
    ],
)
def test_what_readers_could_disagree_about_is_refused(text: str) -> None:
    assert status_of(text) == 400


def test_a_continuation_is_never_a_header() -> None:
    assert read_head("S\r\nA-B: a\r\n Via: b")[1:] == (["A-B: a\r\n Via: b"], ["a-b"])


def test_header_lines_at_their_limit() -> None:
    most = "\r\n".join(["S", *["a: b"] * MAX_HEADER_LINES])
    assert len(read_head(most)[1]) == MAX_HEADER_LINES
    assert len(read_head(most + "\r\n folded" * 9)[1]) == MAX_HEADER_LINES
    assert status_of(most + "\r\na: b") == 513


def test_header_line_length_at_its_limit() -> None:
    longest = "a:" + "b" * (MAX_HEADER_LINE_BYTES - 2)
    assert read_head("S\r\n" + longest)[1] == [longest]
    assert status_of("S\r\n" + longest + "b") == 513
    assert status_of("S\r\na:" + "b" * 5000 + "\r\n " + "b" * 5000) == 513
    assert status_of("S" * (MAX_HEADER_LINE_BYTES + 1)) == 513


def test_fold_refuses_a_first_continuation() -> None:
    assert fold([]) == []
    assert fold(["a", "\tb", "c"]) == ["a\r\n\tb", "c"]
    with pytest.raises(ParseError):
        fold([" a"])


def test_value_of() -> None:
    assert value_of("Subject :  a: b ") == "a: b"
    assert value_of("s:") == ""


@pytest.mark.parametrize(
    ("line", "length"),
    [("Content-Length: 150", 150), ("l:0", 0), ("L :\r\n 0012", 12), ("CONTENT-LENGTH\t:2147483647", 2**31 - 1)],
)
def test_content_length(line: str, length: int) -> None:
    _, lines, names = read_head("S\r\nX: y\r\n" + line)
    assert content_length(lines, names) == length


def test_no_content_length() -> None:
    assert content_length(["a: b"], ["a"]) is None


@pytest.mark.parametrize(
    "text",
    ["l: -999", "l: +1", "l:", "l: 1 2", "l: ²", "l: 0x1", "l: 2147483648", "l: 1,1", "l: 5\r\nContent-Length: 5"],
)
def test_malformed_content_length(text: str) -> None:
    _, lines, names = read_head("S\r\n" + text)
    with pytest.raises(ParseError) as caught:
        content_length(lines, names)
    assert caught.value.status == 400
