-- What separates a container from its host.

local compose = import("compose")

-- Directories whose content is the host's: whoever can write there is the host.
local HOST_DIRECTORIES = {
  "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc",
  "/root", "/run", "/sbin", "/selinux", "/srv", "/sys", "/usr", "/var",
}

local function host_directory(path)
  if type(path) ~= "string" then
    return false
  elseif path == "/" then
    return true
  end
  path = path:lower()
  for _, dir in ipairs(HOST_DIRECTORIES) do
    if path == dir or path:startswith(dir .. "/") then
      return true
    end
  end
  return false
end

local function is_set(field, value, message)
  return function(s)
    if s[field] == value then
      fail(s, field, message, { remove = true })
    end
  end
end

return {
  {
    id = "compose-privileged",
    title = "Services do not run privileged",
    severity = "HIGH",
    applies_to = "compose:service",
    aliases = { "kics:ae5b6871-7f45-42e0-bb4c-ab300c4d2026" },
    frameworks = { ["cis-docker"] = "5.4" },
    cwe = { 250 },
    description = "A privileged container has every capability and every device of the host; who breaks out of its program owns the host.",
    remediation = "Remove `privileged: true`; give the capabilities that are needed with cap_add.",
    check = is_set("privileged", true, "the service runs privileged"),
  },
  {
    id = "compose-docker-socket",
    title = "Services do not get the socket of the container engine",
    severity = "HIGH",
    applies_to = "compose:service",
    aliases = { "kics:d6355c88-1e8d-49e9-b2f2-f8a1ca12c75b" },
    frameworks = { ["cis-docker"] = "5.31" },
    cwe = { 250 },
    description = "Whoever can talk to the engine can start a privileged container, and so owns the host.",
    remediation = "Remove the volume; use a proxy for the engine that allows only the calls that are needed.",
    check = function(s)
      for i, v in ipairs(s.volumes) do
        local source = compose.volume(v).source
        if type(source) == "string" and (source:endswith("docker.sock") or
            source:endswith("containerd.sock") or source:endswith("podman.sock")) then
          fail(s, "volumes[" .. (i - 1) .. "]", "the socket of the container engine is mounted", { remove = true })
        end
      end
    end,
  },
  {
    id = "compose-host-directory",
    title = "Services do not mount directories of the host system",
    severity = "HIGH",
    applies_to = { "compose:service", "compose:volume" },
    aliases = { "kics:1c1325ff-831d-43a1-973e-839ae57dfcc0" },
    frameworks = { ["cis-docker"] = "5.5" },
    cwe = { 668 },
    description = "System directories hold the configuration, devices and programs of the host.",
    remediation = "Mount a named volume, or a directory of the application.",
    check = function(s)
      if host_directory(s.driver_opts.mountpoint) then
        fail(s, "driver_opts.mountpoint", "the volume lies in a directory of the host system")
      elseif host_directory(s.driver_opts.device) then
        fail(s, "driver_opts.device", "the volume lies in a directory of the host system")
      end
      for i, v in ipairs(s.volumes) do
        if host_directory(compose.volume(v).source) then
          fail(s, "volumes[" .. (i - 1) .. "]", "a directory of the host system is mounted")
        end
      end
    end,
  },
  {
    id = "compose-host-pid",
    title = "Services do not share the process namespace of the host",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:4f31dd9f-2cc3-4751-9b53-67e4af83dac0" },
    frameworks = { ["cis-docker"] = "5.15" },
    cwe = { 668 },
    description = "With the host's process namespace a container sees and signals every process of the host.",
    remediation = "Remove `pid: host`.",
    check = is_set("pid", "host", "the service shares the process namespace of the host"),
  },
  {
    id = "compose-host-ipc",
    title = "Services do not share the IPC namespace of the host",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:baa3890f-bed7-46f5-ab8f-1da8fc91c729" },
    frameworks = { ["cis-docker"] = "5.16" },
    cwe = { 668 },
    description = "Shared memory and message queues of all processes of the host are open to the container.",
    remediation = "Remove `ipc: host`.",
    check = is_set("ipc", "host", "the service shares the IPC namespace of the host"),
  },
  {
    id = "compose-host-network",
    title = "Services do not use the network of the host",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:071a71ff-f868-47a4-ac0b-3c59e4ab5443" },
    frameworks = { ["cis-docker"] = "5.9" },
    cwe = { 668 },
    description = "The container reaches everything that listens on the host's loopback, and may open any port.",
    remediation = "Remove `network_mode: host` and publish the ports that are needed.",
    check = is_set("network_mode", "host", "the service uses the network of the host"),
  },
  {
    id = "compose-host-user-namespace",
    title = "Services do not share the user namespace of the host",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:8af7162d-6c98-482f-868e-0d33fb675ca8" },
    frameworks = { ["cis-docker"] = "5.30" },
    cwe = { 250 },
    description = "Root in the container is then root of the host as soon as one barrier falls.",
    remediation = "Remove `userns_mode: host`.",
    check = is_set("userns_mode", "host", "the service shares the user namespace of the host"),
  },
  {
    id = "compose-host-uts",
    title = "Services do not share the host name namespace of the host",
    severity = "LOW",
    applies_to = "compose:service",
    frameworks = { ["cis-docker"] = "5.20" },
    cwe = { 668 },
    description = "A privileged process in the container could rename the host.",
    remediation = "Remove `uts: host`.",
    check = is_set("uts", "host", "the service shares the UTS namespace of the host"),
  },
  {
    id = "compose-cgroup",
    title = "Services stay in the control group that the engine gives them",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:4d9f44c6-2f4a-4317-9bb5-267adbea0232" },
    frameworks = { ["cis-docker"] = "5.24" },
    cwe = { 770 },
    description = "In a control group of its own choice the container escapes the limits that were set for it.",
    remediation = "Remove cgroup_parent.",
    check = function(s)
      if s.cgroup_parent ~= nil and s.cgroup_parent ~= "" then
        fail(s, "cgroup_parent", "the service chooses its own control group", { remove = true })
      elseif s.cgroup == "host" then
        fail(s, "cgroup", "the service uses the control groups of the host", { remove = true })
      end
    end,
  },
  {
    id = "compose-propagation",
    title = "Mounts are not propagated between host and container",
    severity = "HIGH",
    applies_to = "compose:service",
    aliases = { "kics:baa452f0-1f21-4a25-ace5-844e7a5f410d" },
    frameworks = { ["cis-docker"] = "5.19" },
    cwe = { 668 },
    description = "With shared or slave propagation what is mounted later on one side appears on the other.",
    remediation = "Use the propagation `private` or `rprivate`.",
    check = function(s)
      for i, v in ipairs(s.volumes) do
        local p = type(v) == "table" and v.bind.propagation or nil
        local path = "].bind.propagation"
        if type(v) == "string" and not is_template(v) then
          p, path = compose.volume(v).propagation, "]"
        end
        if p == "shared" or p == "rshared" or p == "slave" or p == "rslave" then
          fail(s, "volumes[" .. (i - 1) .. path, "the mount is propagated: " .. p)
        end
      end
    end,
  },
  {
    id = "compose-shared-directory",
    title = "Services do not share a directory of the host",
    severity = "INFO",
    applies_to = "compose",
    aliases = { "kics:8c978947-0ff6-485c-b0c2-0bfca6026466" },
    cwe = { 668 },
    description = "Through a directory that two services write to, one can hand files to the other.",
    remediation = "Give each service a volume of its own, or mount it read-only where it is only read.",
    check = function(file)
      local users = {}
      for name, s in pairs(file.services) do
        for i, v in ipairs(s.volumes) do
          local source = compose.volume(v).source
          if type(source) == "string" then
            users[source] = users[source] or {}
            table.insert(users[source], { service = s, index = i - 1, name = name })
          end
        end
      end
      for _, list in pairs(users) do
        local names = {}
        for _, u in ipairs(list) do
          names[u.name] = true
        end
        if next(names, next(names)) ~= nil then
          for _, u in ipairs(list) do
            fail(u.service, "volumes[" .. u.index .. "]", "another service mounts it too")
          end
        end
      end
    end,
  },
  {
    id = "compose-devices",
    title = "Services do not get devices of the host",
    severity = "MEDIUM",
    applies_to = "compose:service",
    frameworks = { ["cis-docker"] = "5.17" },
    cwe = { 668 },
    description = "A device is direct access to hardware, past every other limit.",
    remediation = "Remove `devices`, or grant read access only (`:r`).",
    check = function(s)
      for i in ipairs(s.devices) do
        fail(s, "devices[" .. (i - 1) .. "]", "a device of the host is given to the container")
      end
    end,
  },
}
