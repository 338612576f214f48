-- What a service may do beyond an ordinary process.

local compose = import("compose")

local function lower(v)
  return type(v) == "string" and v:lower() or v
end

return {
  {
    id = "compose-capabilities",
    title = "Services drop the capabilities that they do not need",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:ce76b7d0-9e77-464d-b86f-c5c48e03e22d" },
    frameworks = { ["cis-docker"] = "5.3" },
    cwe = { 250 },
    description = "The engine's default set holds capabilities that most programs never use.",
    remediation = "Set `cap_drop: [ALL]` and add single ones back with cap_add.",
    check = function(s)
      for i, c in ipairs(s.cap_add) do
        if lower(c) ~= "net_bind_service" and lower(c) ~= "cap_net_bind_service" then
          fail(s, "cap_add[" .. (i - 1) .. "]", "the capability " .. tostring(c) .. " is added")
        end
      end
      if s.cap_drop == nil then
        fail(s, "cap_drop", "no capability is dropped", { set = { "ALL" } })
      end
    end,
  },
  {
    id = "compose-no-new-privileges",
    title = "Services cannot gain privileges",
    severity = "HIGH",
    applies_to = "compose:service",
    aliases = { "kics:27fcc7d6-c49b-46e0-98f1-6c082a6a2750" },
    frameworks = { ["cis-docker"] = "5.25" },
    cwe = { 250 },
    description = "Without no-new-privileges a program of the container may become root through a setuid file.",
    remediation = "Add `no-new-privileges:true` to security_opt.",
    check = function(s)
      local value, i = compose.security_opt(s, "no-new-privileges")
      if value == nil then
        fail(s, "security_opt", "no-new-privileges is not set")
      elseif lower(value) ~= "true" then
        fail(s, "security_opt[" .. (i - 1) .. "]", "no-new-privileges is switched off", { set = "no-new-privileges:true" })
      end
    end,
  },
  {
    id = "compose-security-opt",
    title = "Services say how they are confined",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:610e266e-6c12-4bca-9925-1ed0cd29742b" },
    frameworks = { ["cis-docker"] = { "5.1", "5.2" } },
    cwe = { 693 },
    description = "security_opt names the profiles of AppArmor, SELinux and seccomp that hold the container.",
    remediation = "Set security_opt, at least with `no-new-privileges:true`.",
    check = function(s)
      if s.security_opt == nil then
        fail(s, "security_opt", "security_opt is not set", { set = { "no-new-privileges:true" } })
      end
    end,
  },
  {
    id = "compose-seccomp",
    title = "The seccomp profile of the engine stays on",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:404fde2c-bc4b-4371-9747-7054132ac953" },
    frameworks = { ["cis-docker"] = "5.21" },
    cwe = { 693 },
    description = "Unconfined, the container may use every system call of the host's kernel.",
    remediation = "Remove `seccomp:unconfined`.",
    check = function(s)
      local value, i = compose.security_opt(s, "seccomp")
      if lower(value) == "unconfined" then
        fail(s, "security_opt[" .. (i - 1) .. "]", "seccomp is switched off", { remove = true })
      end
    end,
  },
  {
    id = "compose-mandatory-access-control",
    title = "AppArmor and SELinux stay on",
    severity = "MEDIUM",
    applies_to = "compose:service",
    frameworks = { ["cis-docker"] = { "5.1", "5.2" } },
    cwe = { 693 },
    description = "The profile of the engine keeps a container from files of the host even after a break-out.",
    remediation = "Remove `apparmor:unconfined` and `label:disable`.",
    check = function(s)
      local value, i = compose.security_opt(s, "apparmor")
      if lower(value) == "unconfined" then
        fail(s, "security_opt[" .. (i - 1) .. "]", "AppArmor is switched off", { remove = true })
      end
      value, i = compose.security_opt(s, "label")
      if lower(value) == "disable" then
        fail(s, "security_opt[" .. (i - 1) .. "]", "SELinux is switched off", { remove = true })
      end
    end,
  },
  {
    id = "compose-root-user",
    title = "Services do not ask for root",
    severity = "MEDIUM",
    applies_to = "compose:service",
    cwe = { 250 },
    description = "Root inside is root outside as soon as one barrier falls.",
    remediation = "Name another user, or leave `user` to the image.",
    check = function(s)
      local user = s.user
      if user == nil then
        return
      end
      user = tostring(user):split(":")[1]
      if user == "root" or user == "0" then
        fail(s, "user", "the service runs as root")
      end
    end,
  },
  {
    id = "compose-read-only",
    title = "The root file system of services is read-only",
    severity = "LOW",
    applies_to = "compose:service",
    frameworks = { ["cis-docker"] = "5.12" },
    cwe = { 732 },
    default = false,
    description = "What cannot be written cannot be replaced by an attacker.",
    remediation = "Set `read_only: true` and mount volumes or tmpfs where the program writes.",
    check = function(s)
      if s.read_only ~= true then
        fail(s, "read_only", "the root file system can be written to", { set = true })
      end
    end,
  },
}
