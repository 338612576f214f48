"""An Azure DevOps on loopback, with state: what is written can be read again, and what Azure would
refuse is refused (no api-version, other words than those of its enumerations, paths without their
slash, comments above the limit). A bad token gets the sign-in page.

    with Azure() as az:
        az.fault(match="/threads", method="POST", status=502, after=True)
        ... url = az.url, organization = "acme", token = "pat" ...
        az.threads, az.statuses, az.writes()
"""
import base64
import datetime
import json
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ME = {"id": "11111111-2222-3333-4444-555555555555", "displayName": "SecureOps", "uniqueName": "bot@acme.example"}
OTHER = {"id": "99999999-2222-3333-4444-555555555555", "displayName": "Alice", "uniqueName": "alice@acme.example"}
PROJECT, REPO = "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c", "4bc14d40-c903-45e2-872e-0462c7748079"
STATES = "notSet pending succeeded failed error notApplicable".split()
THREAD = "unknown active fixed wontFix closed byDesign pending".split()
SIGN_IN = b"<html><head><title>Azure DevOps Services | Sign In</title></head></html>"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


class Refused(Exception):
    def __init__(self, status, message, kind="InvalidArgumentValueException"):
        super().__init__(message)
        self.status = status
        self.body = {"$id": "1", "innerException": None, "message": message, "typeName": f"Microsoft.{kind}",
                     "typeKey": kind, "errorCode": 0, "eventId": 3000}


def check(condition, message, status=400):
    if not condition:
        raise Refused(status, message)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, headers=None, kind="application/json; charset=utf-8; api-version=7.1"):
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **({"Content-Type": kind} if data else {}),
                           **(headers or {})}.items():
            if value is not None:
                self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        az = self.server.az
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        body = json.loads(raw) if raw else None
        with az.lock:
            az.log.append((self.command, self.path, body, dict(self.headers), time.monotonic()))
            fault = az.take_fault(self.command, self.path)
        if fault and not fault["after"]:
            return self.give_fault(fault)
        given = self.headers.get("Authorization", "")
        good = given in ("Basic " + base64.b64encode(b":" + az.token.encode()).decode(), "Bearer " + az.token)
        if not good:
            if self.command == "PATCH":
                return self.answer(401, {"message": "TF400813: The user '' is not authorized to access this resource."})
            if az.redirects:
                return self.answer(302, SIGN_IN, {"Location": az.url + "/_signin"}, "text/html")
            return self.answer(203, SIGN_IN, kind="text/html; charset=utf-8")
        try:
            with az.lock:
                out = az.serve(self, url.path, dict(urllib.parse.parse_qsl(url.query)), body)
        except Refused as e:
            out = (e.status, e.body)
        if fault:
            return self.give_fault(fault)
        status, data, kind, headers = (*out, "application/json; charset=utf-8", {})[:4] if len(out) == 2 else out
        return self.answer(status, data, {**headers, **az.extra}, kind)

    def give_fault(self, fault):
        if fault["status"] == 0:
            self.close_connection = True
            self.connection.shutdown(2)
            return None
        return self.answer(fault["status"], fault["body"].encode(), fault["headers"], fault["kind"])

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any


