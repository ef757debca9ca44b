"""Reads messages from standard input, each as base64 on a line of its own, with Python's email package, and tells of each
as JSON on a line what a program that understands delivery status notifications sees."""
import base64, email, email.policy, json, quopri, sys


def groups(part):
    """The groups of fields of a status part: Python knows those of RFC 3464, and those of RFC 6533 have the same form."""
    parsed = part.get_payload()
    if part.get_content_type() != "message/delivery-status":
        parsed = [email.message_from_string(group) for group in octets(part).decode().strip("\n").split("\n\n")]
    return [[[name, " ".join(value.split())] for name, value in group.items()] for group in parsed]


def octets(part):
    """The content of a part, decoded; of message/... types, too, which Python parses instead of decoding."""
    if part.get_content_maintype() != "message":
        return part.get_payload(decode=True)
    raw = b"\n".join(message.as_bytes() for message in part.get_payload())
    # Writing a message, Python ends its header by a blank line.
    raw = raw[:-1] if part.get_content_type() == "message/global-headers" else raw
    return quopri.decodestring(raw) if part["Content-Transfer-Encoding"] == "quoted-printable" else raw


def defects(message):
    """Those of the notice; what is returned may be as it likes."""
    return [type(defect).__name__ for part in [message, *message.get_payload()] for defect in part.defects]


for line in sys.stdin:
    message = email.message_from_bytes(base64.b64decode(line))
    parts = message.get_payload()
    json.dump({
        "type": message.get_content_type(),
        "reportType": message.get_param("report-type"),
        "header": {name.lower(): value for name, value in email.message_from_bytes(
            base64.b64decode(line), policy=email.policy.SMTPUTF8).items()},
        "parts": [{"type": part.get_content_type(), "encoding": part["Content-Transfer-Encoding"],
                   "octets": base64.b64encode(octets(part)).decode()} for part in parts],
        "text": octets(parts[0]).decode(parts[0].get_content_charset()),
        "fields": groups(parts[1]),
        "defects": defects(message),
    }, sys.stdout)
    print()
