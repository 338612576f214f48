-- Package managers: unattended, pinned, verified in their result, and without leftovers.

local docker = import("docker")

-- Makes a check that looks at every installation of a manager.
local function each_install(manager, judge)
  return function(r)
    for _, i in ipairs(docker.installs(r, manager)) do
      local message, fix = judge(i.command, i.packages, r)
      if message then
        fail(i.command, "", message, r.form == "shell" and fix or nil) -- a word of JSON is not two
      end
    end
  end
end

local function unpinned(is_pinned)
  return function(_, packages)
    for _, p in ipairs(packages) do
      local scoped = p:startswith("@") and not p:contains("$") -- @scope/name of npm
      if (scoped or not docker.is_local(p)) and not is_pinned(p) then
        return p .. " is installed in whatever version there is"
      end
    end
  end
end

local function with_equals(p)
  return p:contains("=") or p:contains("<") or p:contains(">") or p:contains("~")
end

-- name-1.2: a hyphen and a digit.
local function with_version(p)
  for digit = 0, 9 do
    if p:contains("-" .. digit) then
      return true
    end
  end
  return p:contains("=")
end

local function says_yes(c)
  return docker.has_arg(c, "--yes", "--assume-yes", "--assumeyes", "-y") or docker.has_flag(c, "y")
end

-- Whether a command of the RUN after `last` cleans up: `clean` of the manager, or rm of its directory.
local function cleaned(r, names, verbs, directories, last)
  local after = false
  for _, c in ipairs(r.commands) do
    if not after then
      after = c == last
    elseif names[c.name] then
      for _, a in ipairs(c.args) do
        if verbs[a] then
          return true
        end
      end
    elseif c.name == "rm" then
      for _, a in ipairs(c.args) do
        for _, d in ipairs(directories) do
          if a:contains(d) then
            return true
          end
        end
      end
    end
  end
  return docker.cached(r)
end

