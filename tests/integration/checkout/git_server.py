"""A local https server with git repositories (git http-backend), and what a hostile one does."""
import base64
import http.server
import os
import pathlib
import ssl
import subprocess
import threading


def make_certificate(folder):
    folder = pathlib.Path(folder)
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True)
    return key, cert


class Server:
    """root: folder with NAME.git. Below /private/ a password is wanted, /moved/ redirects,
    /hang/ never answers, /down/ fails. may_read(password, name): asked for all, when there is one."""

    def __init__(self, root, folder, token="s3cret-token", may_read=None):
        self.root, self.token, self.may_read = pathlib.Path(root), token, may_read
        self.requests, self.authorizations = [], []
        self.released = threading.Event()
        key, self.certificate = make_certificate(folder)
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                owner.answer(self)

            do_POST = do_GET

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def url(self, path):
        return f"https://localhost:{self.port}/{path}"

    def close(self):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def answer(self, h):
        path, _, query = h.path.partition("?")
        self.requests.append(h.path)
        wanted = h.headers.get("Authorization")
        if wanted:
            self.authorizations.append(wanted)
        if path.startswith("/hang/"):
            self.released.wait(60)
            return
        if path.startswith("/down/"):
            return h.send_error(503)  # with a length of its own
        if path.startswith("/moved/"):
            h.send_response(301)
            h.send_header("Location", f"https://127.0.0.1:{self.port}/{h.path[7:]}")
            h.send_header("Content-Length", "0")
            h.end_headers()
            return
        if path.startswith("/private/"):
            good = "Basic " + base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            if wanted != good:
                h.send_response(401)
                h.send_header("WWW-Authenticate", 'Basic realm="git"')
                h.send_header("Content-Length", "0")
                h.end_headers()
                return
            path = path[len("/private"):]
        if self.may_read:
            given = base64.b64decode((wanted or "").partition(" ")[2]).decode().partition(":")[2]
            if not self.may_read(given, path[1:].partition(".git/")[0]):
                h.send_response(401)
                h.send_header("WWW-Authenticate", 'Basic realm="git"')
                h.send_header("Content-Length", "0")
                h.end_headers()
                return
        body = h.rfile.read(int(h.headers.get("Content-Length", 0)))
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root),
               "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
               "REQUEST_METHOD": h.command, "CONTENT_TYPE": h.headers.get("Content-Type", ""),
               "CONTENT_LENGTH": str(len(body)), "GIT_CONFIG_NOSYSTEM": "1",
               "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_COUNT": "1",
               "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
               "HTTP_CONTENT_ENCODING": h.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": h.headers.get("Git-Protocol", "")}
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        h.send_response(int(fields.pop("Status", "200").split()[0]))
        fields["Content-Length"] = str(len(rest))
        for name, value in fields.items():
            h.send_header(name, value)
        h.end_headers()
        h.wfile.write(rest)


def git(folder, *args, **env):
    full = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
            "GIT_ALLOW_PROTOCOL": "file", **env}
    done = subprocess.run(["git", "-c", "init.defaultBranch=main", *args], cwd=folder, env=full,
                          capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"git {args}: {done.stderr}")
    return done.stdout.strip()


def commit(folder, files, message="change"):
    """A repository with these files; returns the commit."""
    folder = pathlib.Path(folder)
    if not (folder / ".git").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "-q")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")
