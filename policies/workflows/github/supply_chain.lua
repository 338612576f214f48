-- What a workflow trusts, and what it may do.

local github = import("github")

local function is_commit(ref)
  if #ref ~= 40 then
    return false
  end
  for i = 1, 40 do
    local c = ref:sub(i, i):lower()
    if not (c >= "0" and c <= "9" or c >= "a" and c <= "f") then
      return false
    end
  end
  return true
end

local WRITABLE = {
  "actions", "checks", "contents", "deployments", "discussions", "id-token", "issues", "packages",
  "pages", "pull-requests", "repository-projects", "security-events", "statuses", "attestations",
}

-- Whether a workflow runs one of these words in any script or uses one of these actions.
local function mentions(workflow, words)
  for _, job in pairs(workflow.jobs) do
    for _, s in ipairs(job.steps) do
      for _, word in ipairs(words) do
        if type(s.run) == "string" and s.run:contains(word) or
            type(s.uses) == "string" and s.uses:contains(word) then
          return true
        end
      end
    end
  end
  return false
end

local BUILDS = { "docker/build-push-action", "docker push", "ko build", "ko publish", "goreleaser" }

return {
  {
    id = "gha-unpinned-action",
    title = "Actions of others are pinned to a commit",
    severity = "LOW",
    applies_to = { "github:step", "github:job" },
    aliases = { "kics:555ab8f9-2001-455e-a077-f2d0f41e2fb9" },
    frameworks = { ["nist-ssdf"] = "PW.4.1" },
    cwe = { 829 },
    params = { trusted = { "actions/" } },
    description = "A tag or branch can be moved to other code by whoever owns, or takes over, the repository of the action.",
    remediation = "Write the full commit and the version as a comment: uses: owner/action@<40 hex digits> # v1.2.3",
    check = function(r, params)
      local uses = r.uses
      if uses == nil then
        return not_applicable("uses no action")
      end
      if uses:startswith("./") or uses:startswith("../") then
        return
      elseif uses:startswith("docker://") then
        if not uses:contains("@sha256:") then
          fail(r, "uses", "the image has no digest")
        end
        return
      end
      for _, prefix in ipairs(params.trusted) do
        if uses:startswith(prefix) then
          return
        end
      end
      local at = uses:find("@")
      if not at then
        fail(r, "uses", "the action has no version")
      elseif not is_commit(uses:sub(at + 1)) then
        fail(r, "uses", "the action is not pinned to a commit: " .. uses)
      end
    end,
  },
  {
    id = "gha-write-all",
    title = "The token of a workflow may not write everything",
    severity = "HIGH",
    applies_to = { "github", "github:job" },
    aliases = { "CKV2_GHA_1" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 250 },
    description = "With write-all every step, and every action that it uses, can change code, releases and packages.",
    remediation = "List the permissions that are needed, as `contents: read`.",
    check = function(r)
      if r.permissions == "write-all" then
        fail(r, "permissions", "the token may write everything", { set = { contents = "read" } })
      end
    end,
  },
  {
    id = "gha-no-permissions",
    title = "Workflows say what their token may do",
    severity = "LOW",
    applies_to = "github",
    aliases = { "CKV2_GHA_1" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 250 },
    description = "Without `permissions` the token gets the default of the repository, which may be to write everything.",
    remediation = "Add `permissions: {contents: read}` at the top, and more in single jobs.",
    check = function(w)
      if has(w, "permissions") then
        return
      end
      for name, job in pairs(w.jobs) do
        if not has(job, "permissions") then
          fail(w, "permissions", "neither the workflow nor the job " .. tostring(name) .. " says what the token may do")
          return
        end
      end
    end,
  },
  {
    id = "gha-broad-permissions",
    title = "Permissions to write are given to jobs, not to the whole workflow",
    severity = "LOW",
    applies_to = "github",
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 250 },
    default = false,
    description = "A permission at the top is there for every job, also for those that only run tests.",
    remediation = "Move `: write` permissions to the jobs that need them.",
    check = function(w)
      for _, scope in ipairs(WRITABLE) do
        if w.permissions[scope] == "write" then
          fail(w, "permissions." .. scope, "every job may write " .. scope)
        end
      end
    end,
  },
  {
    id = "gha-dispatch-inputs",
    title = "Builds take no parameters from whoever starts them",
    severity = "LOW",
    applies_to = "github",
    aliases = { "CKV_GHA_7" },
    frameworks = { ["nist-ssdf"] = "PO.3.2" },
    cwe = { 829 },
    default = false,
    description = "For a provenance that can be trusted, what is built depends on the source alone (SLSA, level 4 of version 0.1).",
    remediation = "Remove the inputs of workflow_dispatch.",
    check = function(w)
      local on = w.on
      if type(on) == "table" and next(on.workflow_dispatch.inputs) ~= nil then
        fail(w, "on.workflow_dispatch.inputs", "the build takes parameters")
      end
    end,
  },
  {
    id = "gha-unsigned-artifact",
    title = "Images that are built are signed",
    severity = "LOW",
    applies_to = "github",
    aliases = { "CKV_GHA_5" },
    frameworks = { ["nist-ssdf"] = "PS.2.1" },
    cwe = { 353 },
    default = false,
    description = "Without a signature nobody can tell an image of this pipeline from another with its name.",
    remediation = "Sign the digest that was pushed: cosign sign IMAGE@DIGEST.",
    check = function(w)
      if not mentions(w, BUILDS) then
        return not_applicable("builds no image")
      elseif not mentions(w, { "cosign sign", "sigstore/gh-action-sigstore", "actions/attest-build-provenance", "slsa-framework/" }) then
        fail("an image is built, but not signed")
      end
    end,
  },
  {
    id = "gha-no-sbom",
    title = "Images that are built have an attested bill of materials",
    severity = "LOW",
    applies_to = "github",
    aliases = { "CKV_GHA_6" },
    frameworks = { ["nist-ssdf"] = "PS.3.2" },
    cwe = { 353 },
    default = false,
    description = "The bill of materials answers which images hold a library that turns out to be vulnerable.",
    remediation = "Attest it: cosign attest --predicate sbom.json --type cyclonedx IMAGE@DIGEST.",
    check = function(w)
      if not mentions(w, BUILDS) then
        return not_applicable("builds no image")
      elseif not mentions(w, { "cosign attest", "actions/attest-sbom" }) then
        fail("an image is built without an attested bill of materials")
      end
    end,
  },
  {
    id = "gha-inherited-secrets",
    title = "Reusable workflows get single secrets",
    severity = "MEDIUM",
    applies_to = "github:job",
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 200 },
    description = "`secrets: inherit` hands every secret to a workflow that may lie in another repository.",
    remediation = "Name the secrets: secrets: {TOKEN: ${{ secrets.TOKEN }}}.",
    check = function(job)
      if type(job.uses) ~= "string" then
        return not_applicable("calls no workflow")
      elseif job.secrets == "inherit" and not job.uses:startswith("./") then
        fail(job, "secrets", "all secrets are handed to " .. job.uses)
      end
    end,
  },
  {
    id = "gha-image-tag",
    title = "Container images of jobs have a fixed version",
    severity = "LOW",
    applies_to = "github:job",
    frameworks = { ["nist-ssdf"] = "PW.4.1" },
    cwe = { 829 },
    description = "`latest` is another image tomorrow: what was tested is not what runs.",
    remediation = "Name a version, better a digest.",
    check = function(job)
      local function judge(where, path, reference)
        local image = type(reference) == "string" and image.parse(reference)
        if image and image.digest == nil and (image.tag == nil or image.tag == "latest") then
          fail(where, path, "the image has no fixed version")
        end
      end
      if type(job.container) == "string" then
        judge(job, "container", job.container)
      else
        judge(job, "container.image", job.container.image)
      end
      for name, service in pairs(job.services) do
        judge(service, "image", service.image)
      end
    end,
  },
}
