"""Sends letters with Python's smtplib. Arguments: port, tls (starttls or implicit), mechanism, user name; on standard
input JSON: the password, the sender, and pairs of recipient and file."""

import json
import smtplib
import ssl
import sys

port, tls, mechanism, username = sys.argv[1:5]
work = json.load(sys.stdin)
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE

if tls == "implicit":
    session = smtplib.SMTP_SSL("127.0.0.1", int(port), context=context)
else:
    session = smtplib.SMTP("127.0.0.1", int(port))
    session.starttls(context=context)
session.ehlo()
session.user, session.password = username, work["password"]
session.auth(mechanism, getattr(session, "auth_" + mechanism.lower()))
for recipient, file in work["letters"]:
    with open(file, "rb") as message:
        session.sendmail(work["sender"], [recipient], message.read())
session.quit()
