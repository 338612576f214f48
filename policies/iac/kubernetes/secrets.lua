-- Where secrets are kept and how programs get them.
local pods = import("pods")

local words = { "password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "private_key", "credential" }

local function is_secret_name(name)
  local lower = tostring(name):lower():replace("-", "_")
  for _, w in ipairs(words) do
    if lower:contains(w) then
      return true
    end
  end
  return false
end

-- Values that say nothing: empty, completed elsewhere, or a switch.
local function is_plain(value)
  local v = tostring(value):trim():replace("\"", ""):replace("'", "")
  return v == "" or v == "true" or v == "false" or v == "null" or is_template(v) or v:startswith("$") or v:startswith("<")
end

-- The first NAME=value or NAME: value line of a text that looks like a secret.
local function find_line(text)
  for _, line in ipairs(text:split("\n")) do
    local cut = line:find("=", 1, true) or line:find(":", 1, true)
    if cut then
      local name = line:sub(1, cut - 1):trim()
      if is_secret_name(name) and name:is_word("_-. ") and not is_plain(line:sub(cut + 1)) then
        return name
      end
    end
  end
  return nil
end

-- A user name or a mail address: by what it is called, or by how it looks.
local function is_personal(name, value)
  local key = tostring(name):lower():replace("-", "_")
  if is_plain(value) or value:contains("\n") then
    return false
  end
  for _, w in ipairs { "username", "user_name", "email", "e_mail", "phone" } do
    if key:contains(w) then
      return true
    end
  end
  local at = value:find("@", 1, true)
  return at ~= nil and at > 1 and not value:contains("/") and not value:contains(" ") and value:find(".", at, true) ~= nil
end

return {
  {
    id = "k8s-secret-in-env",
    title = "Secrets are mounted as files rather than put into the environment",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_35", "kics:3d658f8b-d988-41a0-a841-40043121de1e" },
    frameworks = { ["cis-kubernetes"] = "5.4.1" },
    description = "The environment is inherited by child processes and ends in crash reports and logs.",
    remediation = "Mount the secret as a volume and read the file.",
    cwe = { 526 },
    check = function(r)
      for _, c, list in k8s.containers(r) do
        for i, e in ipairs(c.env or {}) do
          if has(e, "valueFrom.secretKeyRef") then
            fail(c, "env[" .. (i - 1) .. "].valueFrom.secretKeyRef", pods.label(c, list) .. " has a secret in variable " .. tostring(e.name))
          end
        end
        for i, e in ipairs(c.envFrom or {}) do
          if has(e, "secretRef") then
            fail(c, "envFrom[" .. (i - 1) .. "].secretRef", pods.label(c, list) .. " has a secret as variables")
          end
        end
      end
    end,
  },
  {
    id = "k8s-secret-in-config-map",
    title = "Config maps hold no secrets",
    severity = "HIGH",
    applies_to = "kubernetes:ConfigMap",
    aliases = { "KSV-0109" },
    description = "Config maps are read by many, are not encrypted where they are stored, and lie in version control.",
    remediation = "Move the value to a Secret, or to a store of secrets.",
    cwe = { 312 },
    check = function(r)
      for _, key in ipairs(keys(r.data)) do
        local value = r.data[key]
        if type(value) == "string" then
          local name = is_secret_name(key) and not value:contains("\n") and not is_plain(value) and key or find_line(value)
          if name then
            fail(r, "data", "the value of " .. name .. " in data." .. key .. " looks like a secret")
          end
        end
      end
    end,
  },
  {
    id = "k8s-personal-data-in-config-map",
    title = "Config maps hold no names and addresses of people",
    severity = "MEDIUM",
    applies_to = "kubernetes:ConfigMap",
    aliases = { "KSV-01010" },
    description = "User names, mail addresses and the like are read by many there, and lie in version control.",
    remediation = "Move the value to a Secret, or to a store of secrets.",
    cwe = { 359 },
    default = false,
    check = function(r)
      for _, key in ipairs(keys(r.data)) do
        local value = r.data[key]
        if type(value) == "string" then
          local name = is_personal(key, value) and key or nil
          for _, line in ipairs(value:contains("\n") and value:split("\n") or {}) do
            local cut = line:find("=", 1, true) or line:find(":", 1, true)
            name = name or cut and is_personal(line:sub(1, cut - 1):trim(), line:sub(cut + 1):trim()) and line:sub(1, cut - 1):trim() or nil
          end
          if name then
            fail(r, "data", "the value of " .. name .. " in data." .. key .. " looks like a name or address")
          end
        end
      end
    end,
  },
  {
    id = "k8s-secret-object",
    title = "Secrets come from a store of secrets",
    severity = "INFO",
    applies_to = "kubernetes:Secret",
    aliases = { "kics:b9c83569-459b-4110-8f79-6305aa33cb37" },
    frameworks = { ["cis-kubernetes"] = "5.4.2" },
    description = "A Secret in a manifest lies in version control, encoded but not encrypted.",
    remediation = "Let an operator make it from a store of secrets, or encrypt it before it is committed.",
    cwe = { 312 },
    default = false,
    check = function(r)
      if keys(r.data)[1] ~= nil or keys(r.stringData)[1] ~= nil then
        fail(r, "metadata.name", "the manifest holds the values of a Secret")
      end
    end,
  },
  {
    id = "k8s-secret-in-clear",
    title = "Manifests hold no secret in clear",
    severity = "HIGH",
    applies_to = "kubernetes:Secret",
    description = "stringData lies in version control as it is.",
    remediation = "Let an operator make the Secret from a store of secrets, or encrypt it before it is committed; then change the value.",
    cwe = { 312, 798 },
    check = function(r)
      for _, key in ipairs(keys(r.stringData)) do
        if is_secret_name(key) and not is_plain(r.stringData[key]) then
          fail(r, "stringData", "stringData." .. key .. " holds a value in clear")
        end
      end
    end,
  },
}
