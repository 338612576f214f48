-- What RUN executes.

local docker = import("docker")

local UPDATES = {
  ["apt-get"] = docker.set("update"), apt = docker.set("update"), aptitude = docker.set("update"),
  apk = docker.set("update"), yum = docker.set("update"), dnf = docker.set("update"),
  pacman = docker.set("-Sy", "-Syy"), zypper = docker.set("refresh", "ref"), tdnf = docker.set("update"),
}
local INSTALLS = docker.set("install", "in", "add", "upgrade", "dist-upgrade", "full-upgrade", "source-install", "build-dep",
                            "reinstall", "groupinstall", "localinstall", "-S", "-Syu", "-Su", "dup")
local FAMILY = { apt = "apt-get", aptitude = "apt-get", dnf = "yum", tdnf = "yum" }
local SHELLS = docker.set("sh", "bash", "ash", "dash", "zsh", "ksh", "csh", "tcsh", "fish", "powershell", "pwsh")

-- The first command of the RUN that updates lists which nothing after it in this RUN uses.
local function update_alone(r)
  local update, family
  for _, c in ipairs(r.commands) do
    local verbs, verb = UPDATES[c.name], docker.verb(c)
    local name = FAMILY[c.name] or c.name
    if c.name == "pacman" then
      verb = c.args[1]
    end
    if verbs and verbs[verb] then
      update, family = update or c, family or name
    elseif verbs and INSTALLS[verb] and name == family or c.name == "install" then
      update, family = nil, nil
    end
  end
  return update
end

-- Options of a shell that make a pipe fail when one of its commands does.
local function pipefail(list)
  for _, a in ipairs(list) do
    if a == "pipefail" then
      return true
    end
  end
  return false
end

local POWERSHELL = docker.set("powershell", "pwsh", "powershell.exe", "pwsh.exe")

local INTERACTIVE = docker.set("ps", "top", "htop", "free", "shutdown", "reboot", "service", "kill", "mount", "ifconfig",
                               "nano", "vim", "vi", "emacs", "less", "more", "ssh", "man")

