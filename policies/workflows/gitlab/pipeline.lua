-- GitLab CI: scripts, images and what is included from elsewhere.

local SCRIPTS = { "before_script", "script", "after_script" }

local function lines(job) -- function over every line of every script: list, index, text
  local found = {}
  for _, name in ipairs(SCRIPTS) do
    local script = job[name]
    if type(script) == "string" then
      table.insert(found, { path = name, text = script })
    else
      for i, text in ipairs(script) do
        if type(text) == "string" then
          table.insert(found, { path = name .. "[" .. (i - 1) .. "]", text = text })
        end
      end
    end
  end
  return ipairs(found)
end

local function runs(text, words)
  for _, c in ipairs(shell.commands(text)) do
    for _, word in ipairs(words) do
      if c.name == word then
        return c
      end
    end
  end
  return nil
end

local SECRET_WORDS = { "PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY" }

return {
  {
    id = "gitlab-variables-to-network",
    title = "Scripts do not send CI variables away",
    severity = "HIGH",
    applies_to = "gitlab:job",
    aliases = { "CKV_GITLABCI_1" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 200 },
    description = "curl or wget with a CI variable in its arguments may carry tokens of the pipeline off.",
    remediation = "Use a program of the service, and a variable that holds only what it needs.",
    check = function(job)
      for _, l in lines(job) do
        local c = runs(l.text, { "curl", "wget" })
        for _, arg in ipairs(c.args) do
          if arg:contains("$CI_") or arg:contains("${CI_") then
            fail(job, l.path, "a CI variable is sent with " .. c.name)
            break
          end
        end
      end
    end,
  },
  {
    id = "gitlab-double-pipeline",
    title = "Rules do not start two pipelines for one push",
    severity = "LOW",
    applies_to = "gitlab:job",
    aliases = { "CKV_GITLABCI_2" },
    cwe = { 770 },
    description = "A rule for merge requests beside one for pushes runs the job twice on every push to an open merge request.",
    remediation = "Decide with workflow:rules which pipeline runs.",
    check = function(job)
      local merge, push = false, nil
      for i, rule in ipairs(job.rules) do
        local text = rule["if"]
        if type(text) == "string" and rule.when ~= "never" then
          text = text:replace(" ", "")
          merge = merge or text:contains("$CI_PIPELINE_SOURCE==\"merge_request_event\"")
          if text:contains("$CI_PIPELINE_SOURCE==\"push\"") then
            push = i - 1
          end
        end
      end
      if merge and push then
        fail(job, "rules[" .. push .. "]", "a push to an open merge request starts the job twice")
      end
    end,
  },
  {
    id = "gitlab-image-tag",
    title = "Images of jobs have a fixed version",
    severity = "LOW",
    applies_to = { "gitlab:job", "gitlab" },
    aliases = { "CKV_GITLABCI_3" },
    frameworks = { ["nist-ssdf"] = "PW.4.1" },
    cwe = { 829 },
    description = "`latest` is another image tomorrow: what was tested is not what runs.",
    remediation = "Name a version, better a digest.",
    check = function(r)
      local function judge(where, path, reference)
        local image = type(reference) == "string" and not is_template(reference) and image.parse(reference)
        if image and image.digest == nil and (image.tag == nil or image.tag == "latest") then
          fail(where, path, "the image has no fixed version")
        end
      end
      if type(r.image) == "string" then
        judge(r, "image", r.image)
      else
        judge(r, "image.name", r.image.name)
      end
      for i, s in ipairs(r.services) do
        if type(s) == "string" then
          judge(r, "services[" .. (i - 1) .. "]", s)
        else
          judge(s, "name", s.name)
        end
      end
    end,
  },
  {
    id = "gitlab-secret-variable",
    title = "Secrets are not written into the pipeline",
    severity = "HIGH",
    applies_to = { "gitlab", "gitlab:job" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 798 },
    description = "A password in the file is in the repository and in every clone of it.",
    remediation = "Define it as a masked, protected variable of the project.",
    check = function(r)
      for name, value in pairs(r.variables) do
        if type(value) == "table" then
          value = value.value
        end
        if type(value) == "string" and value ~= "" and not value:contains("$") then
          for _, word in ipairs(SECRET_WORDS) do
            if tostring(name):upper():endswith(word) then
              fail(r, "variables." .. tostring(name), "the value of " .. tostring(name) .. " is written in clear")
              break
            end
          end
        end
      end
    end,
  },
  {
    id = "gitlab-include-unpinned",
    title = "Included files of others have a fixed version",
    severity = "MEDIUM",
    applies_to = "gitlab",
    frameworks = { ["nist-ssdf"] = "PW.4.1" },
    cwe = { 829 },
    description = "Whoever can change the included file runs commands in this pipeline, with its variables.",
    remediation = "Name a commit or tag in `ref`; give remote files an `integrity` digest, or copy them.",
    check = function(r)
      local include = r.include
      if type(include) == "string" then
        if include:startswith("http://") or include:startswith("https://") then
          fail(r, "include", "a remote file is included without a digest")
        end
        return
      end
      if include.remote ~= nil or include.project ~= nil then
        include = { include }
      end
      for i, item in ipairs(include) do
        local path = "include[" .. (i - 1) .. "]"
        local remote = type(item) == "string" and item or item.remote
        if type(remote) == "string" and remote:contains("://") and item.integrity == nil then
          fail(r, path, "a remote file is included without a digest")
        elseif item.project ~= nil and item.ref == nil then
          fail(r, path, "a file of another project is included without `ref`")
        end
      end
    end,
  },
  {
    id = "gitlab-piped-installer",
    title = "Scripts do not run what they download unseen",
    severity = "MEDIUM",
    applies_to = "gitlab:job",
    frameworks = { ["nist-ssdf"] = "PW.4.1" },
    cwe = { 494 },
    description = "curl | sh runs whatever the server sends today.",
    remediation = "Download a fixed version, check its digest, then run it.",
    check = function(job)
      for _, l in lines(job) do
        local bar = l.text:find("|")
        if bar and runs(l.text:sub(1, bar - 1), { "curl", "wget" }) and
            runs(l.text:sub(bar + 1), { "sh", "bash" }) then
          fail(job, l.path, "a download is piped into a shell")
        end
      end
    end,
  },
  {
    id = "gitlab-security-job-may-fail",
    title = "Security jobs stop the pipeline when they fail",
    severity = "MEDIUM",
    applies_to = "gitlab:job",
    frameworks = { ["nist-ssdf"] = "PW.7.2" },
    cwe = { 693 },
    description = "With allow_failure a scanner that finds something, or crashes, is a yellow mark that nobody opens.",
    remediation = "Remove `allow_failure: true` from the job.",
    check = function(job)
      local name = resource_name(job):lower()
      if not (name:contains("sast") or name:contains("scan") or name:contains("security") or
          name:contains("secret_detection") or name:contains("audit")) then
        return not_applicable("no security job")
      elseif job.allow_failure == true then
        fail(job, "allow_failure", "the job may fail unseen", { set = false })
      end
    end,
  },
}
