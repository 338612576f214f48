"""Links between the documents lead somewhere; commands that the README shows exist."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def documents():
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                         cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / p for p in out.splitlines() if (ROOT / p).is_file()]


class Documents(unittest.TestCase):
    def test_links(self):
        broken = []
        for doc in documents():
            text = re.sub(r"```.*?```", "", doc.read_text(), flags=re.DOTALL)
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", target) or target.startswith("#"):
                    continue
                if not (doc.parent / target.split("#")[0]).exists():
                    broken.append(f"{doc.relative_to(ROOT)}: {target}")
        self.assertEqual(broken, [])

    def test_every_page_is_linked(self):
        linked = set()
        for doc in documents():
            for target in re.findall(r"\]\(([^)\s]+)\)", doc.read_text()):
                linked.add((doc.parent / target.split("#")[0]).resolve())
        for page in (ROOT / "docs").rglob("*.md"):
            self.assertTrue(page in linked, f"nothing links to {page.relative_to(ROOT)}")

    def test_scripts_that_documents_name_exist(self):
        for doc in documents():
            for script in re.findall(r"\b(scripts/[\w-]+\.(?:sh|py))", doc.read_text()):
                self.assertTrue((ROOT / script).exists(), f"{doc.relative_to(ROOT)}: {script}")

    def test_every_plugin_is_in_the_readme(self):
        readme = (ROOT / "README.md").read_text()
        for folder in (ROOT / "plugins" / "scanners").iterdir():
            if (folder / "CMakeLists.txt").exists():
                self.assertTrue(f"| `{folder.name}` |" in readme, f"{folder.name} is not named")
                self.assertTrue((folder / "README.md").exists(), f"{folder.name} has no README.md")


if __name__ == "__main__":
    unittest.main(verbosity=2)
