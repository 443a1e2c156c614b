"""The handshake by which both ends of a connection prove that they know the authkey.

Each end challenges the other: it sends random bytes and receives an HMAC of them.  The protocol is written
without a connection: a conversation is a generator that yields Say(message, reply=...) and is sent the
replies.  So a blocking connection and a listener with many concurrent clients use the same functions.

Interpreters up to 3.11 use MD5 without naming it; they are recognised by the lengths of their messages, 20
bytes for a challenge and 16 for an answer.  Later ones put the digest's name before both, `{sha256}`.  The
HMAC covers the challenge with that name, so a man in the middle cannot force a weaker digest.
"""

import os
from collections import namedtuple
from multiprocessing import AuthenticationError

CHALLENGE = b"#CHALLENGE#"
WELCOME = b"#WELCOME#"
FAILURE = b"#FAILURE#"
LONGEST = 256  # bytes of a message of the handshake
RANDOM_BYTES = 40
DIGESTS = frozenset({b"md5", b"sha256", b"sha384", b"sha3_256", b"sha3_384"})
OLD_CHALLENGE = 20  # bytes; of interpreters up to 3.11
OLD_ANSWER = 16

Say = namedtuple("Say", "message reply")  # message: bytes or None; reply: whether one is waited for


def check_authkey(authkey):
    """ValueError unless it is bytes."""
    if not isinstance(authkey, bytes):
        raise ValueError(f"Authkey must be bytes, not {type(authkey)!s}")


def split_digest(message):
    """The digest's name, "" for the form without one, and the bytes after it.  AuthenticationError."""
    if len(message) in (OLD_CHALLENGE, OLD_ANSWER):
        return "", message
    name, brace, rest = message[1:].partition(b"}")
    if message[:1] == b"{" and brace and name in DIGESTS:
        return name.decode("ascii"), rest
    raise AuthenticationError(
        f"unsupported message length, missing digest prefix, or unsupported digest: message={message!r}"
    )


def hmac_of(authkey, message, digest):
    """The HMAC; ValueError if the interpreter's OpenSSL lacks this digest."""
    import hmac

    return hmac.new(authkey, message, digest).digest()


def answer_to(authkey, challenge):
    """The answer to a challenge: an HMAC, its digest named if the challenge names one or MD5 is missing."""
    digest = split_digest(challenge)[0]
    if not digest:
        try:
            return hmac_of(authkey, challenge, "md5")
        except ValueError:  # no MD5 in this build: the other end may accept a later digest
            digest = "sha256"
    return b"{%s}%s" % (digest.encode("ascii"), hmac_of(authkey, challenge, digest))


def check_answer(authkey, challenge, answer):
    """AuthenticationError unless the answer is right.  Compares in constant time."""
    import hmac

    digest, code = split_digest(answer)
    digest = digest or "md5"
    try:
        expected = hmac_of(authkey, challenge, digest)
    except ValueError:
        raise AuthenticationError(f"response_digest={digest!r} unsupported") from None
    if len(expected) != len(code):
        raise AuthenticationError(f"expected {digest!r} of length {len(expected)} got {len(code)}")
    if not hmac.compare_digest(expected, code):
        raise AuthenticationError("digest received was wrong")


def challenging(authkey, digest="sha256"):
    """The conversation of the end that challenges."""
    challenge = b"{%s}%s" % (digest.encode("ascii"), os.urandom(RANDOM_BYTES))
    answer = yield Say(CHALLENGE + challenge, reply=True)
    try:
        check_answer(authkey, challenge, answer)
    except AuthenticationError:
        yield Say(FAILURE, reply=False)
        raise
    yield Say(WELCOME, reply=False)


def answering(authkey):
    """The conversation of the end that is challenged."""
    message = yield Say(None, reply=True)
    if not message.startswith(CHALLENGE):
        raise AuthenticationError(f"Protocol error, expected challenge: message={message!r}")
    challenge = message[len(CHALLENGE) :]
    if len(challenge) < OLD_CHALLENGE:
        raise AuthenticationError(f"challenge too short: {len(challenge)} bytes")
    verdict = yield Say(answer_to(authkey, challenge), reply=True)
    if verdict != WELCOME:
        raise AuthenticationError("digest sent was rejected")


def of_listener(authkey):
    """The conversation of the listener's end."""
    yield from challenging(authkey)
    yield from answering(authkey)


def converse(connection, conversation):
    """Hold a conversation over a connection that blocks: anything with send_bytes() and recv_bytes()."""
    reply = None
    try:
        while True:
            said = conversation.send(reply)
            if said.message is not None:
                connection.send_bytes(said.message)
            reply = connection.recv_bytes(LONGEST) if said.reply else None
    except StopIteration:
        pass
    finally:
        conversation.close()
