#!/usr/bin/env python3
"""A checkpassword program that asks PAM: pam-checkpassword.py CONFDIR SERVICE HOMES program...

Reads name, password and timestamp from descriptor 3, authenticates by libpam with the service files of CONFDIR
(pam_start_confdir, Linux-PAM 1.4), and runs the program with USER and HOME=HOMES/NAME. Exits 1 for a refusal, 111 for
trouble, 2 when it is misused.
"""
import ctypes
import ctypes.util
import os
import sys

PAM_SUCCESS, PAM_BUF_ERR, PAM_CONV_ERR = 0, 5, 19
PAM_PROMPT_ECHO_OFF = 1
REFUSALS = {6, 7, 10, 11, 13}  # PERM_DENIED AUTH_ERR USER_UNKNOWN MAXTRIES ACCT_EXPIRED


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.POINTER(Response)),
    ctypes.c_void_p,
)


class Conversation(ctypes.Structure):
    _fields_ = [("converse", CONVERSE), ("data", ctypes.c_void_p)]


libc = ctypes.CDLL(None)
libc.calloc.restype = ctypes.c_void_p
libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
libc.strdup.restype = ctypes.c_void_p
libc.strdup.argtypes = [ctypes.c_char_p]
pam = ctypes.CDLL("libpam.so.0")


def authenticate(confdir, service, name, password):
    @CONVERSE
    def converse(count, messages, responses, _data):
        memory = libc.calloc(count, ctypes.sizeof(Response))
        if not memory:
            return PAM_BUF_ERR
        answers = ctypes.cast(memory, ctypes.POINTER(Response))
        for i in range(count):
            if messages[i].contents.style == PAM_PROMPT_ECHO_OFF:
                answers[i].text = libc.strdup(password)
        responses[0] = answers
        return PAM_SUCCESS

    handle = ctypes.c_void_p()
    conversation = Conversation(converse, None)
    code = pam.pam_start_confdir(
        service, name, ctypes.byref(conversation), confdir, ctypes.byref(handle)
    )
    if code != PAM_SUCCESS:
        return code
    code = pam.pam_authenticate(handle, 0)
    if code == PAM_SUCCESS:
        code = pam.pam_acct_mgmt(handle, 0)
    pam.pam_end(handle, code)
    return code


def main():
    if len(sys.argv) < 5:
        sys.exit(2)
    confdir, service, homes, program, *_ = map(os.fsencode, sys.argv[1:])
    with os.fdopen(3, "rb") as descriptor:
        parts = descriptor.read(513).split(b"\0")
    if len(parts) < 4:
        sys.exit(2)
    name, password = parts[:2]
    code = authenticate(confdir, service, name, password)
    if code in REFUSALS:
        sys.exit(1)
    if code != PAM_SUCCESS:
        print(f"PAM says {code}", file=sys.stderr)
        sys.exit(111)
    environment = {b"USER": name, b"HOME": homes + b"/" + name, b"SHELL": b"/bin/sh"}
    os.execve(program, sys.argv[4:], {**os.environb, **environment})


main()
