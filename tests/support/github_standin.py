"""A GitHub on loopback, with state: what is written can be read again, and what GitHub would refuse is
refused. Its answers hold what the official description of the API requires.

    with GitHub() as gh:
        gh.fault(match="/check-runs$", method="POST", status=502, after=True)
        ... api_url = gh.url, token = "ghs_app" | "ghp_pat" | "ghs_fork" ...
        gh.checks, gh.comments, gh.writes()
"""
import base64
import datetime
import gzip
import hashlib
import json
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKENS = {"ghs_app": "acme[bot]", "ghp_pat": "pat-user", "ghs_fork": "github-actions[bot]"}
PERMISSIONS = {"actions": "write", "checks": "write", "contents": "write", "deployments": "read", "metadata": "read",
               "pull_requests": "write", "repository_hooks": "write", "security_events": "write", "statuses": "write"}
# What an installation's token needs for a path below the repository: the first that matches.
NEEDS = [("/check-runs", "checks"), ("/statuses", "statuses"), ("/(issues|pulls)", "pull_requests"),
         ("/code-scanning", "security_events"), ("/actions", "actions"), ("/hooks", "repository_hooks"),
         ("/deployments", "deployments"), ("/(contents|git|dispatches|activity)", "contents")]
WHEN = "2026-11-20T09:00:00Z"
CONCLUSIONS = "action_required cancelled failure neutral success skipped stale timed_out".split()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Refused(Exception):
    headers = {}

    def __init__(self, status, message, **more):
        super().__init__(message)
        self.status, self.body = status, {"message": message, "documentation_url": "https://docs.github.com/rest",
                                          "status": str(status), **more}


def check(condition, message, status=422):
    if not condition:
        raise Refused(status, message)


def merge(template, own):
    """`own` over a complete example."""
    if not isinstance(template, dict) or not isinstance(own, dict):
        return own
    return {**template, **{k: merge(template.get(k), v) for k, v in own.items()}}


def utf16(text):
    return len(text.encode("utf-16-le")) // 2


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "github.com"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, headers=None, kind="application/json; charset=utf-8"):
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        sent = {"Content-Length": str(len(data)), **({"Content-Type": kind} if data else {}), **(headers or {})}
        for key, value in sent.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def handle_any(self):
        gh = self.server.gh
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return self.answer(400, {"message": "Problems parsing JSON"})
        with gh.lock:
            gh.log.append((self.command, self.path, body, dict(self.headers), time.monotonic()))
            fault = gh.take_fault(self.command, self.path)
        if fault and not fault["after"]:
            return self.give_fault(fault)
        try:
            with gh.lock:
                status, out, headers = gh.serve(self, url.path, dict(urllib.parse.parse_qsl(url.query)), body)
        except Refused as e:
            status, out, headers = e.status, e.body, e.headers
        if fault:
            return self.give_fault(fault)
        kind = "application/json; charset=utf-8"
        if isinstance(out, tuple):
            out, kind = out
        if self.command == "GET" and status == 200 and kind.startswith("application/json"):
            with gh.lock:
                headers = {**headers, "ETag": gh.etag(self, out)}
                if self.headers.get("If-None-Match") == headers["ETag"]:
                    gh.remaining += 1  # these are free
                    gh.free += 1
                    status, out = 304, None
                    headers.pop("Link", None)
        self.answer(status, out, {**gh.rate(), **headers}, kind)
        return None

    def give_fault(self, fault):
        if fault["drip"]:  # byte by byte; `cut`: and then no more
            data = fault["body"].encode()
            self.send_response(fault["status"])
            self.send_header("Content-Length", str(len(data) + fault["cut"]))
            self.send_header("Content-Type", fault["kind"])
            self.end_headers()
            for i in range(len(data)):
                self.wfile.write(data[i:i + 1])
                time.sleep(fault["drip"])
            self.close_connection = True
            return None
        if fault["status"] == 0:  # the connection is lost
            self.close_connection = True
            self.connection.shutdown(2)
            return None
        return self.answer(fault["status"], fault["body"].encode() if isinstance(fault["body"], str) else fault["body"],
                           fault["headers"], fault["kind"])

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any


