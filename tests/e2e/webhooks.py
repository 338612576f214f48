"""GitHub's side of webhooks: payloads as small as they may be, signed."""
import hashlib
import hmac
import json
import uuid

SECRET = "It's a Secret to Everybody"
REPOSITORY = {"id": 1, "name": "shop", "full_name": "acme/shop", "default_branch": "main",
              "owner": {"login": "acme"}, "clone_url": "https://127.0.0.1:1/acme/shop.git",
              "html_url": "https://127.0.0.1:1/acme/shop"}
SENDER = {"login": "kim"}


def sha(n):
    return hashlib.sha1(str(n).encode()).hexdigest()


def push(n, branch="main", before=None):
    return "push", {
        "ref": f"refs/heads/{branch}", "before": sha(before if before is not None else n - 1),
        "after": sha(n), "created": False, "deleted": False, "forced": False,
        "repository": REPOSITORY, "sender": SENDER, "pusher": {"name": "kim"},
        "head_commit": {"id": sha(n), "timestamp": "2026-11-20T09:30:00Z", "message": "change",
                        "author": {"name": "Kim", "username": "kim"}},
        "commits": [{"id": sha(n), "timestamp": "2026-11-20T09:30:00Z", "message": "change",
                     "author": {"name": "Kim", "username": "kim"}, "added": [], "removed": [],
                     "modified": ["a.py"]}]}


def pull_request(number, n, action="opened", fork=None):
    head = dict(REPOSITORY, full_name=f"{fork}/shop", id=2, owner={"login": fork},
                clone_url=f"https://127.0.0.1:1/{fork}/shop.git") if fork else REPOSITORY
    return "pull_request", {
        "action": action, "number": number, "repository": REPOSITORY, "sender": SENDER,
        "pull_request": {
            "id": 7, "number": number, "state": "open", "merged": False, "draft": False,
            "title": "A change", "user": SENDER, "created_at": "2026-11-20T09:00:00Z",
            "html_url": f"https://127.0.0.1:1/acme/shop/pull/{number}",
            "head": {"ref": "fix", "sha": sha(n), "repo": head},
            "base": {"ref": "main", "sha": sha(1), "repo": REPOSITORY}}}


def workflow_run(run, status, conclusion=None, n=1, head=REPOSITORY):
    return "workflow_run", {
        "action": "completed" if conclusion else "in_progress", "repository": REPOSITORY,
        "sender": SENDER, "workflow": {"id": 5, "name": "CI"},
        "workflow_run": {
            "id": run, "name": "CI", "run_attempt": 1, "head_branch": "main", "head_sha": sha(n),
            "status": status, "conclusion": conclusion, "event": "push", "actor": SENDER,
            "html_url": f"https://127.0.0.1:1/acme/shop/actions/runs/{run}",
            "pull_requests": [], "head_repository": head,
            "created_at": "2026-11-20T09:30:00Z", "run_started_at": "2026-11-20T09:30:10Z",
            "updated_at": "2026-11-20T09:33:10Z"}}


def workflow_job(run, job, name, status, conclusion=None):
    return "workflow_job", {
        "action": "completed" if conclusion else status, "repository": REPOSITORY, "sender": SENDER,
        "workflow_job": {
            "id": job, "run_id": run, "run_attempt": 1, "name": name, "workflow_name": "CI",
            "head_branch": "main", "head_sha": sha(1), "status": status, "conclusion": conclusion,
            "html_url": "https://127.0.0.1:1/acme/shop/actions/jobs/1", "steps": [],
            "created_at": "2026-11-20T09:30:05Z", "started_at": "2026-11-20T09:30:10Z",
            "completed_at": "2026-11-20T09:31:10Z" if conclusion else None}}


def signed(event, payload, delivery=None, secret=SECRET, body=None):
    """(body, headers) of a delivery."""
    body = json.dumps(payload).encode() if body is None else body
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return body, {"Content-Type": "application/json", "X-GitHub-Event": event,
                  "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
                  "X-Hub-Signature-256": f"sha256={digest}", "User-Agent": "GitHub-Hookshot/1"}


def config(folder, more="", **secrets):
    """A configuration with integrations of GitHub: the secrets in files of the folder."""
    text = "integrations:\n"
    for name, secret in {"github": SECRET, **secrets}.items():
        path = folder / f"hook-{name}"
        path.write_text(secret)
        path.chmod(0o600)
        text += (f"  {name}:\n    plugin: github\n    webhook_secret: [\"file:{path}\"]\n"
                 f"    flood_rate: 0\n{more}")
    return text
