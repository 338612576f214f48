"""What the pages for policy authors show is what the program does."""
import re
import unittest

from harness import GATE, PASSED, SOURCE, Case

BLOCK = re.compile(r"(?ms)^```(\w+) ?(\S*)\n(.*?)^```$")
SHOW = """
local function show(v)
  v = type(v) == "number" and math.tointeger(v) or v
  if type(v) ~= "table" then
    return type(v) == "string" and '"' .. v .. '"' or tostring(v)
  end
  local out = {}
  for key, value in pairs(v) do
    out[#out + 1] = (type(key) == "number" and "" or key .. "=") .. show(value)
  end
  return "{" .. table.concat(out, ",") .. "}"
end
"""
POLICY = """return { {
  id = "the-guide", title = "The guide is right", severity = "LOW", applies_to = "%s",
  scope = "project", remediation = "Correct it.",
  check = function(r)
    %s
%s
  end } }
"""


def blocks(page):
    return BLOCK.findall((SOURCE / "docs" / page).read_text())


class Guide(Case):
    def judge(self, applies_to, before, code_lines, files):
        self.write("pack/guide.lua", SHOW + POLICY % (applies_to, before, code_lines))
        self.run_it("policy", "eval", *files, "--policies", "pack", "--policy", "the-guide",
                    "--format", "json", code=PASSED)

    def test_every_example_of_a_helper(self):
        self.write("Dockerfile", "FROM debian:12\n")
        files, applies_to, before, n = ["Dockerfile"], "dockerfile", "", 0
        for language, name, text in blocks("policy-helpers.md"):
            if "return {" in text or name.startswith("lib/"):
                continue
            if name:
                self.write(name, text)
                files = [name]
                applies_to, before = {
                    "web.yaml": ("kubernetes:Deployment", ""),
                    "tfplan.json": ("terraform:aws_s3_bucket",
                                    'local p = resources("terraform:aws_s3_bucket_policy")[1]'),
                }[name]
            elif language == "lua" and "-->" not in text:
                self.judge(applies_to, before, text, files)
            elif language == "lua":
                lines = [line.split("-->") for line in text.strip().split("\n")]
                n += len(lines)
                self.judge(applies_to, before, "\n".join(
                    f"    if show(({code.strip()})) ~= show({want.strip()}) then fail([==[{code.strip()}]==]"
                    f" .. ' is ' .. show(({code.strip()}))) end" for code, want in lines), files)
        self.assertGreater(n, 50)

    def test_every_helper_has_an_example(self):
        page = "".join(text for language, _, text in blocks("policy-helpers.md") if language == "lua")
        page += "".join(text for language, _, text in blocks("policy-guide.md") if language == "lua")
        page += "".join(re.findall(r"`([^`]+)`", (SOURCE / "docs/policy-helpers.md").read_text()))
        stubs = (SOURCE / "policies/meta/secureops.lua").read_text()
        helpers, actions = stubs.split("-- Workflows: docs/workflows.md")
        code = "".join(text for language, _, text in blocks("workflows.md") if language == "lua")
        for name in re.findall(r"(?m)^function (\w+)\(", actions):
            with self.subTest(name):
                self.assertRegex(code, rf"\b{name} ?[({{]", f"docs/workflows.md has no example of {name}")
        for name in re.findall(r"(?m)^function ([\w.]+)\(", helpers):
            word = name.replace("string.", ":") + "("
            with self.subTest(name):
                self.assertIn(word, page, f"docs/policy-helpers.md has no example of {name}")

    def test_policies_of_the_guide_load(self):
        n = 0
        for page in ("policy-guide.md", "policy-migration.md", "policy-helpers.md"):
            for language, name, text in blocks(page):
                if name.startswith("lib/"):
                    self.write(f"pack/{name}", text)
                elif language == "lua" and re.search(r"(?m)^return \{", text):
                    n += 1
                    self.write(f"pack/policy{n}.lua", text)
        self.assertGreaterEqual(n, 5)
        listed = self.run_it("policy", "list", "--policies", "pack", "--format", "json",
                             code=PASSED).json()["policies"]
        self.assertEqual(len([p for p in listed if p["bundle"].endswith("/pack")]), n)

    def test_cases_of_the_guide(self):
        text = {language: text for language, _, text in reversed(blocks("policy-guide.md"))
                if language in ("lua", "yaml")}
        self.write("pack/k8s-team-label.lua", text["lua"])
        self.write("pack/k8s-team-label.cases.yaml", text["yaml"])
        r = self.run_it("policy", "test", "pack", code=PASSED)
        self.assertIn("2 cases: 2 passed", r.out)

    def test_a_wrong_example_is_found(self):
        self.write("Dockerfile", "FROM debian:12\n")
        self.write("pack/guide.lua", SHOW + POLICY % (
            "dockerfile", "", 'if show({1, "a"}) ~= show({1, "b"}) then fail("wrong") end'))
        self.run_it("policy", "eval", "Dockerfile", "--policies", "pack", "--policy", "the-guide",
                    code=GATE)


if __name__ == "__main__":
    unittest.main()
