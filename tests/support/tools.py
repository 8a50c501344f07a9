"""The tools that measure a mail, each behind one function: spam filters, a second DKIM verifier, servers, a browser.

All of them work on 127.0.0.1, on ports taken from the kernel, with their state in a folder of the run; none asks the
network. docs/inbox.md says what each proves; `make inbox` installs them where that is allowed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

NODE = Path(__file__).parents[1] / "inbox" / "node"
_SBIN = "/usr/sbin:/sbin:/usr/local/sbin:"
ENVIRON = {**os.environ, "PATH": _SBIN + os.environ.get("PATH", "")}

TOOLS = {
    "spamd": "spamd",
    "spamc": "spamc",
    "rspamd": "rspamd",
    "opendkim": "opendkim",
    "postfix": "postfix",
    "/usr/lib/dovecot/imap": "dovecot-imapd",
    "chromium": "chromium",
    "node": "nodejs",
}
"""Programs and the Debian packages that bring them."""


def find_missing() -> dict[str, str]:
    """Return the tools that are not installed, each with what installs it."""
    missing = {tool: f"apt install {package}" for tool, package in TOOLS.items() if not _which(tool)}
    if not (NODE / "node_modules").is_dir():
        missing["npm packages"] = "npm install in tests/inbox/node"
    return missing


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=ENVIRON["PATH"])


def take_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(command: Sequence[str], **options: Any) -> str:
    """Run a command to its end and return what it prints, both ways, whatever its exit code."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=ENVIRON,
        timeout=300,
        check=False,
        **options,
    )
    return str(done.stdout, errors="replace")


@contextmanager
def serving(command: Sequence[str], port: int, folder: Path) -> Iterator[None]:
    """Run a server until the block ends; it must answer on the port."""
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRON, cwd=folder)
        try:
            wait_for(lambda: _answers(port), f"{command[0]} on port {port}", seconds=600)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = 40) -> None:
    """Wait until something is so. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- spam filters -------------------------------------------------------------------------

# What they say of a mail only because it never went over the internet.
_NOT_TRAVELLED = frozenset({"NO_RECEIVED", "NO_RELAYS", "RCVD_ILLEGAL_IP", "MSGID_FROM_MTA_HEADER"})
_ABOUT_DNS = re.compile(
    r"R_DKIM|R_SPF|DMARC|ARC_|HFILTER|DNSFAIL|DATE_IN_|ONCE_RECEIVED|RCVD_|DKIM_|RCPT_|ASN"
)
_TRACE = (
    b"Received: from mail.example.org (mail.example.org [192.0.2.25])\r\n"
    b"\tby mx.example.net (Postfix) with ESMTPS id 4F00D1234; %s\r\n"
)


def add_trace(message: bytes) -> bytes:
    """Return the message as a server that took it in would hand it on."""
    date = re.search(rb"^Date: ([^\r\n]+)", message, re.MULTILINE)
    return _TRACE % (date[1] if date else b"Thu, 18 Jun 2026 05:30:00 +0000") + message


@contextmanager
def spamassassin(folder: Path) -> Iterator[Callable[[bytes], dict[str, float]]]:
    """Yield a function from a message to the local rules of SpamAssassin that it hits, with their points."""
    port = take_port()
    folder.mkdir()
    command = [
        *("spamd", "-L", "-u", "nobody", "--max-children=2", "-p", str(port)),
        *("-i", "127.0.0.1", "-A", "127.0.0.1", "--pidfile", str(folder / "pid")),
    ]

    def score(message: bytes) -> dict[str, float]:
        client = ["spamc", "-d", "127.0.0.1", "-p", str(port), "-R", "-s", "5000000"]
        report = run(client, input=add_trace(message))
        rules = re.findall(r"^ *(-?\d+\.\d+) ([A-Z][A-Z0-9_]+)", report, re.MULTILINE)
        if "Content analysis details" not in report:
            raise RuntimeError(f"spamc said: {report[:300]}")
        return {
            name: float(points)
            for points, name in rules
            if name not in _NOT_TRAVELLED and "DATE_IN" not in name
        }

    with serving(command, port, folder):
        yield score


@contextmanager
def rspamd(folder: Path) -> Iterator[Callable[[bytes], dict[str, float]]]:
    """Yield a function from a message to the symbols of rspamd about its form, with their points."""
    normal, controller, dns = take_port(), take_port(), take_port()
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "r.conf").write_text(
        f"""
