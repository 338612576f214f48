"""Serves the recorded answers of a row of api_sonarqube from a loopback server, as a SonarQube
server would give them, and lets the plugin scan that project."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "integration"))
from http_standin import Standin  # noqa: E402

VERSION = "10.3.0.82913"


def load(root, name):
    with open(os.path.join(root, name), encoding="utf-8") as f:
        return json.load(f)


def page(name, items):
    return {"paging": {"pageIndex": 1, "pageSize": 500, "total": len(items)}, name: items,
            "components": []}


def rules_of(root, files):
    """`files`: project, issues or hotspots, rule."""
    project, items, rule = (load(root, f) for f in files)
    hotspots = "/hotspots/" in files[1]
    project = dict(project, analysisDate=project.get("lastAnalysisDate"))
    answers = {
        "/api/server/version": {"body": VERSION},
        "/api/system/status": {"json": {"status": "UP", "version": VERSION}},
        "/api/components/show": {"json": {"component": project}},
        "/api/issues/search": {"json": page("issues", [] if hotspots else items)},
        "/api/hotspots/search": {"json": page("hotspots", items if hotspots else [])},
        "/api/rules/show": {"json": {"rule": rule}},
        "/api/hotspots/show": {"json": {"rule": rule}},
        "/api/qualitygates/project_status": {"json": {"projectStatus": {"status": "OK"}}},
    }
    return project["key"], [{"path": p, "answers": [a]} for p, a in answers.items()]


def scan(worker, root, files):
    key, rules = rules_of(root, files)
    with Standin(rules) as server:
        return worker.scan("sonarqube", "/", None, options={
            "url": server.url, "project_key": key, "analyze": "never", "rate": 0.0})