class Blobs(BaseHTTPRequestHandler):
    """Where GitHub redirects downloads to: another server, which refuses our credential."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        gh = self.server.gh
        with gh.lock:
            gh.blob_log.append((self.path, dict(self.headers)))
        bad = "Authorization" in self.headers
        data = b"no credentials here" if bad else gh.blobs.get(self.path, b"")
        self.send_response(400 if bad else 200 if data else 404)
        if gh.blob_cut is not None:
            self.send_header("Content-Length", str(len(data) + gh.blob_cut))
        self.send_header("Content-Type", "application/zip" if self.path.endswith("zip") else "text/plain")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = gh.blob_cut != 0


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # who asked has gone: that is for the test to judge


class GitHub:
    def __init__(self, verify_jwt=None):
        self.lock = threading.RLock()
        self.verify_jwt = verify_jwt
        self.log, self.blob_log, self.faults, self.blobs = [], [], [], {}
        self.ids = 1000
        self.checks, self.statuses, self.comments, self.reviews, self.review_comments = {}, [], {}, [], []
        self.sarifs, self.runs, self.jobs, self.artifacts, self.hooks = {}, {}, {}, {}, {}
        self.deliveries, self.attempts, self.dispatches, self.contents = [], [], [], {}
        self.pulls, self.files, self.tree, self.activity, self.deployments = {}, {}, None, [], []
        self.branches = {"main"}
        self.gone = set()            # commits that were pushed over
        self.blob_cut = 0            # bytes of downloads that never come; None: nobody knows
        self.remaining, self.limit, self.reset = 5000, 5000, int(time.time()) + 3600
        self.templates = {}          # complete answers of GitHub, under which ours are laid
        self.run_details = True      # older servers do not say the id of a run
        self.code_scanning = True
        self.sarif_polls = 1         # answers "pending" so often
        self.installations = {}      # tokens: {until, permissions, repositories}
        self.permissions = dict(PERMISSIONS)  # of the App
        self.installed = {None: 99}  # repository: installation; None: of all others; 0: not installed
        self.suspended = False
        self.token_life = 3600
        self.jwts, self.made = [], []  # what the App said of itself; requests for tokens
        self.free = 0                # answers that cost nothing: 304
        self.api = Server(("127.0.0.1", 0), Handler)
        self.store = Server(("127.0.0.1", 0), Blobs)
        for server in (self.api, self.store):
            server.gh = self
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.api.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in (self.api, self.store):
            server.shutdown()
            server.server_close()

    # ---- for tests ----

    def fault(self, match="", method="", status=502, times=1, after=False, headers=None, body="{}",
              kind="application/json", drip=0, cut=0):
        """The next `times` calls that match are answered so; `after`: although they took effect; status 0: the
        connection is lost; `drip`: seconds between bytes; `cut`: bytes that never come."""
        self.faults.append({"match": match, "method": method, "status": status, "times": times, "after": after,
                            "headers": headers or {}, "body": body, "kind": kind, "drip": drip, "cut": cut})

    def take_fault(self, method, path):
        for f in self.faults:
            if f["times"] and (not f["method"] or f["method"] == method) and re.search(f["match"], path):
                f["times"] -= 1
                return f
        return None

    def writes(self):
        return [row for row in self.log if row[0] != "GET" and "/access_tokens" not in row[1]]

    def pull(self, number, head, **more):
        self.pulls[number] = {"number": number, "head": head, "updated_at": now(), **more}

    def run(self, id, status="completed", conclusion="success", sha="a" * 40, **more):
        self.runs[id] = {"id": id, "status": status, "conclusion": conclusion, "sha": sha, "attempt": 1,
                         "event": "push", "created_at": now(), "updated_at": now(), **more}

    # ---- answers ----

    def rate(self):
        return {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(max(self.remaining, 0)),
                "X-RateLimit-Reset": str(self.reset), "X-RateLimit-Resource": "core",
                "X-RateLimit-Used": str(self.limit - self.remaining)}

    def new_id(self):
        self.ids += 1
        return self.ids

    def user(self, login):
        quoted = urllib.parse.quote(login)
        api = f"https://api.github.com/users/{quoted}"
        out = {"login": login, "id": 1 + sum(map(ord, login)), "node_id": "U_1", "gravatar_id": "", "type": "User",
               "site_admin": False, "avatar_url": "https://example.com/a.png", "html_url": f"https://github.com/{quoted}",
               "url": api}
        for name in "followers following gists starred subscriptions organizations repos events received_events".split():
            out[f"{name}_url"] = f"{api}/{name}"
        return out

    def who(self, request):
        given = request.headers.get("Authorization", "")
        if not request.headers.get("User-Agent"):
            raise Refused(403, "Request forbidden by administrative rules")
        scheme, _, token = given.partition(" ")
        if scheme not in ("Bearer", "token"):
            raise Refused(401, "Requires authentication")
        if token in TOKENS:
            return TOKENS[token]
        if token in self.installations:
            check(self.installations[token]["until"] > time.time(), "Bad credentials", 401)
            check(not self.suspended, "Sorry. This installation owned by acme has been suspended", 403)
            return "acme[bot]"
        if token.count(".") == 2:
            self.check_jwt(token)
            return "JWT"
        raise Refused(401, "Bad credentials")

    def check_jwt(self, token):
        """As GitHub does: algorithm, who, when (ten minutes at most), and the signature."""
        head, body = (json.loads(base64.urlsafe_b64decode(p + "==")) for p in token.split(".")[:2])
        check(head == {"alg": "RS256", "typ": "JWT"}, "A JSON web token could not be decoded", 401)
        check(str(body.get("iss")) == "4711", "Integration not found", 401)
        at = time.time()
        check(isinstance(body.get("iat"), int) and body["iat"] <= at, "'Issued at' claim ('iat') is in the future", 401)
        check(isinstance(body.get("exp"), int) and at < body["exp"], "'Expiration time' claim ('exp') has passed", 401)
        check(body["exp"] <= at + 600, "'Expiration time' claim ('exp') is too far in the future", 401)
        check(not self.verify_jwt or self.verify_jwt(token), "A JSON web token could not be decoded", 401)
        self.jwts.append(body)

    def etag(self, request, out):
        """Another one for each credential, as GitHub's are."""
        text = json.dumps([request.path, request.headers.get("Authorization"), out], sort_keys=True)
        return f'W/"{hashlib.sha256(text.encode()).hexdigest()}"'

    def check_permission(self, request, path, method):
        held = self.installations.get(request.headers.get("Authorization", "").partition(" ")[2])
        below = re.match(r"/repos/([^/]+/([^/]+))(?:/commits/[^/]+)?(/.*)?$", path)
        if not held or not below:
            return
        check(held["repositories"] is None or below[2] in held["repositories"], "Not Found", 404)
        wanted = next((p for pattern, p in NEEDS if re.match(pattern, below[3] or "")), None)
        level = "read" if method == "GET" else "write"
        if wanted and held["permissions"].get(wanted) not in (level, "write"):
            refused = Refused(403, "Resource not accessible by integration")
            refused.headers = {"X-Accepted-GitHub-Permissions": f"{wanted}={level}"}
            raise refused

    def may_read(self, token, name):
        """For a git server: whether the token lets its holder fetch the repository."""
        with self.lock:
            held = self.installations.get(token)
            return bool(held) and held["until"] > time.time() and not self.suspended and \
                held["permissions"].get("contents") in ("read", "write") and \
                (held["repositories"] is None or name.split("/")[1] in held["repositories"])

    def serve(self, request, path, query, body):
        who = self.who(request)
        self.remaining -= 1
        if self.remaining < 0:
            raise Refused(403, f"API rate limit exceeded for {who}")
        method = request.command
        if who == "JWT":
            check(re.match(r"/app\b|/repos/[^/]+/[^/]+/installation$", path), "A JSON web token is not for this", 403)
        elif who == "github-actions[bot]" and method != "GET":
            raise Refused(403, "Resource not accessible by integration")
        self.check_permission(request, path, method)
        for pattern, verb, fn in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and verb == method:
                self.asked = {"who": who, "query": query, "method": method, "path": path}
                out = fn(self, *found.groups(), body=body) if method != "GET" else fn(self, *found.groups())
                return out if len(out) == 3 else (*out, {})
        raise Refused(404, "Not Found")

    def page(self, items):
        q = self.asked["query"]
        size, number = min(int(q.get("per_page", 30)), 100), int(q.get("page", 1))
        more = len(items) > size * number
        headers = {}
        if more:  # as GitHub: another path than was asked for
            rest = urllib.parse.urlencode({**q, "page": number + 1})
            headers["Link"] = f'<https://api.github.com/repositories/1{self.asked["path"]}?{rest}>; rel="next", ' \
                              f'<https://api.github.com/repositories/1?page=99>; rel="last"'
        return items[size * (number - 1):size * number], headers

    # ---- accounts ----

    def get_user(self):
        check(self.asked["who"] != "github-actions[bot]", "Resource not accessible by integration", 403)
        return 200, self.user(self.asked["who"])

    def get_app(self):
        check(self.asked["who"] == "JWT", "A JSON web token could not be decoded", 401)
        return 200, {"id": 4711, "slug": "acme", "name": "Acme"}

    def installation(self, owner, name):
        check(self.asked["who"] == "JWT", "A JSON web token could not be decoded", 401)
        number = self.installed.get(f"{owner}/{name}", self.installed[None])
        check(number, "Not Found", 404)
        return 200, {"id": number, "app_id": 4711}

    def access_token(self, number, body):
        check(self.asked["who"] == "JWT" and int(number) in self.installed.values(), "Not Found", 404)
        check(not self.suspended, "This installation has been suspended", 403)
        body = body or {}
        check(set(body) <= {"permissions", "repositories"}, "unknown members")
        wanted = body.get("permissions", self.permissions)
        check(all(self.permissions.get(k) in (v, "write") for k, v in wanted.items()),
              "The permissions requested are not granted to this installation.")
        token, until = f"ghs_made{self.new_id()}", time.time() + self.token_life
        self.made.append(body)
        self.installations[token] = {"until": until, "permissions": dict(wanted), "repositories": body.get("repositories")}
        text = datetime.datetime.fromtimestamp(until, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 201, {"token": token, "expires_at": text, "permissions": wanted}

    def repository(self, owner, name):
        return 200, {"id": 1, "name": name, "full_name": f"{owner}/{name}", "default_branch": "main",
                     "clone_url": f"https://github.com/{owner}/{name}.git"}

    # ---- check runs ----

    def show_check(self, c):
        return {"id": c["id"], "node_id": "CR_1", "head_sha": c["head_sha"], "external_id": c.get("external_id", ""),
                "url": "https://api.github.com/c", "html_url": f"https://github.com/checks/{c['id']}",
                "details_url": c.get("details_url", "https://example.com"), "status": c["status"],
                "conclusion": c.get("conclusion"), "started_at": c.get("started_at"),
                "completed_at": c.get("completed_at"), "name": c["name"], "check_suite": {"id": 5},
                "app": None, "pull_requests": [],
                "output": {"title": c.get("title"), "summary": c.get("summary"), "text": c.get("text"),
                           "annotations_count": len(c["annotations"]), "annotations_url": "https://api.github.com/a"}}

    def take_check(self, c, body):
        known = {"name", "head_sha", "status", "conclusion", "external_id", "details_url", "started_at", "completed_at",
                 "output", "actions"}
        check(set(body) <= known, f"unknown members {set(body) - known}")
        output = body.get("output", {})
        notes = output.get("annotations", [])
        check(len(notes) <= 50, "Invalid request. No more than 50 annotations")
        for name in ("summary", "text"):
            check(utf16(output.get(name) or "") <= 65535, f"{name} is too long")
        for a in notes:
            check(a["path"] and not a["path"].startswith(("/", "./")) and ".." not in a["path"].split("/"), "path")
            check(1 <= a["start_line"] <= a["end_line"], "end_line is before start_line")
            check(a["annotation_level"] in ("notice", "warning", "failure"), "annotation_level")
            check(a["message"] and len(a["message"].encode()) <= 65536 and len(a.get("title", "")) <= 255, "text")
            if "start_column" in a:
                check(a["start_line"] == a["end_line"] and a["start_column"] <= a["end_column"], "columns")
        check(body.get("status") != "completed" or body.get("conclusion") in CONCLUSIONS, "conclusion is missing")
        check("output" not in body or ("title" in output and output.get("summary") is not None), "output")
        for name in ("status", "conclusion", "external_id", "details_url", "started_at", "completed_at"):
            if name in body:
                c[name] = body[name]
        for name in ("title", "summary", "text"):
            if name in output:
                c[name] = output[name]
        c["annotations"] += notes
        if "conclusion" in body:
            c["status"] = "completed"

    def make_check(self, *_, body):
        check(self.asked["who"].endswith("[bot]"), "Resource not accessible by personal access token", 403)
        check(body.get("name") and re.fullmatch("[0-9a-f]{40}", body.get("head_sha", "")), "head_sha")
        check(body["head_sha"] not in self.gone, f"No commit found for SHA: {body['head_sha']}")
        c = {"id": self.new_id(), "name": body["name"], "head_sha": body["head_sha"], "status": "queued",
             "annotations": []}
        self.take_check(c, body)
        self.checks[c["id"]] = c
        return 201, self.show_check(c)

    def one_check(self, _o, _r, number):
        check(int(number) in self.checks, "Not Found", 404)
        return self.checks[int(number)]

    def get_check(self, *a):
        return 200, self.show_check(self.one_check(*a))

    def patch_check(self, *a, body):
        c = self.one_check(*a)
        self.take_check(c, body)
        return 200, self.show_check(c)

    def list_checks(self, _o, _r, ref):
        name = self.asked["query"].get("check_name")
        v = [self.show_check(c) for c in self.checks.values() if c["head_sha"] == ref and name in (None, c["name"])]
        items, headers = self.page(v[::-1])
        return 200, {"total_count": len(v), "check_runs": items}, headers

    # ---- statuses, comments ----

    def make_status(self, _o, _r, sha, body):
        check(body["state"] in ("error", "failure", "pending", "success"), "state")
        check(len(body.get("description") or "") <= 140, "description is too long (maximum is 140 characters)")
        same = [s for s in self.statuses if s["sha"] == sha and s["context"].lower() == body["context"].lower()]
        check(len(same) < 1000, "This SHA and context has reached the maximum number of statuses.")
        s = {"sha": sha, "id": self.new_id(), **body}
        self.statuses.append(s)
        return 201, self.show_status(s)

    def show_status(self, s):
        return {"url": f"https://api.github.com/statuses/{s['sha']}", "avatar_url": "https://example.com/a.png", "id": s["id"],
                "node_id": "S_1", "state": s["state"], "description": s.get("description"),
                "target_url": s.get("target_url"), "context": s["context"], "created_at": now(), "updated_at": now(),
                "creator": self.user("acme[bot]")}

    def list_statuses(self, _o, _r, ref):
        items, headers = self.page([self.show_status(s) for s in self.statuses[::-1] if s["sha"] == ref])
        return 200, items, headers

    def show_comment(self, c):
        return {"id": c["id"], "node_id": "IC_1", "url": "https://api.github.com/comment", "body": c["body"],
                "html_url": f"https://github.com/c/{c['id']}", "user": self.user(c["author"]), "created_at": now(),
                "updated_at": now(), "issue_url": "https://api.github.com/issue", "author_association": "NONE"}

    def add_comment(self, author, body, pull=7):
        c = {"id": self.new_id(), "author": author, "body": body, "pull": pull}
        self.comments[c["id"]] = c
        return c["id"]

    def list_comments(self, _o, _r, number):
        items, headers = self.page([self.show_comment(c) for c in self.comments.values() if c["pull"] == int(number)])
        return 200, items, headers

    def make_comment(self, _o, _r, number, body):
        check(utf16(body["body"]) <= 65536, "Body is too long (maximum is 65536 characters)")
        number = self.add_comment(self.asked["who"], body["body"], int(number))
        return 201, self.show_comment(self.comments[number])

    def one_comment(self, number):
        check(int(number) in self.comments, "Not Found", 404)
        return self.comments[int(number)]

    def get_comment(self, _o, _r, number):
        return 200, self.show_comment(self.one_comment(number))

    def patch_comment(self, _o, _r, number, body):
        c = self.one_comment(number)
        check(c["author"] == self.asked["who"], "Must have admin rights", 403)
        check(utf16(body["body"]) <= 65536, "Body is too long (maximum is 65536 characters)")
        c["body"] = body["body"]
        return 200, self.show_comment(c)

    def delete_comment(self, _o, _r, number, body):
        del self.comments[self.one_comment(number)["id"]]
        return 204, None

    # ---- pull requests ----

    def show_pull(self, p):
        repo = {"id": 1, "full_name": "acme/widget", "clone_url": "https://github.com/acme/widget.git"}
        return merge(self.templates.get("pull"), {"number": p["number"], "state": "open", "title": "A change", "user": self.user("alice"),
                "head": {"ref": p.get("branch", "change"), "sha": p["head"], "repo": repo},
                "base": {"ref": "main", "sha": "b" * 40, "repo": repo}, "draft": False, "labels": [],
                "created_at": p.setdefault("created_at", now()), "updated_at": p.get("updated_at", now()),
                "html_url": f"https://github.com/acme/widget/pull/{p['number']}"})

    def list_pulls(self, *_):
        items, headers = self.page([self.show_pull(p) for p in self.pulls.values()])
        return 200, items, headers

    def get_pull(self, _o, _r, number):
        check(int(number) in self.pulls, "Not Found", 404)
        return 200, self.show_pull(self.pulls[int(number)])

    def pull_files(self, _o, _r, number):
        items, headers = self.page([{"filename": k, "status": "modified", "patch": v} for k, v in self.files.items()])
        return 200, items, headers

    def list_review_comments(self, *_):
        items, headers = self.page(self.review_comments)
        return 200, items, headers

    def make_review(self, _o, _r, number, body):
        check(body["event"] == "COMMENT" and body["body"], "event")
        for c in body["comments"]:
            hunks = re.findall(r"@@ -\d+(?:,\d+)? \+(\d+),(\d+) @@", self.files.get(c["path"], ""))
            inside = any(int(a) <= c["line"] < int(a) + int(n) for a, n in hunks)
            check(inside and c["side"] == "RIGHT", "pull_request_review_thread.line must be part of the diff")
        self.reviews.append(body)
        for c in body["comments"]:
            self.review_comments.append({"id": self.new_id(), "user": self.user(self.asked["who"]), **c})
        return 200, {"id": self.new_id()}

    def get_tree(self, _o, _r, sha):
        check(self.tree is not None, "Not Found", 404)
        return 200, {"sha": sha, "truncated": False, "tree": [{"path": p, "type": "blob"} for p in self.tree]}

    # ---- code scanning ----

    def make_sarif(self, *_, body):
        check(self.code_scanning, "Advanced Security must be enabled for this repository to use code scanning.", 403)
        known = {"commit_sha", "ref", "sarif", "checkout_uri", "started_at", "tool_name", "validate"}
        check(set(body) <= known, "unknown members")
        check(re.fullmatch("[0-9a-fA-F]{40}", body["commit_sha"]), "commit_sha")
        check(re.fullmatch("refs/(heads|tags|pull)/.*", body["ref"]), "ref")
        packed = base64.b64decode(body["sarif"], validate=True)
        check(len(packed) <= 10 << 20, "Payload Too Large", 413)
        errors = self.judge(json.loads(gzip.decompress(packed)))
        number = f"sarif-{self.new_id()}"
        self.sarifs[number] = {**body, "errors": errors, "polls": self.sarif_polls, "created_at": now()}
        return 202, {"id": number, "url": f"https://api.github.com/sarifs/{number}"}

    @staticmethod
    def judge(log):
        errors, seen = [], set()
        if log.get("version") != "2.1.0":
            errors.append("version is not 2.1.0")
        if len(log["runs"]) > 20:
            errors.append("more than 20 runs")
        for run in log["runs"]:
            key = (run["tool"]["driver"]["name"], run.get("automationDetails", {}).get("id"))
            if key in seen:
                errors.append("multiple runs with the same category")
            seen.add(key)
            if len(run.get("results", [])) > 25000:
                errors.append("more than 25000 results")
            for result in run.get("results", []):
                if not result.get("locations"):
                    errors.append("expected artifact location")
        return errors

    def get_sarif(self, _o, _r, number):
        check(number in self.sarifs, "Not Found", 404)
        s = self.sarifs[number]
        if s["polls"] > 0:
            s["polls"] -= 1
            return 200, {"processing_status": "pending"}
        state = "failed" if s["errors"] else "complete"
        return 200, {"processing_status": state, "errors": s["errors"] or None, "analyses_url": "https://api.github.com/a"}

    def list_analyses(self, *_):
        return 200, [{"ref": s["ref"], "commit_sha": s["commit_sha"], "sarif_id": k, "created_at": s["created_at"]}
                     for k, s in self.sarifs.items()]

    # ---- workflows ----

    def show_run(self, r):
        return merge(self.templates.get("run"), {
                "id": r["id"], "name": "CI", "status": r["status"], "conclusion": r["conclusion"],
                "run_attempt": r["attempt"], "head_sha": r["sha"], "head_branch": "main", "event": r["event"],
                "created_at": r["created_at"], "run_started_at": r["created_at"], "updated_at": r["updated_at"],
                "html_url": f"https://github.com/acme/widget/actions/runs/{r['id']}", "pull_requests": [],
                "actor": {"login": "alice"}, "repository": {"full_name": "acme/widget"},
                "head_repository": {"full_name": "acme/widget"}})

    def dispatch(self, _o, _r, workflow, body):
        check(body["ref"] in self.branches, f"No ref found for: {body['ref']}")
        check(len(body.get("inputs", {})) <= 25, "inputs")
        number = self.new_id()
        self.run(number, "queued", None, event="workflow_dispatch")
        self.dispatches.append((workflow, body))
        if not self.run_details or not body.get("return_run_details"):
            return 204, None
        return 200, {"workflow_run_id": number, "run_url": "https://api.github.com/run",
                     "html_url": f"https://github.com/acme/widget/actions/runs/{number}"}

    def dispatch_event(self, *_, body):
        check(len(body["event_type"]) <= 100 and len(body.get("client_payload", {})) <= 10, "client_payload")
        self.dispatches.append((None, body))
        return 204, None

    def list_runs(self, *_):
        q = self.asked["query"]
        v = [r for r in list(self.runs.values())[::-1] if q.get("head_sha") in (None, r["sha"])
             and q.get("event") in (None, r["event"]) and q.get("status") in (None, r["conclusion"])]
        items, headers = self.page([self.show_run(r) for r in v])
        return 200, {"total_count": len(v), "workflow_runs": items}, headers

    def one_run(self, number):
        check(int(number) in self.runs, "Not Found", 404)
        return self.runs[int(number)]

    def get_run(self, _o, _r, number):
        return 200, self.show_run(self.one_run(number))

    def get_attempt(self, _o, _r, number, attempt):
        r = self.one_run(number)
        if int(attempt) == r["attempt"]:
            return 200, self.show_run(r)
        check(int(attempt) in r.get("before", {}), "Not Found", 404)
        return 200, self.show_run({**r, **r["before"][int(attempt)], "attempt": int(attempt)})

    def show_job(self, number, job):
        return {"id": number, "run_id": job["run"], "name": job["name"], "status": job["status"],
                "conclusion": job["conclusion"], "started_at": now(), "completed_at": now() if job["conclusion"] else None,
                "run_attempt": job.get("attempt", 1), "html_url": "https://github.com/job", "workflow_name": "CI"}

    def run_jobs(self, _o, _r, number, attempt=None):
        r = self.runs.get(int(number), {})
        want = int(attempt or r.get("attempt", 1))
        v = [self.show_job(k, j) for k, j in self.jobs.items() if j["run"] == int(number)
             and j.get("attempt", 1) == want]
        items, headers = self.page(v)
        return 200, {"total_count": len(v), "jobs": items}, headers

    def get_job(self, _o, _r, number):
        check(int(number) in self.jobs, "Not Found", 404)
        return 200, self.show_job(int(number), self.jobs[int(number)])

    def redirect(self, path):
        check(path in self.blobs, "Gone", 410)
        return 302, None, {"Location": f"http://localhost:{self.store.server_port}{path}"}

    def job_log(self, _o, _r, number):
        return self.redirect(f"/job/{number}?sig=x")

    def run_log(self, _o, _r, number):
        return self.redirect(f"/run/{number}.zip")

    def list_artifacts(self, *_):
        v = [{"id": k, "name": a, "size_in_bytes": 9, "archive_download_url": "https://api.github.com/z",
              "expired": False} for k, a in self.artifacts.items()]
        return 200, {"total_count": len(v), "artifacts": v}

    def artifact(self, _o, _r, number):
        return self.redirect(f"/artifact/{number}.zip")

    def cancel(self, _o, _r, number, body):
        r = self.one_run(number)
        check(r["status"] != "completed", "Cannot cancel a workflow run that is completed.", 409)
        r.update(status="completed", conclusion="cancelled")
        return 202, {}

    def rerun(self, _o, _r, number, body):
        r = self.one_run(number)
        check(r["status"] == "completed", "This workflow is already running", 403)
        check(not r.get("old"), "Unable to retry this workflow run because it was created over a month ago", 403)
        r.setdefault("before", {})[r["attempt"]] = {"status": r["status"], "conclusion": r["conclusion"]}
        r.update(status="queued", conclusion=None, attempt=r["attempt"] + 1)
        return 201, {}

    def list_deployments(self, *_):
        env = self.asked["query"].get("environment")
        return 200, [{"id": d["id"], "sha": d["sha"]} for d in self.deployments if env in (None, d["environment"])]

    def deployment_statuses(self, _o, _r, number):
        return 200, [{"state": d["state"]} for d in self.deployments if d["id"] == int(number)]

    # ---- hooks, files, activity ----

    def list_hooks(self, *_):
        items, headers = self.page([self.show_hook(h) for h in self.hooks.values()])
        return 200, items, headers

    def show_hook(self, h):
        config = {**h["config"], "secret": "********"} if "secret" in h["config"] else h["config"]
        return {"type": "Repository", "id": h["id"], "name": "web", "active": h["active"], "events": h["events"],
                "config": config, "updated_at": WHEN, "created_at": WHEN, "url": "https://api.github.com/h",
                "test_url": "https://api.github.com/t", "ping_url": "https://api.github.com/p",
                "last_response": {"code": None, "status": "unused", "message": None}}

    def make_hook(self, *_, body):
        check(not any(h["config"]["url"] == body["config"]["url"] for h in self.hooks.values()),
              "Hook already exists on this repository")
        h = {"id": self.new_id(), **body}
        self.hooks[h["id"]] = h
        return 201, self.show_hook(h)

    def patch_hook(self, _o, _r, number, body):
        self.hooks[int(number)].update(body)
        return 200, self.show_hook(self.hooks[int(number)])

    def list_deliveries(self, *_):
        items, headers = self.page(self.deliveries)
        return 200, items, headers

    def attempt(self, *a, body):
        self.attempts.append(int(a[-1]))
        return 202, {}

    def get_content(self, _o, _r, path):
        check(path in self.contents, "Not Found", 404)
        data = base64.encodebytes(self.contents[path]).decode()
        return 200, {"path": path, "sha": "c" * 40, "content": data, "encoding": "base64", "html_url": "https://github.com/f"}

    def put_content(self, _o, _r, path, body):
        check(path not in self.contents or body.get("sha") == "c" * 40, "sha wasn't supplied")
        fresh = path not in self.contents
        self.contents[path] = base64.b64decode(body["content"], validate=True)
        return (201 if fresh else 200), {"content": {"html_url": "https://github.com/f"}}

    def list_activity(self, *_):
        items, headers = self.page(self.activity)
        return 200, items, headers


R = "/repos/([^/]+)/([^/]+)"
ROUTES = [
    ("/user", "GET", GitHub.get_user), ("/app", "GET", GitHub.get_app), (R, "GET", GitHub.repository),
    (R + "/installation", "GET", GitHub.installation),
    (r"/app/installations/(\d+)/access_tokens", "POST", GitHub.access_token),
    (R + "/check-runs", "POST", GitHub.make_check), (R + r"/check-runs/(\d+)", "GET", GitHub.get_check),
    (R + r"/check-runs/(\d+)", "PATCH", GitHub.patch_check),
    (R + "/commits/([^/]+)/check-runs", "GET", GitHub.list_checks),
    (R + "/commits/([^/]+)/statuses", "GET", GitHub.list_statuses),
    (R + "/statuses/([0-9a-f]{40})", "POST", GitHub.make_status),
    (R + r"/issues/(\d+)/comments", "GET", GitHub.list_comments),
    (R + r"/issues/(\d+)/comments", "POST", GitHub.make_comment),
    (R + r"/issues/comments/(\d+)", "GET", GitHub.get_comment),
    (R + r"/issues/comments/(\d+)", "PATCH", GitHub.patch_comment),
    (R + r"/issues/comments/(\d+)", "DELETE", GitHub.delete_comment),
    (R + "/pulls", "GET", GitHub.list_pulls), (R + r"/pulls/(\d+)", "GET", GitHub.get_pull),
    (R + r"/pulls/(\d+)/files", "GET", GitHub.pull_files),
    (R + r"/pulls/(\d+)/comments", "GET", GitHub.list_review_comments),
    (R + r"/pulls/(\d+)/reviews", "POST", GitHub.make_review),
    (R + "/git/trees/([^/]+)", "GET", GitHub.get_tree),
    (R + "/code-scanning/sarifs", "POST", GitHub.make_sarif),
    (R + "/code-scanning/sarifs/([^/]+)", "GET", GitHub.get_sarif),
    (R + "/code-scanning/analyses", "GET", GitHub.list_analyses),
    (R + "/actions/workflows/([^/]+)/dispatches", "POST", GitHub.dispatch),
    (R + "/actions/workflows/([^/]+)/runs", "GET", GitHub.list_runs),
    (R + "/dispatches", "POST", GitHub.dispatch_event),
    (R + "/actions/runs", "GET", GitHub.list_runs), (R + r"/actions/runs/(\d+)", "GET", GitHub.get_run),
    (R + r"/actions/runs/(\d+)/jobs", "GET", GitHub.run_jobs),
    (R + r"/actions/runs/(\d+)/attempts/(\d+)", "GET", GitHub.get_attempt),
    (R + r"/actions/runs/(\d+)/attempts/(\d+)/jobs", "GET", GitHub.run_jobs),
    (R + r"/actions/runs/(\d+)/logs", "GET", GitHub.run_log),
    (R + r"/actions/runs/(\d+)/artifacts", "GET", GitHub.list_artifacts),
    (R + r"/actions/runs/(\d+)/cancel", "POST", GitHub.cancel),
    (R + r"/actions/runs/(\d+)/rerun", "POST", GitHub.rerun),
    (R + r"/actions/runs/(\d+)/rerun-failed-jobs", "POST", GitHub.rerun),
    (R + r"/actions/jobs/(\d+)", "GET", GitHub.get_job), (R + r"/actions/jobs/(\d+)/logs", "GET", GitHub.job_log),
    (R + r"/actions/artifacts/(\d+)/zip", "GET", GitHub.artifact),
    (R + "/deployments", "GET", GitHub.list_deployments),
    (R + r"/deployments/(\d+)/statuses", "GET", GitHub.deployment_statuses),
    (R + "/hooks", "GET", GitHub.list_hooks), (R + "/hooks", "POST", GitHub.make_hook),
    (R + r"/hooks/(\d+)", "PATCH", GitHub.patch_hook),
    (R + r"/hooks/(\d+)/deliveries", "GET", GitHub.list_deliveries),
    (R + r"/hooks/(\d+)/deliveries/(\d+)/attempts", "POST", GitHub.attempt),
    ("/app/hook/deliveries", "GET", GitHub.list_deliveries),
    (r"/app/hook/deliveries/(\d+)/attempts", "POST", GitHub.attempt),
    (R + "/contents/(.+)", "GET", GitHub.get_content), (R + "/contents/(.+)", "PUT", GitHub.put_content),
    (R + "/activity", "GET", GitHub.list_activity),
]
