"""A Jenkins on loopback, with state: folders, jobs, a queue, builds with logs, crumbs that are bound to a
session, errors in HTML. What Jenkins would refuse is refused.

    with Jenkins() as j:
        j.job("folder/scan", parameters=["BRANCH"])
        j.fault(match="/build", method="POST", status=502, after=True)
        ... url = j.url, user = "bot", token = "api-token" or password = "password" ...
"""
import base64
import itertools
import json
import re
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = "text/html;charset=utf-8"
STARTING = b"<html><body>Jenkins is getting ready to work. Please wait.</body></html>"


class Refused(Exception):
    def __init__(self, status, text, headers=None):
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers or {}


def check(condition, text, status=400, headers=None):
    if not condition:
        raise Refused(status, text, headers)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), kind=HTML):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-Jenkins", "2.440.3")
        cut = self.server.jk.blob_cut if "/artifact/" in self.path else 0
        if cut is not None:
            self.send_header("Content-Length", str(len(data) + cut))
        if data:
            self.send_header("Content-Type", kind if isinstance(body, bytes) else "application/json;charset=utf-8")
        for key, value in (headers.items() if isinstance(headers, dict) else headers):
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = cut != 0

    def handle_any(self):
        jk = self.server.jk
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with jk.lock:
            jk.log.append((self.command, self.path, raw, dict(self.headers), time.monotonic()))
            fault = jk.take_fault(self.command, self.path)
        if fault and not fault["after"]:
            return self.give_fault(fault)
        try:
            with jk.lock:
                out = jk.serve(self, raw)
        except Refused as e:
            out = (e.status, f"<html><body><h1>{e.text}</h1></body></html>".encode(), e.headers)
        if fault:
            return self.give_fault(fault)
        return self.answer(*out)

    def give_fault(self, fault):
        if fault["status"] == 0:
            self.close_connection = True
            self.connection.shutdown(2)
            return None
        return self.answer(fault["status"], fault["body"], fault["headers"], fault["kind"])

    do_GET = do_POST = handle_any