.include "/etc/rspamd/common.conf"
options {{ filters = "chartable,dkim,regexp"; pidfile = "{folder}/pid"; dynamic_conf = "{folder}/dyn"; rrd = false;
  history_file = "{folder}/history"; dns {{ timeout = 0.1s; retransmits = 1; nameserver = ["127.0.0.1:{dns}"]; }} }}
logging {{ type = "file"; filename = "{folder}/r.log"; level = "warning"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{normal}"; count = 1; }}
worker "controller" {{ bind_socket = "127.0.0.1:{controller}"; count = 1; password = "q"; }}
"""
    )

    def score(message: bytes) -> dict[str, float]:
        client = [
            *("rspamc", "-h", f"127.0.0.1:{controller}", "-P", "q", "--ip", "192.0.2.25"),
            *("--hostname", "mail.example.org", "symbols"),
        ]
        report = run(client, input=add_trace(message))
        if "Score:" not in report:
            raise RuntimeError(f"rspamc said: {report[:300]}")
        symbols = re.findall(r"^Symbol: (\w+) \((-?[\d.]+)\)", report, re.MULTILINE)
        return {name: float(points) for name, points in symbols if not _ABOUT_DNS.match(name)}

    command = ["rspamd", "-u", "_rspamd", "-g", "_rspamd", "-c", str(folder / "r.conf"), "-f"]
    with serving(command, controller, folder):
        yield score


# --- DKIM ---------------------------------------------------------------------------------


def opendkim_verifies(message: bytes, name: str, record: str, folder: Path) -> bool:
    """Tell whether opendkim, which shares no code with us, finds the signature good. The key comes from a file."""
    folder.mkdir(exist_ok=True)
    (folder / "keys").write_text(f"{name} {record}\n")
    (folder / "od.conf").write_text(f"Mode v\nTestPublicKeys {folder / 'keys'}\nSyslog no\n")
    (folder / "mail.eml").write_bytes(message)
    said = run(["opendkim", "-x", str(folder / "od.conf"), "-vv", "-t", str(folder / "mail.eml")])
    return bool(
        re.search(r"verification .* succeeded", said.strip().splitlines()[-1] if said.strip() else "")
    )


# --- servers ------------------------------------------------------------------------------


@contextmanager
def postfix(
    folder: Path, *, smtputf8: bool = True, options: str = "", more_services: str = ""
) -> Iterator[tuple[int, Path]]:
    """Yield the port of a Postfix of our own and the Maildir that it puts every mail into. options are further lines of
    its main.cf, more_services of its master.cf."""
    port = take_port()
    user = "nobody"
    folder.mkdir()
    folder.chmod(0o755)
    config, maildir = folder / "etc", folder / "home" / "Maildir"
    shutil.copytree("/etc/postfix", config, dirs_exist_ok=True)
    for name in ("queue", "data", "home"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "home", user)
    (config / "main.cf").write_text(
        f"""compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mx.example.net
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_base = {folder}/home
virtual_mailbox_maps = static:Maildir/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
mydestination =
virtual_mailbox_domains = example.org, xn--bcher-kva.example
default_transport = error:outside mail is off
smtputf8_enable = {"yes" if smtputf8 else "no"}
message_size_limit = 50000000
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
{options}
"""
    )
    services = (config / "master.cf").read_text() if (config / "master.cf").exists() else ""
    services = services or Path("/usr/share/postfix/master.cf.dist").read_text()
    services = re.sub(r"^smtp(\s+inet.*)$", rf"127.0.0.1:{port}\1", services, count=1, flags=re.MULTILINE)
    services = re.sub(r"^(\S+\s+\S+\s+\S\s+\S\s+)(?:y|-)(\s)", r"\1n\2", services, flags=re.MULTILINE)
    if "postlogd" not in services:
        services += "postlog   unix-dgram n  -       n       -       1       postlogd\n"
    (config / "master.cf").write_text(services + more_services)
    said = run(["postfix", "-c", str(config), "start"])
    try:
        wait_for(lambda: _answers(port), f"Postfix ({said})")
        yield port, maildir
    finally:
        run(["postfix", "-c", str(config), "stop"])


@contextmanager
def dovecot(folder: Path, maildir: Path) -> Iterator[int]:
    """Yield the port on which Dovecot shows a Maildir over IMAP, to anybody with the password "pass"."""
    port = take_port()
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "dovecot.conf").write_text(
        f"""
base_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_login_user = nobody
default_internal_user = nobody
first_valid_uid = 1
mail_location = maildir:{maildir}
passdb {{
  driver = static
  args = password=pass
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""
    )
    with serving(["dovecot", "-F", "-c", str(folder / "dovecot.conf")], port, folder):
        yield port


@contextmanager
def dovecot_submission(folder: Path, certificate: Path, relay_port: int) -> Iterator[tuple[int, int]]:
    """Yield the port of a Dovecot that takes mail after STARTTLS and a login, of anybody with the password "pass", and
    hands it on to the relay; and the port on which it checks logins for others (smtpd_sasl_path of Postfix)."""
    port, logins = take_port(), take_port()
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "dovecot.conf").write_text(
        f"""
base_dir = {folder}/run
log_path = {folder}/log
protocols = submission
listen = 127.0.0.1
hostname = localhost
ssl = required
ssl_cert = <{certificate}
ssl_key = <{certificate}
auth_mechanisms = plain login
default_login_user = nobody
default_internal_user = nobody
first_valid_uid = 1
submission_relay_host = 127.0.0.1
submission_relay_port = {relay_port}
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = password=pass
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={folder}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {port}
  }}
}}
service auth {{
  inet_listener {{
    port = {logins}
  }}
}}
service anvil {{
  chroot =
}}
"""
    )
    with serving(["dovecot", "-F", "-c", str(folder / "dovecot.conf")], port, folder):
        yield port, logins


# --- pages --------------------------------------------------------------------------------


def look_at(
    pages: Mapping[str, str], folder: Path, pictures: Mapping[str, bytes] = MappingProxyType({})
) -> dict[str, Any]:
    """Return what Chromium and axe see of each page (node/look.mjs says what); screenshots go into the folder. pictures
    are what our host has, by their names."""
    files = _write_all(pages, folder, "html")
    with tempfile.TemporaryDirectory() as served:
        for name, body in pictures.items():
            Path(served, name).write_bytes(body)
        answer = _run_node("look.mjs", str(folder), served, *files)
    assert isinstance(answer, dict)
    return answer


def list_unsupported(pages: Mapping[str, str], folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return the features of each page that Gmail and Outlook for Windows do not know, by caniemail."""
    answer: dict[str, dict[str, list[str]]] = _run_node("support.mjs", *_write_all(pages, folder, "html"))
    return answer


def render_officially(sources: Mapping[str, str], folder: Path) -> dict[str, dict[str, Any]]:
    """Return the HTML and the strict complaints of the official engine for each MJML source."""
    answer: dict[str, dict[str, Any]] = _run_node("templates.mjs", *_write_all(sources, folder, "mjml"))
    return answer


_HTML_RULES_OFF = (
    *("no-inline-style", "doctype-style", "void-style", "attr-quotes", "attribute-boolean-style"),
    *("no-trailing-whitespace", "long-title", "no-deprecated-attr", "attr-case"),
    # Outlook reads conditional comments, and mail programs drop <article>.
    *("no-conditional-comment", "prefer-native-element", "prefer-tbody"),
)


def validate_html(pages: Mapping[str, str], folder: Path) -> dict[str, list[str]]:
    """Return what html-validate has against each page."""
    files = _write_all(pages, folder, "html")
    config, report = folder / "htmlvalidate.json", folder / "report.json"
    rules = dict.fromkeys(_HTML_RULES_OFF, "off")
    config.write_text(json.dumps({"root": True, "extends": ["html-validate:recommended"], "rules": rules}))
    command = ["node_modules/.bin/html-validate", "-c", str(config), "-f", f"json={report}", *files]
    said = run(command, cwd=NODE)
    if not report.exists():
        raise RuntimeError(f"html-validate said: {said[:500]}")
    found: dict[str, list[str]] = {name: [] for name in pages}
    for page in json.loads(report.read_text()):
        found[Path(page["filePath"]).stem] = [
            f"{message['ruleId']} in line {message['line']}: {message['message']}"
            for message in page["messages"]
            if message["severity"] == 2
        ]
    return found


def _write_all(texts: Mapping[str, str], folder: Path, ending: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    files = []
    for name, text in texts.items():
        file = folder / f"{name}.{ending}"
        file.write_text(text, "utf-8")
        files.append(str(file))
    return files


def _run_node(script: str, *arguments: str) -> Any:
    environ = {**ENVIRON, "CHROMIUM": _which("chromium") or ""}
    done = subprocess.run(
        ["node", script, *arguments], cwd=NODE, env=environ, capture_output=True, timeout=3600, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{script}: {done.stderr.decode()[:1000]}")
    return json.loads(done.stdout)
