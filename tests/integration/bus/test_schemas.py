"""docs/events: every schema is one, its example fits, and so does every event that the store writes."""
import copy
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

try:
    import jsonschema
    from referencing import Registry, Resource
except ImportError:
    jsonschema = None

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs/events"
PROGRAM = pathlib.Path(os.environ.get("SECUREOPS_BUILD", ROOT / "build")) / "tests/integration_bus_produce"


def schemas():
    return {p.name.removesuffix(".schema.json"): json.loads(p.read_text())
            for p in sorted(DOCS.glob("*.schema.json"))}


def closed(schema):
    """The same, but unknown members are errors: what is written and not documented."""
    if isinstance(schema, list):
        return [closed(v) for v in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: v if k in ("examples", "required", "enum") else closed(v) for k, v in schema.items()}
    if out.get("type") == "object" and "properties" in out:
        out["additionalProperties"] = False
    return out


@unittest.skipUnless(jsonschema, "python's jsonschema is not installed (pip install jsonschema)")
class Schemas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schemas = schemas()

    def validator(self, name, strict=False):
        all_ = {n: closed(copy.deepcopy(s)) if strict else s for n, s in self.schemas.items()}
        registry = Registry().with_resources(
            (s["$id"], Resource.from_contents(s)) for s in all_.values())
        return jsonschema.Draft202012Validator(
            all_[name], registry=registry,
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)

    def test_every_schema_is_one_and_its_example_fits(self):
        self.assertGreaterEqual(len(self.schemas), 20)
        for name, schema in self.schemas.items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)
                self.assertEqual(schema["$id"], f"{name}.schema.json")
                if name == "envelope":
                    continue
                self.assertEqual(schema["properties"]["event_type"], {"const": name})
                for strict in (False, True):
                    for example in schema["examples"]:
                        self.validator(name, strict).validate(example)

    def test_wrong_ones_do_not_fit(self):
        sample = self.schemas["security.scan.started"]["examples"][0]
        for change in ({"event_id": 7}, {"event_type": "security.scan.completed"}, {"version": "2.0"},
                       {"data": {}}, {"data": []}):
            with self.subTest(change), self.assertRaises(jsonschema.ValidationError):
                self.validator("security.scan.started").validate({**sample, **change})

    def test_what_the_store_writes_fits(self):
        with tempfile.TemporaryDirectory() as tmp:
            out = pathlib.Path(tmp) / "events"
            done = subprocess.run([PROGRAM], env={**os.environ, "SECUREOPS_EVENTS_OUT": str(out)},
                                  capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            events = [json.loads(line) for line in out.read_text().splitlines()]
        seen = set()
        for event in events:
            kind = event["event_type"]
            seen.add(kind)
            with self.subTest(kind):
                self.assertIn(kind, self.schemas, "a type without a schema")
                self.validator(kind, strict=True).validate(event)
        self.assertLessEqual({"security.scan.requested", "security.scan.started",
                              "security.scan.completed", "security.scan.rejected",
                              "security.vulnerability.detected", "security.vulnerability.resolved",
                              "notification.alert"}, seen)

    def test_the_catalogue_has_all(self):
        text = (DOCS / "README.md").read_text()
        listed = set(re.findall(r"\(([a-z.]+)\.schema\.json\)", text))
        self.assertEqual(listed, set(self.schemas))


if __name__ == "__main__":
    unittest.main()