class Blobs(BaseHTTPRequestHandler):
    """The store that downloads may be redirected to: another server, which refuses our credential."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.az.blob_log.append(dict(self.headers))
        bad = "Authorization" in self.headers
        data = b"bad" if bad else self.server.az.blob
        self.send_response(400 if bad else 200)
        self.send_header("Content-Type", "application/zip")
        if self.server.az.blob_cut is not None:
            self.send_header("Content-Length", str(len(data) + self.server.az.blob_cut))
        self.end_headers()
        self.wfile.write(data)


class Azure:
    organization, project, repository = "acme", "Fabrikam", "widget"

    def __init__(self, token="pat"):
        self.lock = threading.RLock()
        self.token, self.redirects, self.extra = token, False, {}
        self.log, self.faults, self.blob_log = [], [], []
        self.blob, self.blob_cut = b"PKzip", 0  # bytes that never come; None: nobody knows
        self.ids = 1000
        self.statuses, self.threads, self.pulls, self.changes = {}, {}, {}, ["/src/f0.c", "/src/f1.c"]
        self.builds, self.timelines, self.logs, self.artifacts, self.started = {}, {}, {}, {}, []
        self.pipelines, self.hooks, self.items, self.refs, self.pushes = {7: "deploy"}, {}, {}, {"main": "c" * 40}, []
        self.page = 500  # items of a page at most
        self.log_headers = {}
        self.api = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.store = ThreadingHTTPServer(("127.0.0.1", 0), Blobs)
        for server in (self.api, self.store):
            server.az = self
            server.daemon_threads = True
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
              kind="application/json"):
        self.faults.append({"match": match, "method": method, "status": status, "times": times, "after": after,
                            "headers": headers or {}, "body": body, "kind": kind})

    def take_fault(self, method, path):
        for f in self.faults:
            if f["times"] and (not f["method"] or f["method"] == method) and re.search(f["match"], path):
                f["times"] -= 1
                return f
        return None

    def writes(self):
        return [row for row in self.log if row[0] != "GET"]

    def pull(self, number, *heads):
        self.pulls[number] = list(heads)

    def build(self, id, status="completed", result="succeeded", sha="1" * 40, definition=7, **more):
        self.builds[id] = {
            "id": id, "status": status, "result": result, "sourceVersion": sha, "sourceBranch": "refs/heads/main",
            "definition": {"id": definition, "name": "deploy"}, "queueTime": now(), "startTime": now(),
            "finishTime": now() if status == "completed" else None, "templateParameters": {"level": "full"},
            "project": {"id": PROJECT, "name": self.project}, "requestedFor": OTHER,
            "repository": {"id": REPO, "type": "TfsGit", "name": "widget"},
            "_links": {"web": {"href": f"https://dev.azure.com/acme/Fabrikam/_build/results?buildId={id}"}}, **more}
        return self.builds[id]

    def record(self, build, id, type, name, parent=None, **more):
        self.timelines.setdefault(build, []).append(
            {"id": id, "parentId": parent, "type": type, "name": name, "identifier": name, "attempt": 1,
             "state": "completed", "result": "succeeded", "startTime": now(), "finishTime": now(), "log": None, **more})

    def new_id(self):
        self.ids += 1
        return self.ids

    # ---- answers ----

    def serve(self, request, path, query, body):
        check("api-version" in query, "No api-version was supplied for the request.")
        prefix = f"/{self.organization}"
        check(path.startswith(prefix + "/"), "TF400813", 404)
        path = urllib.parse.unquote(path[len(prefix):])
        for project in (self.project, PROJECT):
            path = path.replace(f"/{project}/_apis", "/P/_apis", 1)
        for repository in (self.repository, REPO):
            path = re.sub(f"^/P/_apis/git/repositories/{repository}(?=/|$)", "/R", path)
        self.query = query
        for pattern, verb, fn in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and verb == request.command:
                args = [*found.groups()]
                return fn(self, *args, body) if verb not in ("GET", "DELETE") else fn(self, *args)
        raise Refused(404, f"TF401019: no {request.command} {path}")

    def values(self, items, token=True):
        """A page of them: the next is behind a continuation token, or behind $skip."""
        size = min(int(self.query.get("$top", 100)), self.page)
        check("continuationToken" not in self.query if not token else "$skip" not in self.query, "another way of paging")
        start = int(self.query.get("continuationToken" if token else "$skip", 0))
        headers = {"x-ms-continuationtoken": str(start + size)} if token and len(items) > start + size else {}
        items = items[start:start + size]
        return 200, {"count": len(items), "value": items}, "application/json; charset=utf-8", headers

    def connection(self):
        return 200, {"authenticatedUser": ME, "authorizedUser": ME}

    def repo(self):
        return 200, {"id": REPO, "name": "widget", "project": {"id": PROJECT, "name": self.project},
                     "defaultBranch": "refs/heads/main", "remoteUrl": "https://acme@dev.azure.com/acme/Fabrikam/_git/widget"}

    # ---- statuses ----

    def take_status(self, key, body):
        check(body.get("state") in STATES, "state")
        check(body.get("context", {}).get("name"), "context.name")
        s = {**body, "id": self.new_id(), "creationDate": now(), "updatedDate": now(), "createdBy": ME}
        self.statuses.setdefault(key, []).append(s)
        return 200, s

    def commit_status(self, sha, body):
        check(re.fullmatch("[0-9a-f]{40}", sha), "TF401175: commit", 404)
        return self.take_status(sha, body)

    def commit_statuses(self, sha):
        return self.values(self.statuses.get(sha, []))

    def pull_status(self, number, iteration, body):
        check(1 <= int(iteration) <= len(self.pulls[int(number)]), "TF401180", 404)
        check(body.get("iterationId", int(iteration)) == int(iteration), "iterationId")
        return self.take_status((int(number), int(iteration)), body)

    def pull_statuses(self, number, iteration):
        return self.values(self.statuses.get((int(number), int(iteration)), []))

    # ---- pull requests ----

    def show_pull(self, number):
        heads = self.pulls[number]
        return {"pullRequestId": number, "status": "active", "title": "A change", "creationDate": now(),
                "createdBy": OTHER, "sourceRefName": "refs/heads/change", "targetRefName": "refs/heads/main",
                "repository": self.repo()[1], "lastMergeSourceCommit": {"commitId": heads[-1]},
                "lastMergeTargetCommit": {"commitId": "b" * 40}, "lastMergeCommit": {"commitId": "e" * 40},
                "_links": {"web": {"href": f"https://dev.azure.com/acme/Fabrikam/_git/widget/pullrequest/{number}"}}}

    def get_pull(self, number):
        check(int(number) in self.pulls, "TF401180: The requested pull request was not found.", 404)
        return 200, self.show_pull(int(number))

    def list_pulls(self):
        return self.values([self.show_pull(n) for n in self.pulls], token=False)

    def iterations(self, number):
        return self.values([{"id": i + 1, "sourceRefCommit": {"commitId": h}}
                            for i, h in enumerate(self.pulls[int(number)])])

    def get_changes(self, _number, _iteration):
        skip, top = int(self.query.get("$skip", 0)), int(self.query.get("$top", 100))
        rows = [{"changeTrackingId": i + 1, "changeType": "edit", "item": {"path": p}}
                for i, p in enumerate(self.changes)]
        more = skip + top if len(rows) > skip + top else 0
        return 200, {"changeEntries": rows[skip:skip + top], "nextSkip": more, "nextTop": top if more else 0}

    # ---- threads ----

    def add_thread(self, author, content, pull=7, status="active", **more):
        t = {"id": self.new_id(), "pull": pull, "status": status, "isDeleted": False, "comments": [
            {"id": 1, "parentCommentId": 0, "content": content, "author": author, "commentType": "text",
             "isDeleted": False}], **more}
        self.threads[t["id"]] = t
        return t["id"]

    def list_threads(self, number):
        return 200, {"value": [t for t in self.threads.values() if t["pull"] == int(number)],
                     "count": len(self.threads)}

    def make_thread(self, number, body):
        check(set(body) <= {"comments", "status", "threadContext", "pullRequestThreadContext"}, "unknown members")
        check(body["status"] in THREAD, "status")
        comment, = body["comments"]
        check(comment["parentCommentId"] == 0 and comment["commentType"] == "text" and comment["content"], "comment")
        check(len(comment["content"]) <= 150000, "TF401209: the comment exceeds the maximum length of 150000")
        where = body.get("threadContext")
        if where:
            check(where["filePath"].startswith("/"), "TF401173: the path must begin with a slash")
            start, end = where["rightFileStart"], where["rightFileEnd"]
            for p in (start, end):
                check(p["line"] >= 1 and p["offset"] >= 1, "positions are 1-based")
            check((start["line"], start["offset"]) <= (end["line"], end["offset"]), "the end is before the start")
            track = body["pullRequestThreadContext"]
            check(self.changes[track["changeTrackingId"] - 1] == where["filePath"], "changeTrackingId")
            check(track["iterationContext"]["secondComparingIteration"] <= len(self.pulls[int(number)]), "iteration")
        more = {k: v for k, v in body.items() if k.endswith("Context")}
        return 200, self.threads[self.add_thread(ME, comment["content"], int(number), body["status"], **more)]

    def patch_thread(self, _number, thread, body):
        check(int(thread) in self.threads, "thread", 404)
        check(set(body) == {"status"} and body["status"] in THREAD, "status")
        self.threads[int(thread)]["status"] = body["status"]
        return 200, self.threads[int(thread)]

    def patch_comment(self, _number, thread, _comment, body):
        check(int(thread) in self.threads, "thread", 404)
        comment = self.threads[int(thread)]["comments"][0]
        check(comment["author"] == ME, "TF401027: You need the Git 'PullRequestContribute' permission", 403)
        check(len(body["content"]) <= 150000, "too long")
        comment["content"] = body["content"]
        return 200, comment

    def delete_comment(self, _number, thread, _comment):
        self.threads[int(thread)]["comments"][0]["isDeleted"] = True
        self.threads[int(thread)]["isDeleted"] = True
        return 200, {}

    # ---- runs ----

    def list_pipelines(self):
        return self.values([{"id": k, "name": v, "folder": "\\", "revision": 1} for k, v in self.pipelines.items()])

    def start(self, pipeline, body):
        check(int(pipeline) in self.pipelines, "pipeline", 404)
        check(set(body) <= {"resources", "templateParameters", "variables", "stagesToSkip"}, "unknown members")
        own = body.get("resources", {}).get("repositories", {}).get("self", {})
        check(own.get("refName", "refs/heads/main").startswith("refs/"), "refName")
        for value in body.get("templateParameters", {}).values():
            check(isinstance(value, str), "templateParameters")
        self.started.append((int(pipeline), body))
        b = self.build(self.new_id(), "notStarted", None, own.get("version", "c" * 40), int(pipeline),
                       sourceBranch=own.get("refName", "refs/heads/main"))
        return 200, {"id": b["id"], "name": "1", "state": "inProgress", "createdDate": now(),
                     "pipeline": {"id": int(pipeline), "name": "deploy"}, "url": self.url, "_links": b["_links"]}

    def one_build(self, id):
        check(int(id) in self.builds, "TF400813: build not found", 404)
        return self.builds[int(id)]

    def get_build(self, id):
        return 200, self.one_build(id)

    def patch_build(self, id, body):
        check(body == {"status": "cancelling"}, "body")
        b = self.one_build(id)
        b.update(status="cancelling")
        return 200, b

    def list_builds(self):
        rows = sorted(self.builds.values(), key=lambda b: -b["id"])
        if "definitions" in self.query:
            rows = [b for b in rows if b["definition"]["id"] == int(self.query["definitions"])]
        if self.query.get("statusFilter"):
            rows = [b for b in rows if b["status"] == self.query["statusFilter"]]
        low, high = self.query.get("minTime", ""), self.query.get("maxTime", "~")
        return self.values([b for b in rows if low <= (b["finishTime"] or "~") and (b["finishTime"] or "") <= high])

    def get_timeline(self, id):
        self.one_build(id)
        return 200, {"records": self.timelines.get(int(id), [])}

    def patch_stage(self, id, stage, body):
        check(body["state"] in ("retry", "cancel") and isinstance(body["forceRetryAllJobs"], bool), "body")
        for r in self.timelines[int(id)]:
            if r["identifier"] == stage and r["type"] == "Stage":
                check(r["state"] == "completed", "the stage is running", 409)
                r.update(state="inProgress", result=None, attempt=r["attempt"] + 1, forced=body["forceRetryAllJobs"])
                return 204, None
        raise Refused(404, "stage")

    def get_log(self, id, number):
        check((int(id), int(number)) in self.logs, "log", 404)
        return 200, self.logs[int(id), int(number)], "text/plain", self.log_headers

    def get_logs(self, _id):
        check(self.query.get("$format") == "zip", "format")
        return 200, b"PKlogs", "application/zip", self.log_headers

    def get_artifacts(self, id):
        rows = self.artifacts.get(int(id), {})
        if "artifactName" in self.query:
            check(self.query["artifactName"] in rows.values() and self.query["$format"] == "zip", "artifact", 404)
            return 302, b"", "text/html", {"Location": f"http://127.0.0.1:{self.store.server_port}/a.zip"}
        return self.values([{"id": k, "name": v, "resource": {
            "type": "PipelineArtifact", "properties": {"artifactsize": "12"}, "downloadUrl": self.url}}
            for k, v in rows.items()])

    # ---- hooks, files, what moved ----

    def list_hooks(self):
        return self.values([{**h, "consumerInputs": {k: ("********" if "assword" in k or k == "httpHeaders" else v)
                                                     for k, v in h["consumerInputs"].items()}}
                            for h in self.hooks.values()])

    def take_hook(self, id, body):
        check(body["consumerId"] == "webHooks" and body["consumerActionId"] == "httpRequest", "consumer")
        pipelines = body["eventType"].startswith("ms.vss-pipelines.")
        check(body["publisherId"] == ("pipelines" if pipelines else "tfs"), "publisherId")
        check(body["publisherInputs"]["projectId"] == PROJECT, "projectId")
        url = body["consumerInputs"]["url"]
        check("basicAuthPassword" not in body["consumerInputs"] or url.startswith("https://"), "basic needs https")
        self.hooks[id] = {"status": "enabled", **body, "id": id}
        return 200, self.hooks[id]

    def make_hook(self, body):
        return self.take_hook(f"00000000-0000-0000-0000-{self.new_id():012d}", body)

    def put_hook(self, id, body):
        check(id in self.hooks, "subscription", 404)
        return self.take_hook(id, body)

    def get_item(self):
        path = self.query["path"]
        check(path.startswith("/") and path in self.items, "TF401174: the item could not be found", 404)
        return 200, {"path": path, "content": self.items[path]}

    def list_refs(self):
        return self.values([{"name": f"refs/heads/{k}", "objectId": v} for k, v in self.refs.items()])

    def make_push(self, body):
        update, = body["refUpdates"]
        branch = update["name"][len("refs/heads/"):]
        check(self.refs[branch] == update["oldObjectId"], "TF401028: the reference has already been updated", 409)
        change, = body["commits"][0]["changes"]
        there = change["item"]["path"] in self.items
        check(change["changeType"] == ("edit" if there else "add"), "changeType")
        self.items[change["item"]["path"]] = change["newContent"]["content"]
        self.refs[branch] = f"{self.new_id():040x}"
        return 201, {"pushId": self.ids}

    def list_pushes(self):
        low, high = (self.query.get(f"searchCriteria.{k}", d) for k, d in (("fromDate", ""), ("toDate", "~")))
        return self.values([p for p in self.pushes if low <= p["date"] <= high], token=False)


A = Azure
ROUTES = [
    (r"/_apis/connectionData", "GET", A.connection), (r"/R", "GET", A.repo),
    (r"/R/commits/([^/]+)/statuses", "POST", A.commit_status), (r"/R/commits/([^/]+)/statuses", "GET", A.commit_statuses),
    (r"/R/pullRequests/(\d+)/iterations/(\d+)/statuses", "POST", A.pull_status),
    (r"/R/pullRequests/(\d+)/iterations/(\d+)/statuses", "GET", A.pull_statuses),
    (r"/R/pullRequests/(\d+)", "GET", A.get_pull), (r"/R/pullrequests", "GET", A.list_pulls),
    (r"/R/pullRequests/(\d+)/iterations", "GET", A.iterations),
    (r"/R/pullRequests/(\d+)/iterations/(\d+)/changes", "GET", A.get_changes),
    (r"/R/pullRequests/(\d+)/threads", "GET", A.list_threads), (r"/R/pullRequests/(\d+)/threads", "POST", A.make_thread),
    (r"/R/pullRequests/(\d+)/threads/(\d+)", "PATCH", A.patch_thread),
    (r"/R/pullRequests/(\d+)/threads/(\d+)/comments/(\d+)", "PATCH", A.patch_comment),
    (r"/R/pullRequests/(\d+)/threads/(\d+)/comments/(\d+)", "DELETE", A.delete_comment),
    (r"/P/_apis/pipelines", "GET", A.list_pipelines), (r"/P/_apis/pipelines/(\d+)/runs", "POST", A.start),
    (r"/P/_apis/build/builds", "GET", A.list_builds), (r"/P/_apis/build/builds/(\d+)", "GET", A.get_build),
    (r"/P/_apis/build/builds/(\d+)", "PATCH", A.patch_build), (r"/P/_apis/build/builds/(\d+)/timeline", "GET", A.get_timeline),
    (r"/P/_apis/build/builds/(\d+)/stages/([^/]+)", "PATCH", A.patch_stage),
    (r"/P/_apis/build/builds/(\d+)/logs/(\d+)", "GET", A.get_log), (r"/P/_apis/build/builds/(\d+)/logs", "GET", A.get_logs),
    (r"/P/_apis/build/builds/(\d+)/artifacts", "GET", A.get_artifacts),
    (r"/_apis/hooks/subscriptions", "GET", A.list_hooks), (r"/_apis/hooks/subscriptions", "POST", A.make_hook),
    (r"/_apis/hooks/subscriptions/([^/]+)", "PUT", A.put_hook), (r"/R/items", "GET", A.get_item),
    (r"/R/refs", "GET", A.list_refs), (r"/R/pushes", "POST", A.make_push), (r"/R/pushes", "GET", A.list_pushes),
]
