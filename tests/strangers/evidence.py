"""Shows that a hole is the client's own: what it says itself, and what went over the wire.

Each function takes the bench of the check that was missed, and what `holes.toml` says besides. It
gives `None`, or why the hole is not shown.
"""

import struct

from witness import ATTENTION, ERROR_TOKEN, RPC, SQL_BATCH, TRANSACTION

KINDS = {"attention": ATTENTION, "call": RPC, "transaction": TRANSACTION}
ENCRYPTION = {"off": 0, "on": 1, "not supported": 2, "required": 3}


def _numbers(bench):
    return [number for each in bench.conversations() for number in each.numbers_sent()]


def _sent(bench):
    return [kind for each in bench.conversations() for kind in each.client_kinds()]


def _said(bench):
    return "\n".join(each.failed for each in bench.answers if each.failed)


def client_refuses(bench, says):
    """The client itself refuses, in these words, and has sent no request that could have caused that."""
    if says not in _said(bench):
        return f"the client did not say {says!r}: {_said(bench)}"
    return None


def client_refuses_first(bench, says):
    """The client refuses, in these words, before a single byte reached the server."""
    if any(each.client.first for each in bench.conversations()):
        return "the client sent something"
    return client_refuses(bench, says)


def server_sent(bench, numbers):
    """The server sent these messages, in this order, and the client did not show them all."""
    wanted = iter(numbers)
    expected = next(wanted, None)
    for number in _numbers(bench):
        if number == expected:
            expected = next(wanted, None)
    return None if expected is None else f"the server did not send {expected} there: {_numbers(bench)}"


def server_sent_early(bench, text, seconds):
    """The server had sent this text so long before the client showed anything of the answer."""
    wanted, until = text.encode("utf-16-le"), bench.answers[-1].ended_at - seconds
    early = any(wanted in each.reply_before(until) for each in bench.conversations())
    return None if early else f"the server did not send {text!r} {seconds} s before the end"


def server_sent_text(bench, text):
    """The server sent this text (in UTF-16, as results are), and the client does not give it as it is."""
    wanted = text.encode("utf-16-le")
    if any(wanted in each.replies() for each in bench.conversations()):
        return None
    return f"the server did not send {text!r}"


def server_sent_bytes(bench, hex):
    """The server sent these bytes, and the client does not give what they mean."""
    wanted = bytes.fromhex(hex)
    if any(wanted in each.replies() for each in bench.conversations()):
        return None
    return f"the server did not send {hex}"


def server_sent_results(bench, count):
    """The server sent so many results to one request, and the client did not show them all."""
    most = 0
    for each in bench.conversations():
        # COLMETADATA of one column of four bytes, as the checks' results are.
        most = max(most, each.replies().count(struct.pack("<BH", 0x81, 1)))
    return None if most >= count else f"the server sent {most} results"


def client_never_sends(bench, kind):
    """In all that the client sent, no packet of this kind is found; it did send others."""
    sent = _sent(bench)
    if SQL_BATCH not in sent and RPC not in sent:
        return "the client sent no request at all"
    return f"the client did send {kind}" if KINDS[kind] in sent else None


def client_connects_again(bench):
    """The client ended the connection that had the error, and took another one."""
    return None if len(bench.conversations()) > 1 else "there is one connection"


def client_asks_encryption(bench, wants):
    """What the client's PRELOGIN asks is not what the check needs."""
    asked = {each.encryption_asked() for each in bench.conversations()}
    return None if asked == {ENCRYPTION[wants]} else f"it asked {asked}"


def client_begins_in_the_clear(bench):
    """The client's first byte is that of a packet, not of TLS, as TDS 8.0 wants it."""
    conversations = [each for each in bench.conversations() if each.client.first]
    if not conversations:
        return "the client sent nothing"
    return "the client began with TLS" if any(each.opens_with_tls() for each in conversations) else None


def all_errors_sent(bench, numbers):
    """The errors of the server, in order: nothing else than these."""
    found = [each[1] for conversation in bench.conversations()
             for each in conversation.messages_sent() if each[0] == ERROR_TOKEN]
    return None if found == numbers else f"the server sent {found}"


def shown(bench, hole):
    """Why a hole is not shown to be the client's own, or `None`."""
    for name, arguments in hole["shown_by"].items():
        reason = globals()[name](bench, **arguments)
        if reason:
            return f"{name}: {reason}"
    return None
