import pytest

from strowger.sip.authentication.auth_params import MAX_AUTH_PARAMS, parse_auth_params, quoted, scheme_of
from strowger.sip.message.errors import ParseError


@pytest.mark.parametrize(
    ("value", "params"),
    [
        ('Digest username="bob", realm=x, nc=00000001', {"username": "bob", "realm": "x", "nc": "00000001"}),
        ('Digest uri="sip:a,b@x;c=d", qop="auth,auth-int"', {"uri": "sip:a,b@x;c=d", "qop": "auth,auth-int"}),
        (r'Digest username="a\"b\\c, d"', {"username": 'a"b\\c, d'}),
        ('Digest  USERNAME = "bob"  ,Realm="<x,y>"', {"username": "bob", "realm": "<x,y>"}),
        ('Digest username=""', {"username": ""}),
        ("NoOneKnowsThisScheme opaque-data=here", {"opaque-data": "here"}),
        ("Digest", {}),
    ],
)
def test_parameters_are_read(value, params):
    assert parse_auth_params(value) == params


@pytest.mark.parametrize(
    "value",
    [
        "Digest username",
        'Digest ="bob"',
        'Digest username="bob", username="eve"',
        'Digest username="bob',
        "Digest username=",
        "Digest username=bob smith",
        'Digest user name="bob"',
        "Digest a=1,,b=2",
        "Digest " + ",".join(f"p{n}=1" for n in range(MAX_AUTH_PARAMS + 1)),
    ],
)
def test_what_is_no_list_of_parameters_is_refused(value):
    with pytest.raises(ParseError) as caught:
        parse_auth_params(value)
    assert caught.value.status == 400


def test_as_many_parameters_as_allowed_are_read():
    assert len(parse_auth_params("Digest " + ",".join(f"p{n}=1" for n in range(MAX_AUTH_PARAMS)))) == MAX_AUTH_PARAMS


def test_scheme_and_quoting():
    assert scheme_of("DIGEST realm=x") == "digest"
    assert scheme_of("Basic") == "basic"
    assert quoted('a"b\\c') == r'"a\"b\\c"'
    assert parse_auth_params("Digest x=" + quoted('a"b\\c')) == {"x": 'a"b\\c'}
