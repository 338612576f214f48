-- How instructions are used.

local docker = import("docker")

-- What ADD unpacks. Of zip, and of files that are compressed alone, it makes a copy.
local ARCHIVES = { ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst" }

local function is_archive(path)
  path = path:lower()
  for _, e in ipairs(ARCHIVES) do
    if path:endswith(e) then
      return true
    end
  end
  return false
end

local function is_remote(path)
  return path:startswith("http://") or path:startswith("https://") or path:startswith("ftp://") or
    path:startswith("git@") or path:startswith("git://") or path:startswith("ssh://")
end

-- Each of a kind but the last one of a stage is without effect.
local function only_one(kind, which)
  return function(r)
    if which == "shipped" and not docker.shipped(r) then
      not_applicable("a stage that is left behind")
    end
    local all = docker.of_kind(r, kind)
    for i = 1, #all - 1 do
      fail(all[i], kind .. " is overwritten by a later one of this stage")
    end
  end
end

local function exposes(from, to, message)
  return function(r)
    for _, p in ipairs(r.ports) do
      if p.from ~= nil and p.from <= to and p.to >= from then
        fail(p, message(p))
      end
    end
  end
end

local TO_COPY = { replace = "ADD", with = "COPY" }

local SYSTEM = { "/proc", "/sys", "/dev", "/boot", "/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/etc", "/run" }

return {
  {
    id = "docker-add-local",
    title = "Files are copied with COPY, not ADD",
    severity = "LOW",
    applies_to = "dockerfile:ADD",
    aliases = { "DL3020", "CKV_DOCKER_4", "DS-0005", "kics:9513a694-aa0d-41d8-be61-3271e056f36b" },
    frameworks = { ["cis-docker"] = "4.9" },
    description = "ADD also unpacks archives and fetches addresses: what it does depends on what the file happens to be.",
    remediation = "Use COPY. ADD is for archives that are to be unpacked.",
    check = function(r)
      for i = 1, #r.sources do
        if is_unknown(r.sources, "[" .. (i - 1) .. "]") then
          fail(r, "", "ADD takes a file whose name is known only in the build; use COPY", TO_COPY)
          return
        end
      end
      for _, s in ipairs(r.sources) do
        if not is_remote(s) and not is_archive(s) then
          fail(r, "", "ADD copies " .. s .. "; use COPY", TO_COPY)
          return
        end
      end
    end,
  },
  {
    id = "docker-add-remote",
    title = "ADD does not fetch from the network",
    severity = "LOW",
    applies_to = "dockerfile:ADD",
    aliases = { "CKV_DOCKER_4", "kics:4b410d24-1cbe-4430-a632-62c9a931cf1c" },
    frameworks = { ["cis-docker"] = "4.9" },
    cwe = { 494 },
    description = "ADD of an address checks nothing of what it gets, unless --checksum is given, and leaves the download in a layer.",
    remediation = "Fetch with curl or wget in RUN, verify the checksum and remove the archive there; or add --checksum.",
    check = function(r)
      for _, s in ipairs(r.sources) do
        if is_remote(s) and not has(r, "flags.checksum") then
          fail(r, "ADD fetches " .. s .. " unchecked")
          return
        end
      end
    end,
  },
  {
    id = "docker-add-archive",
    title = "Archives are copied and unpacked, not added",
    severity = "LOW",
    applies_to = "dockerfile:ADD",
    aliases = { "CKV_DOCKER_4" },
    frameworks = { ["cis-docker"] = "4.9" },
    default = false,
    description = "The strict form of docker-add-local: ADD is refused for archives too, since what comes out of them is unseen.",
    remediation = "COPY the archive, check it, and unpack it with RUN.",
    check = function(r)
      for _, s in ipairs(r.sources) do
        if not is_remote(s) and is_archive(s) then
          fail(r, "ADD unpacks " .. s)
          return
        end
      end
    end,
  },
  {
    id = "docker-maintainer",
    title = "MAINTAINER is not used",
    severity = "LOW",
    applies_to = "dockerfile",
    aliases = { "DL4000", "CKV_DOCKER_6", "DS-0022", "kics:99614418-f82b-4852-a9ae-5051402b741c" },
    description = "MAINTAINER is deprecated.",
    remediation = "LABEL org.opencontainers.image.authors=\"...\"",
    check = function(r)
      for _, i in ipairs(r.instructions) do
        if i.instruction == "MAINTAINER" then
          local label
          if not i.value:contains('"') then
            label = { replace = i.original, with = 'LABEL org.opencontainers.image.authors="' .. i.value .. '"' }
          end
          fail(i, "", "MAINTAINER is deprecated: use LABEL", label)
        end
      end
    end,
  },
  {
    id = "docker-one-cmd",
    title = "The image has one CMD",
    severity = "LOW",
    applies_to = "dockerfile:stage",
    aliases = { "DL4003", "kics:41c195f4-fc31-4a5c-8a1b-90605538d49f" },
    description = "Only the last CMD counts; the others mislead.",
    remediation = "Remove all but the last CMD.",
    check = only_one("CMD", "shipped"),
  },
  {
    id = "docker-one-cmd-per-stage",
    title = "Every stage has at most one CMD",
    severity = "LOW",
    applies_to = "dockerfile:stage",
    aliases = { "DS-0016" },
    default = false,
    description = "Only the last CMD of a stage counts; the others mislead.",
    remediation = "Remove all but the last CMD.",
    check = only_one("CMD"),
  },
  {
    id = "docker-one-entrypoint",
    title = "The image has one ENTRYPOINT",
    severity = "LOW",
    applies_to = "dockerfile:stage",
    aliases = { "DL4004", "kics:6938958b-3f1a-451c-909b-baeee14bdc97" },
    description = "Only the last ENTRYPOINT counts; the others mislead.",
    remediation = "Remove all but the last ENTRYPOINT.",
    check = only_one("ENTRYPOINT", "shipped"),
  },
  {
    id = "docker-one-entrypoint-per-stage",
    title = "Every stage has at most one ENTRYPOINT",
    severity = "LOW",
    applies_to = "dockerfile:stage",
    aliases = { "DS-0007" },
    default = false,
    description = "Only the last ENTRYPOINT of a stage counts; the others mislead.",
    remediation = "Remove all but the last ENTRYPOINT.",
    check = only_one("ENTRYPOINT"),
  },
  {
    id = "docker-one-healthcheck",
    title = "Every stage has at most one HEALTHCHECK",
    severity = "LOW",
    applies_to = "dockerfile:stage",
    aliases = { "DL3012", "DS-0023" },
    description = "Only the last HEALTHCHECK counts; the others mislead.",
    remediation = "Remove all but the last HEALTHCHECK.",
    check = only_one("HEALTHCHECK"),
  },
  {
    id = "docker-healthcheck-missing",
    title = "The image says how its health is checked",
    severity = "LOW",
    applies_to = "dockerfile",
    aliases = { "DL3057", "CKV_DOCKER_2", "DS-0026", "kics:b03a748a-542d-44f4-bb86-9199ab4fd2d5" },
    frameworks = { ["cis-docker"] = "4.6" },
    description = "Without HEALTHCHECK a container that hangs counts as running. (Kubernetes does not look at it: it has probes.)",
    remediation = "Add HEALTHCHECK CMD with a command that fails when the service does not answer.",
    check = function(r)
      if r.final == nil then
        not_applicable("no stage")
      end
      for _, stage in ipairs(docker.chain(r)) do
        if #docker.of_kind(stage, "HEALTHCHECK") > 0 then
          return
        end
      end
      fail(r.stages[r.final + 1].from, "the image has no HEALTHCHECK")
    end,
  },
  {
    id = "docker-expose-ssh",
    title = "Port 22 is not exposed",
    severity = "LOW",
    applies_to = "dockerfile:EXPOSE",
    aliases = { "CKV_DOCKER_1", "DS-0004", "kics:5907595b-5b6d-4142-b173-dbb0e73fbff8" },
    frameworks = { ["cis-docker"] = "5.6" },
    cwe = { 668 },
    description = "An SSH server in a container is one more thing to keep secure, and passes by the controls of the platform.",
    remediation = "Remove the port and the server; use the platform's own way into the container.",
    check = exposes(22, 22, function() return "port 22 is exposed" end),
  },
  {
    id = "docker-expose-range",
    title = "Exposed ports are between 0 and 65535",
    severity = "LOW",
    applies_to = "dockerfile:EXPOSE",
    aliases = { "DL3011", "DS-0008", "kics:71bf8cf8-f0a1-42fa-b9d2-d10525e0a38e" },
    description = "There is no such port.",
    remediation = "Correct the number.",
    check = exposes(65536, 2147483647, function(p) return "there is no port " .. p.value end),
  },
  {
    id = "docker-workdir-absolute",
    title = "WORKDIR is an absolute path",
    severity = "LOW",
    applies_to = "dockerfile:WORKDIR",
    aliases = { "DL3000", "CKV_DOCKER_10", "DS-0009", "kics:6b376af8-cfe8-49ab-a08d-f32de23661a4" },
    description = "A relative path depends on the WORKDIR before it, and on that of the base image.",
    remediation = "Write the whole path.",
    check = function(r)
      local path = r.path:trim()
      local drive = #path > 1 and path:sub(2, 2) == ":"
      if not path:startswith("/") and not path:startswith("\\") and not drive then
        fail(r, "", "WORKDIR " .. path .. " is relative",
          not path:startswith(".") and { replace = path, with = "/" .. path } or nil)
      end
    end,
  },
  {
    id = "docker-workdir-system",
    title = "WORKDIR is no directory of the system",
    severity = "MEDIUM",
    applies_to = "dockerfile:WORKDIR",
    aliases = { "DS-0030" },
    description = "Files that are copied there, or written at run time, become part of the system.",
    remediation = "Use a directory of the application, such as /app.",
    check = function(r)
      for _, dir in ipairs(SYSTEM) do
        if r.path == dir or r.path:startswith(dir .. "/") then
          fail(r, "WORKDIR " .. r.path .. " is a directory of the system")
          return
        end
      end
    end,
  },
  {
    id = "docker-json-form",
    title = "CMD and ENTRYPOINT use the JSON form",
    severity = "LOW",
    applies_to = { "dockerfile:CMD", "dockerfile:ENTRYPOINT" },
    aliases = { "DL3025", "kics:b86987e1-6397-4619-81d5-8807f2387c79" },
    description = "In shell form the shell is the first process: signals to stop do not reach the program.",
    remediation = "Write [\"program\", \"argument\"] with double quotes.",
    check = function(r)
      if r.form == "shell" then
        fail(r, r.instruction .. " is in shell form")
      end
    end,
  },
  {
    id = "docker-copy-directory",
    title = "COPY of several files goes to a directory",
    severity = "LOW",
    applies_to = "dockerfile:COPY",
    aliases = { "DL3021", "DS-0011", "kics:6db6e0c2-32a3-4a2e-93b5-72c35f4119db" },
    description = "With more than one source the destination has to end with a slash, or the build fails.",
    remediation = "End the destination with a slash.",
    check = function(r)
      if #r.sources + #r.heredocs > 1 and not r.dest:endswith("/") and r.dest ~= "." and r.dest ~= ".." then
        fail(r, "the destination " .. r.dest .. " of several files does not end with a slash")
      end
    end,
  },
  {
    id = "docker-layers",
    title = "Instructions that belong together are one",
    severity = "INFO",
    applies_to = "dockerfile:stage",
    aliases = { "DL3059", "kics:0008c003-79aa-42d8-95b8-1c2fe37dbfe6" },
    default = false,
    params = { max = 2 },
    description = "Every RUN, COPY and ADD is a layer; what a later one removes stays in the earlier.",
    remediation = "Join consecutive RUN with &&; copy several files with one COPY.",
    check = function(r, params)
      local first, count
      local function ends()
        if first and count > params.max and first.instruction ~= "FROM" then
          fail(first, count .. " " .. first.instruction .. " in a row: one would do")
        end
      end
      for _, i in ipairs(r.instructions) do
        local kind = i.instruction
        if kind ~= "RUN" and kind ~= "COPY" and kind ~= "ADD" then
          ends()
          first = nil
        elseif first and first.instruction == kind and first.dest == i.dest then
          count = count + 1
        else
          ends()
          first, count = i, 1
        end
      end
      ends()
    end,
  },
  {
    id = "docker-build-secrets",
    title = "No secrets in build arguments and environment variables",
    severity = "HIGH",
    applies_to = { "dockerfile:ARG", "dockerfile:ENV" },
    aliases = { "DS-0031" },
    frameworks = { ["cis-docker"] = "4.10" },
    cwe = { 522 },
    params = { names = { "*password*", "*passwd*", "*secret*", "*api_key*", "*apikey*", "*access_key*", "*private_key*", "*_token", "token", "*auth_token*", "*credential*" },
               except = { "*_file", "*_path", "*_dir", "*_url", "*_name", "*secret_id", "*token_ttl" } },
    description = "Build arguments and variables stand in the image's history, for everyone who can pull it.",
    remediation = "Pass secrets with RUN --mount=type=secret during the build, and mount them at run time.",
    check = function(r, params)
      for _, p in ipairs(r.pairs) do
        local key, match = p.key:lower(), false
        for _, pattern in ipairs(params.names) do
          match = match or key:glob(pattern)
        end
        for _, pattern in ipairs(params.except) do
          match = match and not key:glob(pattern)
        end
        if match and not (r.instruction == "ENV" and not is_unknown(p, "value") and p.value == "") then
          fail(p, r.instruction .. " " .. p.key .. " looks like a secret")
        end
      end
    end,
  },
}
