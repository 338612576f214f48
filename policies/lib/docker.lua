-- Dockerfiles: commands of RUN, package managers, and which stages reach the image.

local docker = {}

-- A list of words as a set.
function docker.set(...)
  local s = {}
  for _, word in ipairs({ ... }) do
    s[word] = true
  end
  return s
end

-- The commands of an instruction with one of these names.
function docker.named(r, names)
  local found = {}
  for _, c in ipairs(r.commands) do
    if names[c.name] then
      found[#found + 1] = c
    end
  end
  return found
end

function docker.has_arg(c, ...)
  local wanted = docker.set(...)
  for _, a in ipairs(c.args) do
    if wanted[a] then
      return true
    end
  end
  return false
end

-- A short option alone or among others: "y" in -y, -qy.
function docker.has_flag(c, letter)
  for _, a in ipairs(c.args) do
    if a:startswith("-") and not a:startswith("--") and a:contains(letter) then
      return true
    end
  end
  return false
end

function docker.has_prefix(c, prefix)
  for _, a in ipairs(c.args) do
    if a:lower():startswith(prefix) then
      return true
    end
  end
  return false
end

local NO_VALUES = {}

-- The first operand of a program with subcommands ("install"), and its index. `valued`: options
-- whose value is the next word. Settings like apt::x=y are no operands.
function docker.verb(c, valued)
  local skip = false
  for i, a in ipairs(c.args) do
    if skip then
      skip = false
    elseif (valued or NO_VALUES)[a] then
      skip = true
    elseif not a:startswith("-") and not a:contains("=") then
      return a, i
    end
  end
end

-- The operands behind index i.
function docker.operands(c, i, valued)
  local found, skip = {}, false
  for k, a in ipairs(c.args) do
    if skip then
      skip = false
    elseif (valued or NO_VALUES)[a] then
      skip = true
    elseif k > i and not a:startswith("-") then
      found[#found + 1] = a
    end
  end
  return found
end

-- { command, packages } for each call of a manager with one of its verbs.
function docker.installs(r, manager)
  local found = {}
  for _, c in ipairs(docker.named(r, manager.names)) do
    local verb, i = docker.verb(c, manager.valued)
    if verb and manager.verbs[verb] then
      found[#found + 1] = { command = c, packages = docker.operands(c, i, manager.valued) }
    end
  end
  return found
end

docker.apt = { names = docker.set("apt-get", "apt", "aptitude"), verbs = docker.set("install"),
               valued = docker.set("-o", "--option", "-c", "--config-file", "-t", "--target-release", "--default-release") }
docker.apk = { names = docker.set("apk"), verbs = docker.set("add"),
               valued = docker.set("-t", "--virtual", "-X", "--repository", "-p", "--root", "--keys-dir", "--repositories-file", "--cache-dir", "--arch") }
docker.yum = { names = docker.set("yum"), verbs = docker.set("install", "localinstall", "groupinstall", "reinstall"),
               valued = docker.set("-c", "-x", "--enablerepo", "--disablerepo", "--installroot", "--releasever", "--setopt") }
docker.dnf = { names = docker.set("dnf", "tdnf"), verbs = docker.set("install", "in", "localinstall", "reinstall", "groupinstall"),
               valued = docker.yum.valued }
docker.microdnf = { names = docker.set("microdnf"), verbs = docker.yum.verbs, valued = docker.yum.valued }
docker.zypper = { names = docker.set("zypper"), verbs = docker.set("install", "in", "remove", "rm", "source-install", "si", "patch", "update", "up", "dist-upgrade", "dup"),
                  valued = docker.set("-r", "--repo", "-t", "--type", "--root", "--from") }

-- A path, an address, or something that the shell completes: no package of a repository.
function docker.is_local(package)
  return package:contains("/") or package:contains("$") or package:contains("`") or
    package == "." or package:endswith(".rpm") or package:endswith(".deb") or package:endswith(".whl")
end

-- Whether what happens in this stage reaches the image: it is the last one, or that one builds from
-- it, or it has no name and so may be an image of its own.
function docker.shipped(stage)
  local file = parent(stage)
  local last = file.stages[file.final + 1]
  if stage.name == nil or stage.index == file.final then
    return true
  end
  while last.image.stage ~= nil do
    if last.image.stage == stage.index then
      return true
    end
    last = file.stages[last.image.stage + 1]
  end
  return false
end

-- The last stage and those that it builds from, from the last on.
function docker.chain(file)
  local found, stage = {}, file.stages[file.final + 1]
  while stage ~= nil do
    found[#found + 1] = stage
    stage = stage.image.stage ~= nil and file.stages[stage.image.stage + 1] or nil
  end
  return found
end

-- The instructions of a kind in a stage.
function docker.of_kind(stage, kind)
  local found = {}
  for _, i in ipairs(stage.instructions) do
    if i.instruction == kind then
      found[#found + 1] = i
    end
  end
  return found
end

-- Whether the RUN keeps this directory in a cache mount.
function docker.cached(r)
  for _, m in ipairs(r.mounts) do
    if m.type == "cache" or m.type == "tmpfs" then
      return true
    end
  end
  return false
end

return docker