local function clean_check(manager, names, verbs, directories, message)
  return function(r)
    if not docker.shipped(parent(r)) then
      not_applicable("a stage that is left behind")
    end
    local all = docker.installs(r, manager)
    if #all > 0 and not cleaned(r, names, verbs, directories, all[#all].command) then
      fail(all[#all].command, message)
    end
  end
end

local PIP = { names = docker.set("pip", "pip3", "pip2"), verbs = docker.set("install"),
              valued = docker.set("-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-t", "--target", "--trusted-host", "-f", "--find-links", "--prefix", "--root", "-e", "--editable", "--timeout", "--cert", "--proxy", "--retries", "--platform") }
local NPM = { names = docker.set("npm"), verbs = docker.set("install", "i", "add"),
              valued = docker.set("--prefix", "--registry", "--cache", "-w", "--workspace", "--loglevel", "--tag") }
local GEM = { names = docker.set("gem"), verbs = docker.set("install"),
              valued = docker.set("-v", "--version", "-s", "--source", "-i", "--install-dir", "-n", "--bindir", "-P", "--trust-policy") }

local function with_at(p)
  return p:sub(2):contains("@") or p:contains("://") or p:startswith("git") or p:endswith(".tgz")
end

local function pip_keeps_cache(c, _, r)
  if docker.has_arg(c, "--no-cache-dir") or docker.cached(r) then
    return
  end
  local env = c.env.PIP_NO_CACHE_DIR
  for _, i in ipairs(parent(r).instructions) do
    if i.instruction == "ENV" or i.instruction == "ARG" then
      for _, p in ipairs(i.pairs) do
        if p.key == "PIP_NO_CACHE_DIR" then
          env = true
        end
      end
    end
  end
  if env == nil then
    return "pip keeps what it downloads: --no-cache-dir is missing", { replace = "install", with = "install --no-cache-dir" }
  end
end

local function clean(id, title, aliases, manager, verbs, directories, message)
  return {
    id = id,
    title = title,
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = aliases,
    description = "What the package manager downloaded stays in the layer, also when a later one removes it.",
    remediation = "Clean up in the same RUN, or keep the cache out with --mount=type=cache.",
    check = clean_check(manager, manager.names, verbs, directories, message),
  }
end

local function pin(id, title, aliases, manager, is_pinned)
  return {
    id = id,
    title = title,
    severity = "MEDIUM",
    applies_to = "dockerfile:RUN",
    aliases = aliases,
    frameworks = { ["cis-docker"] = "4.11" },
    default = false,
    cwe = { 1104 },
    description = "Without a version two builds of the same file give different programs, and a bad release is taken as it comes.",
    remediation = "Write the version behind each package.",
    check = each_install(manager, unpinned(is_pinned)),
  }
end

local function unattended(id, title, aliases, manager, is_unattended)
  return {
    id = id,
    title = title,
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = aliases,
    description = "Nobody answers questions during a build: it fails, or hangs.",
    remediation = "Add the option that answers yes.",
    check = each_install(manager, function(c)
      if not is_unattended(c) then
        return c.name .. " asks before it installs", { replace = "install", with = "install -y" }
      end
    end),
  }
end

local APT_GET = { names = docker.set("apt-get"), verbs = docker.apt.verbs, valued = docker.apt.valued }
local SUSE = docker.set("-y", "-n", "--no-confirm", "--non-interactive")
local SUSE_INSTALL = { names = docker.zypper.names, verbs = docker.set("install", "in"), valued = docker.zypper.valued }

-- -y, -qy, -qq, -q -q, -q=2
local function apt_unattended(c)
  local quiet = 0
  for _, a in ipairs(c.args) do
    if a == "-q" or a == "--quiet" then
      quiet = quiet + 1
    elseif a:startswith("-q=") or a:startswith("--quiet=") then
      quiet = tonumber(a:split("=")[2]) or quiet
    elseif a:startswith("-") and not a:startswith("--") and a:contains("qq") then
      quiet = 2
    end
  end
  return quiet > 1 or says_yes(c)
end

return {
  unattended("docker-apt-get-unattended", "apt-get install does not ask", { "DL3014", "DS-0021", "kics:77783205-c4ca-4f80-bb80-c777f267c547" },
             APT_GET, apt_unattended),
  unattended("docker-yum-unattended", "yum install does not ask", { "DL3030", "kics:6e19193a-8753-436d-8a09-76dcff91bb03" },
             docker.yum, says_yes),
  unattended("docker-dnf-unattended", "dnf install does not ask", { "DL3038", "kics:7ebd323c-31b7-4e5b-b26f-de5e9e477af8" },
             docker.dnf, says_yes),
  {
    id = "docker-zypper-unattended",
    title = "zypper install does not ask",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3034", "kics:45e1fca5-f90e-465d-825f-c2cb63fa3944" },
    description = "Nobody answers questions during a build: it fails, or hangs.",
    remediation = "zypper --non-interactive install ...",
    check = function(r)
      if not docker.shipped(parent(r)) then
        not_applicable("a stage that is left behind")
      end
      for _, i in ipairs(docker.installs(r, docker.zypper)) do
        local answered = says_yes(i.command)
        for _, a in ipairs(i.command.args) do
          answered = answered or SUSE[a] == true
        end
        if not answered then
          fail(i.command, "zypper asks before it installs")
        end
      end
    end,
  },
  {
    id = "docker-apt-get-recommends",
    title = "apt-get installs what is named, not what is recommended",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3015", "DS-0029", "kics:7384dfb2-fcd1-4fbf-91cd-6c44c318c33c" },
    frameworks = { ["cis-docker"] = "4.3" },
    description = "Recommended packages are weight and attack surface that nobody asked for.",
    remediation = "apt-get install --no-install-recommends ...",
    check = each_install(APT_GET, function(c)
      if docker.has_arg(c, "--no-install-recommends") then
        return
      end
      for _, a in ipairs(c.args) do
        local s = a:lower()
        if s:contains("apt::install-recommends=0") or s:contains("apt::install-recommends=false") or
           s:contains("apt::install-recommends=no") then
          return
        end
      end
      return "apt-get installs recommended packages too", { replace = "install", with = "install --no-install-recommends" }
    end),
  },
  clean("docker-apt-get-lists", "apt-get install leaves no lists or packages", { "DL3009", "kics:df746b39-6564-4fed-bf85-e9c44382303c" }, APT_GET,
        docker.set("clean", "distclean"), { "/var/lib/apt", "/var/cache/apt" }, "the package lists stay in the image"),
  clean("docker-yum-clean", "yum install leaves no cache", { "DL3032", "DS-0015", "kics:00481784-25aa-4a55-8633-3136dfcf4f37" }, docker.yum,
        docker.set("clean"), { "/var/cache/yum", "/var/cache" }, "yum clean all is missing"),
  clean("docker-dnf-clean", "dnf install leaves no cache", { "DL3040", "DS-0019", "kics:295acb63-9246-4b21-b441-7c1f1fb62dc0" }, docker.dnf,
        docker.set("clean"), { "/var/cache/dnf", "/var/cache/yum", "/var/cache" }, "dnf clean all is missing"),
  clean("docker-microdnf-clean", "microdnf install leaves no cache", { "DS-0027" }, docker.microdnf,
        docker.set("clean"), { "/var/cache/yum", "/var/cache" }, "microdnf clean all is missing"),
  clean("docker-zypper-clean", "zypper leaves no cache", { "DL3036", "DS-0020", "kics:38300d1a-feb2-4a48-936a-d1ef1cd24313" }, SUSE_INSTALL,
        docker.set("clean", "cc"), { "/var/cache/zypp", "/var/cache" }, "zypper clean is missing"),
  {
    id = "docker-apk-no-cache",
    title = "apk add leaves no index",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3019", "DS-0025", "kics:ae9c56a6-3ed1-4ac0-9b54-31267f51151d" },
    description = "Without --no-cache the package index stays in the image.",
    remediation = "apk add --no-cache ...",
    check = each_install(docker.apk, function(c, _, r)
      if not docker.has_arg(c, "--no-cache") and not cleaned(r, docker.set(), docker.set(), { "/var/cache/apk" }, c) then
        return "apk add without --no-cache", { replace = "add", with = "add --no-cache" }
      end
    end),
  },
  {
    id = "docker-pip-cache",
    title = "pip install leaves no cache",
    severity = "LOW",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3042", "kics:f2f903fb-b977-461e-98d7-b3e2185c6118" },
    description = "What pip downloaded stays in the layer.",
    remediation = "pip install --no-cache-dir ..., ENV PIP_NO_CACHE_DIR=1, or a cache mount.",
    check = each_install(PIP, pip_keeps_cache),
  },
  pin("docker-apt-pinned", "Packages of apt have a version", { "DL3008", "kics:965a08d7-ef86-4f14-8792-4a3b2098937e" }, docker.apt, with_equals),
  pin("docker-apk-pinned", "Packages of apk have a version", { "DL3018", "kics:d3499f6d-1651-41bb-a9a7-de925fea487b" }, docker.apk,
      function(p) return with_equals(p) or p:startswith(".") end),
  pin("docker-yum-pinned", "Packages of yum have a version", { "DL3033", "kics:6452c424-1d92-4deb-bb18-a03e95d579c4" }, docker.yum, with_version),
  pin("docker-dnf-pinned", "Packages of dnf have a version", { "DL3041", "kics:93d88cf7-f078-46a8-8ddc-178e03aeacf1" }, docker.dnf, with_version),
  pin("docker-zypper-pinned", "Packages of zypper have a version", { "DL3037", "kics:562952e4-0348-4dea-9826-44f3a2c6117b" },
      SUSE_INSTALL,
      function(p) return with_equals(p) or with_version(p) end),
  pin("docker-pip-pinned", "Packages of pip have a version", { "DL3013", "kics:02d9c71f-3ee8-4986-9c27-1a20d0d19bfc" }, PIP,
      function(p) return with_equals(p) or p:contains("@") end),
  pin("docker-npm-pinned", "Packages of npm have a version", { "DL3016", "kics:e36d8880-3f78-4546-b9a1-12f0745ca0d5" }, {
    names = NPM.names, verbs = NPM.verbs, valued = NPM.valued }, with_at),
  {
    id = "docker-gem-pinned",
    title = "Packages of gem have a version",
    severity = "MEDIUM",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3028", "kics:22cd11f7-9c6c-4f6e-84c0-02058120b341" },
    frameworks = { ["cis-docker"] = "4.11" },
    default = false,
    cwe = { 1104 },
    description = "Without a version two builds of the same file give different programs.",
    remediation = "gem install name:1.2 or -v 1.2",
    check = each_install(GEM, function(c, packages)
      if docker.has_arg(c, "-v", "--version") or docker.has_prefix(c, "--version=") then
        return
      end
      for _, p in ipairs(packages) do
        if not docker.is_local(p) and not p:contains(":") and not p:endswith(".gem") then
          return p .. " is installed in whatever version there is"
        end
      end
    end),
  },
}
