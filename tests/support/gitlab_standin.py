"""A GitLab on loopback, with state: what is written can be read again, and what GitLab would refuse is
refused, in its words.

    with GitLab() as gl:
        gl.fault(match="/notes$", method="POST", status=502, after=True)
        ... url = gl.url, token = "glpat-bot" | "glpat-reader" ...
        gl.statuses, gl.notes, gl.discussions, gl.writes()
"""
import base64
import datetime
import json
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKENS = {"glpat-bot": 77, "glpat-reader": 78}
USERS = {77: "project_1_bot", 78: "reader", 5: "alice", 6: "mallory"}
STATES = "pending running success failed canceled skipped".split()
FLAGS = ("push_events tag_push_events merge_requests_events pipeline_events job_events releases_events note_events "
         "issues_events deployment_events").split()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.123Z")


class Refused(Exception):
    def __init__(self, status, message, key="message"):
        super().__init__(message)
        self.status, self.body = status, {key: message}


def check(condition, message, status=400, key="message"):
    if not condition:
        raise Refused(status, message, key)


def lines(diff):
    """{(old, new)} of a diff's lines as a position has to name them."""
    out, old, new = set(), 0, 0
    for line in diff.splitlines():
        hunk = re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@", line)
        if hunk:
            old, new = int(hunk[1]), int(hunk[2])
        elif line.startswith("+"):
            out.add((None, new))
            new += 1
        elif line.startswith("-"):
            out.add((old, None))
            old += 1
        elif line.startswith(" "):
            out.add((old, new))
            old, new = old + 1, new + 1
    return out


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "nginx"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, headers=None, kind="application/json"):
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), "Content-Type": kind, **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        gl = self.server.gl
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        kind = self.headers.get("Content-Type", "")
        body = {}
        if raw and "json" in kind:
            try:
                body = json.loads(raw)
            except ValueError:
                return self.answer(400, {"error": "Problem parsing JSON"})
        elif raw:
            body = dict(urllib.parse.parse_qsl(raw.decode()))
        with gl.lock:
            gl.log.append((self.command, self.path, body if raw else None, dict(self.headers), time.monotonic()))
            fault = gl.take_fault(self.command, self.path)
        if fault and not fault["after"]:
            return self.give_fault(fault)
        try:
            with gl.lock:
                status, out, headers = gl.serve(self, url.path, urllib.parse.parse_qs(url.query), body)
        except Refused as e:
            status, out, headers = e.status, e.body, {}
        if fault:
            return self.give_fault(fault)
        return self.answer(status, out, {**gl.rate(), **headers}, headers.pop("kind", "application/json"))

    def give_fault(self, fault):
        data = fault["body"].encode()
        if fault["status"] == 0:  # the connection is lost
            self.close_connection = True
            self.connection.shutdown(2)
            return None
        if fault["cut"] or fault["slow"]:  # slow; half of what was promised
            self.send_response(fault["status"])
            self.send_header("Content-Length", str(len(data) + (100 if fault["cut"] else 0)))
            self.send_header("Content-Type", fault["kind"])
            self.end_headers()
            for i in range(0, len(data), 64):
                self.wfile.write(data[i:i + 64])
                self.wfile.flush()
                time.sleep(fault["slow"])
            self.close_connection = True
            return None
        return self.answer(fault["status"], data, fault["headers"], fault["kind"])

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any