class Jenkins:
    def __init__(self):
        self.lock = threading.RLock()
        self.log, self.faults = [], []
        self.items = {}        # full name: a job, or None for a folder
        self.queue = {}        # number: {"job", "executable", "cancelled"}
        self.crumbs, self.csrf, self.logins = {}, True, False
        self.numbers = itertools.count(77)
        self.at_once = False   # builds leave the queue immediately
        self.location = True   # proxies drop it
        self.blob_cut = 0      # bytes of artifacts that never come; None: nobody knows
        self.api = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api.jk = self
        self.api.daemon_threads = True
        threading.Thread(target=self.api.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.root = f"http://127.0.0.1:{self.api.server_port}"
        self.url = self.root + "/ci"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.api.shutdown()
        self.api.server_close()

    # ---- for tests ----

    def fault(self, match="", method="", status=502, times=1, after=False, headers=None, body=b"", kind=HTML):
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

    def job(self, name, parameters=(), buildable=True, xml=b"<project/>"):
        parts = name.split("/")
        for i in range(1, len(parts)):
            self.items.setdefault("/".join(parts[:i]), None)
        self.items[name] = {"name": name, "parameters": list(parameters), "buildable": buildable, "builds": {},
                            "next": 42, "xml": xml}
        return self.items[name]

    def build(self, name, number, result="SUCCESS", log=b"", artifacts=None, sha="a" * 40, branch="origin/main",
              parameters=None, **more):
        b = {"number": number, "result": result, "building": result is None, "queueId": next(self.numbers), "log": log,
             "artifacts": artifacts or {}, "sha": sha, "branch": branch, "parameters": parameters or {}, "stages": None,
             "description": None, "timestamp": int(time.time() * 1000), "duration": 5000, "job": name, **more}
        self.items[name]["builds"][number] = b
        self.items[name]["next"] = max(self.items[name]["next"], number + 1)
        return b

    def leave(self, item):
        """The build of an item begins."""
        q = self.queue[item]
        job = self.items[q["job"]]
        number = job["next"]
        self.build(q["job"], number, None, parameters=q["parameters"], queueId=item)
        q["executable"] = number
        return number

    # ---- answers ----

    def who(self, request):
        given = request.headers.get("Authorization", "")
        for secret in ("api-token", "password"):
            if given == "Basic " + base64.b64encode(f"bot:{secret}".encode()).decode():
                return secret
        if self.logins:
            return None
        raise Refused(401, "Unauthorized")

    def serve(self, request, raw):
        url = urllib.parse.urlsplit(request.path)
        who = self.who(request)
        if who is None:
            return 302, b"", {"Location": self.url + "/login?from=%2F"}
        check(url.path.startswith("/ci/"), "Not Found", 404)
        path, query = url.path[len("/ci"):], dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if path == "/crumbIssuer/api/json":
            return self.crumb()
        if request.command == "POST" and who == "password" and self.csrf:
            session = re.search(r"JSESSIONID=(\w+)", request.headers.get("Cookie", ""))
            good = session and self.crumbs.get(session[1]) == request.headers.get("Jenkins-Crumb", "-")
            check(good, "No valid crumb was included in the request", 403)
        form = {}
        if "form-urlencoded" in request.headers.get("Content-Type", ""):
            form = dict(urllib.parse.parse_qsl(raw.decode(), keep_blank_values=True))
        for pattern, verb, fn in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and verb == request.command:
                self.query, self.form, self.raw, self.request = query, {**query, **form}, raw, request
                return fn(self, *found.groups())
        raise Refused(404, f"Not Found {path}")

    def crumb(self):
        check(self.csrf, "Not Found", 404)
        session, crumb = f"s{next(self.numbers)}", f"c{next(self.numbers)}"
        self.crumbs[session] = crumb
        return 200, {"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": crumb,
                     "crumbRequestField": "Jenkins-Crumb"}, [("Set-Cookie", f"JSESSIONID={session};Path=/;HttpOnly"),
                                                             ("Set-Cookie", "other=1; Path=/")]

    @staticmethod
    def full_name(path):
        """"/job/a/job/b%252Fc" to "a/b%2Fc"."""
        return "/".join(urllib.parse.unquote(p) for p in path.split("/job/")[1:])

    def one(self, path):
        name = self.full_name(path)
        check(self.items.get(name), "Not Found", 404)
        return self.items[name]

    def one_build(self, path, number):
        builds = self.one(path)["builds"]
        check(int(number) in builds, "Not Found", 404)
        return builds[int(number)]

    def address(self, name):
        return "".join(f"job/{urllib.parse.quote(p, safe='')}/" for p in name.split("/"))

    def show_build(self, b):
        return {"number": b["number"], "result": b["result"], "building": b["building"], "queueId": b["queueId"],
                "timestamp": b["timestamp"], "duration": b["duration"], "description": b["description"],
                "url": f"{self.url}/{self.address(b['job'])}{b['number']}/",
                "artifacts": [{"fileName": k.rsplit("/", 1)[-1], "relativePath": k} for k in b["artifacts"]],
                "actions": [{}, {"parameters": [{"name": k, "value": v} if v is not None else {"name": k}
                                                for k, v in b["parameters"].items()]},
                            {"lastBuiltRevision": {"SHA1": b["sha"], "branch": [{"name": b["branch"]}]},
                             "remoteUrls": ["https://github.com/acme/widget.git"]}]}

    def builds_of(self, job):
        """`builds` has the newest hundred; the range of a tree is of each of its lists."""
        found = re.search(r"\{(\d+),(\d+)\}", self.query.get("tree", ""))
        rows = [self.show_build(b) for _, b in sorted(job["builds"].items(), reverse=True)]
        part = slice(*map(int, found.groups())) if found else slice(None)
        return {"builds": rows[:100][part], **({"allBuilds": rows[part]} if "allBuilds[" in self.query.get("tree", "") else {})}

    def get_job(self, path):
        name = self.full_name(path)
        check(name in self.items, "Not Found", 404)
        children = [{"name": k[len(name) + 1:]} for k in self.items if k.startswith(name + "/")
                    and "/" not in k[len(name) + 1:]]
        job = self.items[name]
        if not job:
            return 200, {"_class": "com.cloudbees.hudson.plugins.folder.Folder", "name": name, "jobs": children}
        waiting = [k for k, q in self.queue.items() if q["job"] == name and not q["executable"] and not q["cancelled"]]
        definitions = [{"name": p} for p in job["parameters"]]
        return 200, {"name": name.rsplit("/", 1)[-1], "buildable": job["buildable"], "nextBuildNumber": job["next"],
                     "queueItem": {"id": waiting[0]} if waiting else None,
                     "property": [{}, {"parameterDefinitions": definitions}] if definitions else [{}],
                     **self.builds_of(job)}

    def start(self, path, how):
        job = self.one(path)
        check(job["buildable"], "is not buildable", 409)
        if how == "buildWithParameters":
            check(job["parameters"], f"{job['name']} is not parameterized")
        else:
            check(not job["parameters"], "This page expects a form submission")
        parameters = {k: v for k, v in self.form.items() if k in job["parameters"]}
        same = [k for k, q in self.queue.items() if q["job"] == job["name"] and not q["executable"]
                and not q["cancelled"] and q["parameters"] == parameters]
        item = same[0] if same else next(self.numbers)
        if not same:
            self.queue[item] = {"job": job["name"], "executable": None, "cancelled": False, "parameters": parameters}
        if self.at_once:
            self.leave(item)
        headers = {"Location": f"https://other.name/queue/item/{item}/"} if self.location else {}
        return 303 if same else 201, b"", headers

    def get_item(self, number):
        check(int(number) in self.queue, "Not Found", 404)
        q = self.queue[int(number)]
        out = {"id": int(number), "cancelled": q["cancelled"], "why": "Waiting for next available executor"}
        if q["executable"]:
            out["executable"] = {"number": q["executable"], "url": f"{self.url}/{self.address(q['job'])}{q['executable']}/"}
        return 200, out

    def cancel_item(self):
        q = self.queue[int(self.query["id"])]
        q["cancelled"] = True
        return 204, b""

    def get_build(self, path, number):
        return 200, self.show_build(self.one_build(path, number))

    def get_stages(self, path, number):
        stages = self.one_build(path, number)["stages"]
        check(stages is not None, "Not Found", 404)
        return 200, {"id": number, "stages": stages}

    def stop(self, path, number, how):
        b = self.one_build(path, number)
        if how == b.get("listens", "stop"):
            b.update(building=False, result="ABORTED")
        return 302, b"", {"Location": "."}

    def get_log(self, path, number):
        b = self.one_build(path, number)
        start = int(self.query["start"])
        headers = {"X-Text-Size": str(len(b["log"]))}
        if b["building"]:
            headers["X-More-Data"] = "true"
        return 200, b["log"][start:], headers, "text/plain;charset=utf-8"

    def get_console(self, path, number):
        return 200, self.one_build(path, number)["log"], {}, "text/plain;charset=utf-8"

    def get_artifact(self, path, number, file):
        artifacts = self.one_build(path, number)["artifacts"]
        file = urllib.parse.unquote(file)
        check(file in artifacts, "Not Found", 404)
        return 200, artifacts[file], {}, "application/json"

    def describe(self, path, number):
        self.one_build(path, number)["description"] = self.form["description"].replace("\n", "\r\n")
        return 302, b"", {"Location": "."}

    def create(self, parent):
        name = self.full_name(parent) + "/" + self.query["name"] if parent else self.query["name"]
        check(not parent or self.full_name(parent) in self.items, "Not Found", 404)
        check(name not in self.items, "exists", 400, {"X-Error": f"A job already exists with the name '{name}'"})
        self.take_xml(name)
        return 200, b""

    def take_xml(self, name):
        check(re.match("(application|text)/xml", self.request.headers.get("Content-Type", "")), "type", 415)
        root = ET.fromstring(self.raw)
        check(root.tag in ("project", "flow-definition"), "no such class", 500)
        old = self.items.get(name)
        parameters = [p.findtext("name") for p in root.iter("hudson.model.StringParameterDefinition")]
        self.job(name, parameters, xml=self.raw)
        if old:
            self.items[name]["builds"] = old["builds"]

    def get_config(self, path):
        """As Jenkins writes it: in a form of its own."""
        text = self.one(path)["xml"].replace(b"version=\"1.0\"", b"version='1.1'")
        return 200, text.replace(b"><", b">\n  <"), {}, "application/xml"

    def put_config(self, path):
        self.one(path)
        self.take_xml(self.full_name(path))
        return 200, b""


J = Jenkins
PATH = r"((?:/job/[^/]+)+)"
ROUTES = [
    (PATH + "/api/json", "GET", J.get_job), (PATH + "/(build|buildWithParameters)", "POST", J.start),
    (r"/queue/item/(\d+)/api/json", "GET", J.get_item), (r"/queue/cancelItem", "POST", J.cancel_item),
    (PATH + r"/(\d+)/api/json", "GET", J.get_build), (PATH + r"/(\d+)/?", "GET", J.get_build), (PATH + r"/(\d+)/wfapi/describe", "GET", J.get_stages),
    (PATH + r"/(\d+)/(stop|term|kill)", "POST", J.stop), (PATH + r"/(\d+)/logText/progressiveText", "GET", J.get_log),
    (PATH + r"/(\d+)/consoleText", "GET", J.get_console), (PATH + r"/(\d+)/artifact/(.+)", "GET", J.get_artifact),
    (PATH + r"/(\d+)/submitDescription", "POST", J.describe), (PATH + "?/createItem", "POST", J.create),
    (PATH + "/config.xml", "GET", J.get_config), (PATH + "/config.xml", "POST", J.put_config),
    (PATH + "/?", "GET", J.get_job),
]
