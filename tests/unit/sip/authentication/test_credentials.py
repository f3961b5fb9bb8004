import pytest

from strowger.sip.authentication.challenge import PROXY
from strowger.sip.authentication.credentials import Credential, check_identity, remove_credentials
from strowger.sip.authentication.digest import Algorithm
from strowger.sip.authentication.errors import CredentialInvalid
from strowger.sip.message.message import Request

MUFASA_SHA_256 = "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"
MUFASA_MD5 = "3d78807defe7de2157e2b0b6573a855f"


def test_a_password_leaves_only_its_hashes():
    credential = Credential.of_password("Mufasa", "http-auth@example.org", "Circle of Life", md5=True)
    assert credential == Credential("Mufasa", "http-auth@example.org", MUFASA_SHA_256, MUFASA_MD5)
    assert credential.ha1(Algorithm.SHA_256) == MUFASA_SHA_256
    assert credential.ha1(Algorithm.MD5) == MUFASA_MD5


def test_md5_is_made_only_when_asked_for():
    assert Credential.of_password("bob", "x", "secret").ha1(Algorithm.MD5) is None


def test_no_hash_is_shown():
    assert repr(Credential("bob", "x", "a" * 64, "b" * 32)) == "Credential(user='bob', realm='x')"


@pytest.mark.parametrize(
    ("user", "realm"), [("", "x"), ("a:b", "x:y"), ("a\nb", "x"), ("bob", "x\r\ny"), ("bob", "zürich")]
)
def test_what_a_header_cannot_carry_is_refused(user, realm):
    with pytest.raises(CredentialInvalid):
        Credential.of_password(user, realm, "secret")


@pytest.mark.parametrize(
    ("user", "realm"), [('the "boss"', 'Realm of "X"'), ("8:acs:r1_bob", "x"), ("bob", "sip:carrier.example")]
)
def test_quotes_spaces_and_the_colons_of_a_raw_id_are_carried(user, realm):
    check_identity(user, realm)


def test_what_is_meant_for_us_is_taken_away_and_nothing_else():
    foreign = ['Digest realm="other", nonce="1"', "Digest broken", 'Basic realm="us"', "NoOneKnows x"]
    request = Request.make("BYE", "sip:x", [("Proxy-Authorization", value) for value in foreign])
    before = request.to_bytes()
    request.prepend("Proxy-Authorization", 'DIGEST nonce="1", realm="us"')
    request.append("Proxy-Authorization", 'Digest realm="us"')
    remove_credentials(request, PROXY, "us")
    assert request.to_bytes() == before
    request.append("Authorization", 'Digest realm="us"')
    remove_credentials(request, PROXY, "us")
    assert request.has("Authorization")