class Blobs(BaseHTTPRequestHandler):
    """Where GitLab redirects artifacts to: another server, which refuses our credential."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        gl = self.server.gl
        gl.blob_log.append(dict(self.headers))
        bad = any(name in self.headers for name in ("Private-Token", "Authorization", "Job-Token"))
        data = b"" if bad else gl.blobs[self.path]
        self.send_response(400 if bad else 200)
        self.send_header("Content-Type", "application/zip")
        if gl.blob_cut is not None:
            self.send_header("Content-Length", str(len(data) + gl.blob_cut))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that hung up


class GitLab:
    def __init__(self):
        self.lock = threading.RLock()
        self.log, self.blob_log, self.faults, self.blobs = [], [], [], {}
        self.ids = 1000
        self.projects = {1: "acme/widget", 2: "acme/sub/widget", 3: "eve/widget"}
        self.hidden = {3}
        self.statuses, self.notes, self.discussions = [], {}, {}
        self.mrs, self.diffs, self.new_diffs = {}, {}, True
        self.pipelines, self.jobs, self.traces, self.variables = {}, {}, {}, {}
        self.deployments, self.hooks, self.hook_log, self.resent, self.tested = [], {}, {}, [], []
        self.branches = {"main": "b" * 40, "change": "a" * 40}
        self.tags, self.files, self.commits = {}, {}, {}
        self.dates = {}  # of commits
        self.blob_cut = 0  # bytes that never come; None: nobody knows
        self.api = Server(("127.0.0.1", 0), Handler)
        self.store = Server(("127.0.0.1", 0), Blobs)
        for server in (self.api, self.store):
            server.gl = self
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
              kind="application/json", cut=False, slow=0):
        """The next `times` calls that match are answered so; `after`: although they took effect."""
        self.faults.append({"match": match, "method": method, "status": status, "times": times, "after": after,
                            "headers": headers or {}, "body": body, "kind": kind, "cut": cut, "slow": slow})

    def take_fault(self, method, path):
        for f in self.faults:
            if f["times"] and (not f["method"] or f["method"] == method) and re.search(f["match"], path):
                f["times"] -= 1
                return f
        return None

    def writes(self):
        return [row for row in self.log if row[0] != "GET"]

    def mr(self, iid, head, **more):
        self.mrs[iid] = {"iid": iid, "sha": head, "state": "opened", "source_project_id": 1, "updated_at": now(), **more}

    def pipeline(self, id, status="success", ref="main", sha="b" * 40, **more):
        self.pipelines[id] = {"id": id, "status": status, "ref": ref, "sha": sha, "tag": False, "source": "push", **more}

    def job(self, id, pipeline, name="build", status="success", **more):
        self.jobs[id] = {"id": id, "pipeline": pipeline, "name": name, "status": status, "stage": "test", **more}

    def add_note(self, author, body, iid=7):
        number = self.new_id()
        self.notes[number] = {"id": number, "author": author, "body": body, "iid": iid}
        return number

    # ---- answers ----

    def rate(self):
        return {"RateLimit-Limit": "2000", "RateLimit-Observed": "1", "RateLimit-Remaining": "1999",
                "RateLimit-Reset": str(int(time.time()) + 60), "RateLimit-Name": "throttle_authenticated_api"}

    def new_id(self):
        self.ids += 1
        return self.ids

    @staticmethod
    def user(number):
        return {"id": number, "username": USERS[number], "name": USERS[number].title(), "state": "active",
                "web_url": f"https://gitlab.example/{USERS[number]}"}

    def who(self, request):
        h = request.headers
        scheme, _, bearer = h.get("Authorization", "").partition(" ")
        token = h.get("Private-Token") or h.get("Job-Token") or (bearer if scheme == "Bearer" else None)
        check(token in TOKENS, "401 Unauthorized", 401)
        return TOKENS[token]

    def serve(self, request, path, query, body):
        check(path.startswith("/api/v4/"), "404 Not Found", 404, "error")
        path, method = path[len("/api/v4"):], request.command
        if "token" in body and path.endswith("/trigger/pipeline"):
            check(body["token"] == "glptt-trigger", "404 Not Found", 404)
            who = 77
        else:
            who = self.who(request)
        if USERS[who] == "reader" and method != "GET":
            raise Refused(403, "insufficient_scope", "error")
        for pattern, verb, fn in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and verb == method:
                self.asked = {"who": who, "query": {k: v[-1] for k, v in query.items()}, "path": path, "body": body}
                args = [urllib.parse.unquote(g) for g in found.groups()]
                if args:  # the project, by number or by its path in one segment
                    by_name = [k for k, v in self.projects.items() if args[0] in (str(k), v)]
                    check(by_name and by_name[0] not in self.hidden, "404 Project Not Found", 404)
                    self.asked["project"] = by_name[0]
                    args = args[1:]
                out = fn(self, *args)
                return out if len(out) == 3 else (*out, {})
        raise Refused(404, "404 Not Found", "error")

    def page(self, items, limit=100, link=False):
        q = self.asked["query"]
        size, number = min(int(q.get("per_page", 20)), limit), int(q.get("page", 1))
        more = len(items) > size * number
        headers = {"X-Page": str(number), "X-Per-Page": str(size), "X-Next-Page": str(number + 1) if more else ""}
        if link:
            del headers["X-Next-Page"]
            if more:  # the server names itself as it believes to be called
                rest = urllib.parse.urlencode({**q, "page": number + 1})
                headers["Link"] = f'<https://gitlab.internal/api/v4{self.asked["path"]}?{rest}>; rel="next"'
        return 200, items[size * (number - 1):size * number], headers

    def get_user(self):
        return 200, self.user(self.asked["who"])

    def get_project(self):
        number = self.asked["project"]
        name = self.projects[number]
        return 200, {"id": number, "path_with_namespace": name, "default_branch": "main",
                     "http_url_to_repo": f"https://gitlab.example/{name}.git", "web_url": f"https://gitlab.example/{name}"}

    # ---- commit statuses ----

    def show_status(self, s):
        return {"id": s["id"], "sha": s["sha"], "ref": s["ref"], "status": s["state"], "name": s["name"],
                "target_url": s.get("target_url"), "description": s.get("description"), "created_at": now(),
                "author": self.user(s["author"]), "allow_failure": False}

    def list_statuses(self, sha):
        q = self.asked["query"]
        newest = {}
        for s in self.statuses:
            if s["sha"] == sha and q.get("name") in (None, s["name"]) and q.get("ref") in (None, s["ref"]):
                newest[s["name"], s["ref"]] = s
        return self.page([self.show_status(s) for s in newest.values()])

    def make_status(self, sha):
        b = self.asked["body"]
        check(b.get("state") in STATES, "state does not have a valid value", key="error")
        check(set(b) <= {"state", "ref", "name", "context", "target_url", "description", "coverage", "pipeline_id"}, "?")
        heads = [*self.branches.values(), *[m["sha"] for m in self.mrs.values()], *self.commits]
        check(sha in heads, "404 Commit Not Found", 404)
        ref = b.get("ref", "main")
        known = ref in self.branches or ref in self.tags or re.fullmatch(r"refs/merge-requests/\d+/head", ref)
        check(known, "404 References for commit Not Found", 404)
        for name in ("description", "target_url", "name"):
            check(len(b.get(name) or "") <= 255, {name: ["is too long (maximum is 255 characters)"]})
        name = b.get("name") or b.get("context") or "default"
        going = [s for s in self.statuses if (s["sha"], s["name"], s["ref"]) == (sha, name, ref)
                 and s["state"] in ("pending", "running")]
        if going:
            s, verb = going[-1], {"pending": "enqueue", "running": "run"}.get(b["state"])
            bad = s["state"] == b["state"] or (b["state"] == "pending" and s["state"] == "running")
            check(not bad, f"Cannot transition status via :{verb} from :{s['state']} (Reason(s): Status cannot "
                           f"transition via \"{verb}\")")
        else:
            s = {"id": self.new_id(), "sha": sha, "ref": ref, "name": name, "author": self.asked["who"]}
            self.statuses.append(s)
        s.update({k: b[k] for k in ("state", "description", "target_url") if k in b})
        return 201, self.show_status(s)

    # ---- merge requests ----

    def show_mr(self, m):
        return {"id": 9000 + m["iid"], "iid": m["iid"], "title": "A change", "state": m["state"], "sha": m["sha"],
                "source_branch": "change", "target_branch": "main", "source_project_id": m["source_project_id"],
                "target_project_id": 1, "author": self.user(5), "labels": ["one"], "draft": False,
                "created_at": "2026-11-20T09:00:00.000Z", "updated_at": m["updated_at"],
                "web_url": f"https://gitlab.example/acme/widget/-/merge_requests/{m['iid']}",
                "diff_refs": {"base_sha": "b" * 40, "start_sha": "c" * 40, "head_sha": m["sha"]}}

    def one_mr(self, iid):
        check(int(iid) in self.mrs, "404 Not found", 404)
        return self.mrs[int(iid)]

    def list_mrs(self):
        q = self.asked["query"]
        check(q.get("scope") in (None, "created_by_me", "assigned_to_me", "all"), "scope", key="error")
        return self.page([self.show_mr(m) for m in self.mrs.values() if m["updated_at"] >= q.get("updated_after", "")])

    def get_mr(self, iid):
        return 200, self.show_mr(self.one_mr(iid))

    def list_diffs(self, iid):
        check(self.new_diffs, "404 Not Found", 404, "error")
        self.one_mr(iid)
        return self.page([{"old_path": v.get("old_path", k), "new_path": k, "diff": v["diff"]}
                          for k, v in self.diffs.items()], link=True)

    def mr_changes(self, iid):
        return 200, {**self.show_mr(self.one_mr(iid)), "changes": [
            {"old_path": v.get("old_path", k), "new_path": k, "diff": v["diff"]} for k, v in self.diffs.items()]}

    def show_note(self, n):
        out = {"id": n["id"], "body": n["body"], "author": self.user(n["author"]), "system": False, "created_at": now(),
               "resolvable": n.get("resolvable", False), "noteable_iid": n["iid"]}
        if out["resolvable"]:
            by = n.get("resolved_by")
            out.update(resolved=n["resolved"], resolved_by=self.user(by) if by else None, position=n.get("position"))
        return out

    def list_notes(self, iid):
        self.one_mr(iid)
        check(self.asked["query"].get("sort") in (None, "asc", "desc"), "sort", key="error")
        v = [self.show_note(n) for n in self.notes.values() if n["iid"] == int(iid)]
        return self.page(v if self.asked["query"].get("sort") == "asc" else v[::-1])

    def one_note(self, iid, number):
        n = self.notes.get(int(number))
        check(n and n["iid"] == int(iid), "404 Note Not Found", 404)
        return n

    def get_note(self, iid, number):
        return 200, self.show_note(self.one_note(iid, number))

    def take_body(self):
        body = self.asked["body"].get("body", "")
        check(body and len(body) <= 1000000, {"note": ["is too long (maximum is 1000000 characters)"]})
        return body

    def make_note(self, iid):
        self.one_mr(iid)
        return 201, self.show_note(self.notes[self.add_note(self.asked["who"], self.take_body(), int(iid))])

    def put_note(self, iid, number):
        n = self.one_note(iid, number)
        check(n["author"] == self.asked["who"], "403 Forbidden", 403)
        n["body"] = self.take_body()
        return 200, self.show_note(n)

    def delete_note(self, iid, number):
        check(self.one_note(iid, number)["author"] == self.asked["who"], "403 Forbidden", 403)
        del self.notes[int(number)]
        return 204, None

    def show_discussion(self, number):
        return {"id": number, "individual_note": False,
                "notes": [self.show_note(self.notes[n]) for n in self.discussions[number] if n in self.notes]}

    def list_discussions(self, iid):
        m = self.one_mr(iid)["iid"]
        loose = [{"id": f"{n:040x}", "individual_note": True, "notes": [self.show_note(v)]}
                 for n, v in self.notes.items() if v["iid"] == m and not v.get("resolvable")]
        return self.page(loose + [self.show_discussion(d) for d in self.discussions], link=True)

    def make_discussion(self, iid):
        m, b = self.one_mr(iid), self.asked["body"]
        body, at = self.take_body(), b.get("position")
        if at:
            check(at["position_type"] == "text", "position_type", key="error")
            shas = {"base_sha": "b" * 40, "start_sha": "c" * 40, "head_sha": m["sha"]}
            file = self.diffs.get(at["new_path"])
            good = (all(at[k] == v for k, v in shas.items()) and file
                    and at["old_path"] == file.get("old_path", at["new_path"])
                    and (at.get("old_line"), at.get("new_line")) in lines(file.get("truth", file["diff"])))
            check(good, "400 Bad request - Note {:line_code=>[\"can't be blank\", \"must be a valid line code\"]}")
        number = self.add_note(self.asked["who"], body, m["iid"])
        self.notes[number].update(resolvable=True, resolved=False, position=at)
        name = f"{number:040x}"
        self.discussions[name] = [number]
        return 201, self.show_discussion(name)

    def put_discussion(self, iid, name):
        check(name in self.discussions, "404 Discussion Not Found", 404)
        value = self.asked["query"].get("resolved", self.asked["body"].get("resolved"))
        check(value in ("true", "false", True, False), "resolved is missing", key="error")
        n = self.notes[self.discussions[name][0]]
        n["resolved"] = value in ("true", True)
        n["resolved_by"] = self.asked["who"] if n["resolved"] else None
        return 200, self.show_discussion(name)

    # ---- pipelines ----

    def show_pipeline(self, p):
        return {"iid": 1, "project_id": 1, "created_at": "2026-11-20T09:00:00.000Z", "updated_at": now(),
                "started_at": "2026-11-20T09:00:05.000Z", "before_sha": "0" * 40,
                "finished_at": "2026-11-20T09:01:05.000Z" if p["status"] in ("success", "failed", "canceled") else None,
                "duration": 60, "queued_duration": 5.5, "user": self.user(5),
                "web_url": f"https://gitlab.example/acme/widget/-/pipelines/{p['id']}", **p}

    def list_pipelines(self):
        q = self.asked["query"]
        check(q.get("order_by") in (None, "id", "status", "ref", "updated_at", "user_id"), "order_by", key="error")
        v = [self.show_pipeline(p) for p in self.pipelines.values() if q.get("ref") in (None, p["ref"])
             and q.get("source") in (None, p["source"])]
        v = [{k: p[k] for k in ("id", "iid", "project_id", "sha", "ref", "status", "source", "created_at", "updated_at",
                                "web_url")} for p in v]
        v.sort(key=lambda p: p["id"], reverse=q.get("sort", "desc") == "desc")
        return self.page(v)

    def one_pipeline(self, number):
        check(int(number) in self.pipelines, "404 Not found", 404)
        return self.pipelines[int(number)]

    def get_pipeline(self, number):
        return 200, self.show_pipeline(self.one_pipeline(number))

    def start(self, source, variables):
        b = self.asked["body"]
        check("ref" in b, "ref is missing", key="error")
        check(b["ref"] in self.branches or b["ref"] in self.tags, {"base": ["Reference not found"]})
        number = self.new_id()
        self.pipeline(number, "created", b["ref"], self.branches.get(b["ref"]) or self.tags[b["ref"]], source=source,
                      tag=b["ref"] in self.tags)
        self.variables[number] = variables
        return 201, self.show_pipeline(self.pipelines[number])

    def make_pipeline(self):
        v = self.asked["body"].get("variables", [])
        check(isinstance(v, list) and all(set(x) <= {"key", "value", "variable_type"} for x in v), "variables is invalid",
              key="error")
        return self.start("api", {x["key"]: x["value"] for x in v})

    def trigger(self):
        v = self.asked["body"].get("variables", {})
        check(isinstance(v, dict) and all(isinstance(x, str) for x in v.values()), "variables needs to be a map", key="error")
        return self.start("trigger", v)

    def mr_pipeline(self, iid):
        m = self.one_mr(iid)
        number = self.new_id()
        self.pipeline(number, "created", f"refs/merge-requests/{iid}/head", m["sha"], source="merge_request_event")
        return 201, self.show_pipeline(self.pipelines[number])

    def retry_pipeline(self, number):
        p = self.one_pipeline(number)
        failed = [j for j in self.jobs.values() if j["pipeline"] == p["id"] and j["status"] in ("failed", "canceled")
                  and not j.get("retried")]
        for j in failed:
            self.retry_job(str(j["id"]))
        if failed:
            p["status"] = "running"
        return 201, self.show_pipeline(p)

    def cancel_pipeline(self, number):
        p = self.one_pipeline(number)
        if p["status"] in ("running", "pending", "created"):
            p["status"] = "canceled"
        return 201, self.show_pipeline(p)

    def show_job(self, j):
        out = {"created_at": "2026-11-20T09:00:00.000Z", "started_at": "2026-11-20T09:00:05.000Z",
               "finished_at": "2026-11-20T09:01:05.000Z", "duration": 60.5, "user": self.user(5), "artifacts": [],
               "web_url": f"https://gitlab.example/acme/widget/-/jobs/{j['id']}", **j}
        return {**out, "pipeline": {"id": j["pipeline"]}}

    def pipeline_jobs(self, number):
        self.one_pipeline(number)
        old = self.asked["query"].get("include_retried") == "true"
        v = [self.show_job(j) for j in self.jobs.values() if j["pipeline"] == int(number)
             and (old or not j.get("retried"))]
        return self.page(sorted(v, key=lambda j: -j["id"]))

    def one_job(self, number):
        check(int(number) in self.jobs, "404 Not found", 404)
        return self.jobs[int(number)]

    def get_job(self, number):
        return 200, self.show_job(self.one_job(number))

    def retry_job(self, number):
        j = self.one_job(number)
        check(not j.get("retried"), "403 Forbidden - Job is not retryable", 403)
        j["retried"] = True
        fresh = self.new_id()
        self.job(fresh, j["pipeline"], j["name"], "pending")
        return 201, self.show_job(self.jobs[fresh])

    def trace(self, number):
        self.one_job(number)
        return 200, self.traces.get(int(number), b""), {"kind": "text/plain"}

    def artifacts(self, number):
        check(f"/{number}.zip" in self.blobs, "404 Not Found", 404)
        return 302, None, {"Location": f"http://localhost:{self.store.server_port}/{number}.zip"}

    def list_deployments(self):
        q = self.asked["query"]
        check(q.get("order_by") in (None, "id", "iid", "created_at", "updated_at", "finished_at", "ref"), "order_by", key="error")
        v = [d for d in self.deployments if q.get("environment") in (None, d["environment"]["name"])
             and q.get("status") in (None, d["status"])]
        return self.page(sorted(v, key=lambda d: -d["id"]))

    # ---- hooks, files, refs ----

    def show_hook(self, h):
        hidden = {k: v for k, v in h.items() if k not in ("token", "signing_token")}
        return {"alert_status": "executable", "disabled_until": None, "push_events_branch_filter": None,
                **{name: False for name in FLAGS}, "enable_ssl_verification": True, **hidden}

    def list_hooks(self):
        return self.page([self.show_hook(h) for h in self.hooks.values()])

    def take_hook(self):
        b = self.asked["body"]
        check(re.match("https?://", b.get("url", "")), {"url": ["is blocked"]}, 422)
        known = {*FLAGS, "url", "token", "signing_token", "enable_ssl_verification", "push_events_branch_filter"}
        check(set(b) <= known, "unknown members", key="error")
        key = b.get("signing_token", "whsec_" + base64.b64encode(b"k" * 32).decode())
        check(key.startswith("whsec_") and len(base64.b64decode(key[6:])) == 32, {"signing_token": ["is invalid"]}, 422)
        return b

    def make_hook(self):
        h = {"id": self.new_id(), "push_events": True, **self.take_hook()}
        self.hooks[h["id"]] = h
        return 201, self.show_hook(h)

    def put_hook(self, number):
        self.hooks[int(number)].update(self.take_hook())
        return 200, self.show_hook(self.hooks[int(number)])

    def test_hook(self, number, event):
        self.tested.append((int(number), event))
        self.hooks[int(number)].pop("alert_status", None)
        return 201, {"message": "201 Created"}

    def hook_events(self, number):
        return self.page(self.hook_log.get(int(number), []), limit=20)

    def resend(self, number, log):
        v = self.hook_log[int(number)]
        check(any(e["id"] == int(log) for e in v), "404 Not Found", 404)
        self.resent.append(int(log))
        return 201, {"response_status": 200}

    def get_file(self, path):
        check(self.asked["query"].get("ref") in self.branches, "404 Commit Not Found", 404)
        check(path in self.files, "404 File Not Found", 404)
        return 200, {"file_path": path, "encoding": "base64", "content": base64.b64encode(self.files[path]).decode(),
                     "last_commit_id": "d" * 40, "blob_id": "e" * 40}

    def put_file(self, path):
        b = self.asked["body"]
        check(b["branch"] in self.branches and b["commit_message"], "branch", key="error")
        check(path in self.files, "A file with this name doesn't exist")
        check(b.get("last_commit_id", "d" * 40) == "d" * 40, "You are attempting to update a file that has changed since")
        self.files[path] = b["content"].encode()
        return 200, {"file_path": path, "branch": b["branch"]}

    def make_file(self, path):
        b = self.asked["body"]
        check(path not in self.files, "A file with this name already exists")
        self.files[path] = b["content"].encode()
        return 201, {"file_path": path, "branch": b["branch"]}

    def refs(self, v):
        return self.page([{"name": k, "commit": {"id": sha, "committed_date": self.dates.get(sha, "2020-01-01T00:00:00Z")}}
                          for k, sha in v.items()], link=True)

    def list_branches(self):
        return self.refs(self.branches)

    def list_tags(self):
        return self.refs(self.tags)

    def get_commit(self, name):
        sha = self.branches.get(name) or self.tags.get(name)
        check(sha, "404 Commit Not Found", 404)
        return 200, {"id": sha}


P = "/projects/([^/]+)"
M = P + r"/merge_requests/(\d+)"
ROUTES = [
    ("/user", "GET", GitLab.get_user), (P, "GET", GitLab.get_project),
    (P + "/statuses/([0-9a-f]{40})", "POST", GitLab.make_status),
    (P + "/repository/commits/([^/]+)/statuses", "GET", GitLab.list_statuses),
    (P + "/repository/commits/([^/]+)", "GET", GitLab.get_commit),
    (P + "/merge_requests", "GET", GitLab.list_mrs), (M, "GET", GitLab.get_mr),
    (M + "/diffs", "GET", GitLab.list_diffs), (M + "/changes", "GET", GitLab.mr_changes),
    (M + "/notes", "GET", GitLab.list_notes), (M + "/notes", "POST", GitLab.make_note),
    (M + r"/notes/(\d+)", "GET", GitLab.get_note), (M + r"/notes/(\d+)", "PUT", GitLab.put_note),
    (M + r"/notes/(\d+)", "DELETE", GitLab.delete_note),
    (M + "/discussions", "GET", GitLab.list_discussions), (M + "/discussions", "POST", GitLab.make_discussion),
    (M + "/discussions/([0-9a-f]+)", "PUT", GitLab.put_discussion), (M + "/pipelines", "POST", GitLab.mr_pipeline),
    (P + "/pipelines", "GET", GitLab.list_pipelines), (P + "/pipeline", "POST", GitLab.make_pipeline),
    (P + "/trigger/pipeline", "POST", GitLab.trigger), (P + r"/pipelines/(\d+)", "GET", GitLab.get_pipeline),
    (P + r"/pipelines/(\d+)/jobs", "GET", GitLab.pipeline_jobs),
    (P + r"/pipelines/(\d+)/retry", "POST", GitLab.retry_pipeline),
    (P + r"/pipelines/(\d+)/cancel", "POST", GitLab.cancel_pipeline),
    (P + r"/jobs/(\d+)", "GET", GitLab.get_job), (P + r"/jobs/(\d+)/retry", "POST", GitLab.retry_job),
    (P + r"/jobs/(\d+)/trace", "GET", GitLab.trace), (P + r"/jobs/(\d+)/artifacts", "GET", GitLab.artifacts),
    (P + "/deployments", "GET", GitLab.list_deployments),
    (P + "/hooks", "GET", GitLab.list_hooks), (P + "/hooks", "POST", GitLab.make_hook),
    (P + r"/hooks/(\d+)", "PUT", GitLab.put_hook), (P + r"/hooks/(\d+)/events", "GET", GitLab.hook_events),
    (P + r"/hooks/(\d+)/test/(\w+)", "POST", GitLab.test_hook),
    (P + r"/hooks/(\d+)/events/(\d+)/resend", "POST", GitLab.resend),
    (P + "/repository/files/([^/]+)", "GET", GitLab.get_file), (P + "/repository/files/([^/]+)", "PUT", GitLab.put_file),
    (P + "/repository/files/([^/]+)", "POST", GitLab.make_file),
    (P + "/repository/branches", "GET", GitLab.list_branches), (P + "/repository/tags", "GET", GitLab.list_tags),
]