return {
  {
    id = "docker-apt",
    title = "RUN uses apt-get, not apt",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3027", "CKV_DOCKER_9", "kics:b84a0b47-2e99-4c9f-8933-98bcabe2b94d" },
    description = "apt is made for people: its interface may change between versions.",
    remediation = "Use apt-get and apt-cache.",
    check = function(r)
      for _, c in ipairs(docker.named(r, docker.set("apt"))) do
        fail(c, "", "RUN uses apt", { replace = "apt", with = "apt-get" })
      end
    end,
  },
  {
    id = "docker-update-alone",
    title = "Lists are updated in the RUN that installs",
    severity = "MEDIUM",
    applies_to = "dockerfile:RUN",
    aliases = { "CKV_DOCKER_5", "DS-0017", "kics:9bae49be-0aa3-4de5-bab2-4c3a069e40cd" },
    frameworks = { ["cis-docker"] = "4.7" },
    description = "A layer that only updates is taken from the cache for months: what is installed after it is old, or gone.",
    remediation = "RUN apt-get update && apt-get install -y ...",
    check = function(r)
      local c = update_alone(r)
      if c then
        fail(c, c.name .. " updates its lists, and nothing in this RUN installs from them")
      end
    end,
  },
  {
    id = "docker-dist-upgrade",
    title = "The distribution is not upgraded",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3005", "DS-0024" },
    description = "An upgrade of everything makes the result depend on the day, and may cross to another release.",
    remediation = "Take a newer base image.",
    check = function(r)
      for _, c in ipairs(docker.named(r, docker.apt.names)) do
        if docker.verb(c, docker.apt.valued) == "dist-upgrade" then
          fail(c, c.name .. " dist-upgrade")
        end
      end
    end,
  },
  {
    id = "docker-run-cd",
    title = "Directories are changed with WORKDIR",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3003", "kics:f4a6bcd3-e231-4acf-993c-aa027be50d2e" },
    description = "cd lasts until the end of its RUN only, and a relative path depends on what came before.",
    remediation = "Use WORKDIR, or cd with an absolute path.",
    check = function(r)
      for _, c in ipairs(docker.named(r, docker.set("cd"))) do
        local to = c.args[1]
        if to and to ~= "-" then
          local absolute = to:startswith("/") or to:startswith("$") or to:startswith("~") or to:sub(2, 2) == ":" or to:startswith("`")
          if not absolute or to:contains("..") then
            fail(c, "cd to " .. to)
          end
        end
      end
    end,
  },
  {
    id = "docker-run-cd-anywhere",
    title = "RUN does not change directories at all",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DS-0013" },
    default = false,
    description = "The strict form of docker-run-cd: absolute paths are refused too.",
    remediation = "Use WORKDIR.",
    check = function(r)
      for _, c in ipairs(docker.named(r, docker.set("cd"))) do
        if c.args[1] then
          fail(c, "cd to " .. c.args[1])
        end
      end
    end,
  },
  {
    id = "docker-wget-and-curl",
    title = "A stage uses either wget or curl",
    severity = "INFO",
    applies_to = "dockerfile:stage",
    aliases = { "DL4001", "DS-0014", "kics:fc775e75-fcfb-4c98-b2f2-910c5858b359" },
    description = "Both do the same; each is a program to keep up to date.",
    remediation = "Decide for one of them.",
    check = function(r)
      local seen = {}
      for _, i in ipairs(docker.of_kind(r, "RUN")) do
        for _, c in ipairs(docker.named(i, docker.set("wget", "curl"))) do
          seen[c.name] = seen[c.name] or c
        end
      end
      if seen.wget and seen.curl then
        fail(seen.curl, "this stage uses wget as well as curl")
      end
    end,
  },
  {
    id = "docker-interactive-programs",
    title = "RUN does not call programs for people",
    severity = "INFO",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3001", "kics:9b6b0f38-92a2-41f9-b881-3a1083d99f1b" },
    description = "Such a program shows or changes what exists only while the image is built.",
    remediation = "Remove the command.",
    check = function(r)
      for _, c in ipairs(docker.named(r, INTERACTIVE)) do
        fail(c, "RUN calls " .. c.name)
      end
    end,
  },
  {
    id = "docker-pipefail",
    title = "A pipe fails when one of its commands fails",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL4006", "kics:efbf148a-67e9-42d2-ac47-02fa1c0d0b22" },
    cwe = { 390 },
    description = "Without pipefail only the last command decides: a download that fails goes unnoticed.",
    remediation = "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"] before the RUN.",
    check = function(r)
      if r.form == "exec" then
        for i, a in ipairs(r.args) do
          if a == "|" then
            fail(r, "args[" .. (i - 1) .. "]", "in JSON form | is a word like others: there is no pipe")
          end
        end
        return
      end
      if r.shell and (pipefail(r.shell) or r.shell[1]:lower():contains("powershell") or r.shell[1]:lower():contains("pwsh")) then
        return
      end
      local safe = false
      for _, c in ipairs(r.commands) do
        if (c.name == "set" or SHELLS[c.name]) and pipefail(c.args) or POWERSHELL[c.name] then
          safe = true
        end
        if c.op == "|" and not safe then
          fail(c, "a failure of " .. c.name .. " in this pipe goes unnoticed")
          return
        end
      end
    end,
  },
  {
    id = "docker-default-shell",
    title = "The shell is changed with SHELL",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL4005", "kics:8a301064-c291-4b20-adcb-403fe7fd95fd" },
    description = "A changed /bin/sh affects every program that counts on it; a shell that is started in each RUN runs within another one, which reads the command first.",
    remediation = "SHELL [\"/bin/bash\", \"-c\"], SHELL [\"powershell\", \"-command\"]",
    check = function(r)
      for i, c in ipairs(r.commands) do
        local last = c.args[#c.args]
        if (c.name == "ln" or c.name == "mv" or c.name == "cp") and (last == "/bin/sh" or last == "/usr/bin/sh") then
          fail(c, "RUN replaces " .. last)
        elseif c.name == "chsh" or c.name == "usermod" and docker.has_arg(c, "-s", "--shell") then
          fail(c, "RUN changes the login shell")
        elseif i == 1 and r.form == "shell" and POWERSHELL[c.name] and not POWERSHELL[(r.shell[1] or ""):lower()] then
          fail(c, "RUN starts " .. c.name .. " in another shell")
        end
      end
    end,
  },
}
