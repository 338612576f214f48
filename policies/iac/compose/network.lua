-- What a service opens to the network, and what it says in clear.

local compose = import("compose")

local SECRET_WORDS = { "password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "private_key" }

local function names_secret(name)
  name = name:lower()
  for _, word in ipairs(SECRET_WORDS) do
    if name:endswith(word) then
      return true
    end
  end
  return false
end

return {
  {
    id = "compose-bind-interface",
    title = "Published ports are bound to an interface",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:451d79dc-0588-476a-ad03-3c7f0320abb3" },
    frameworks = { ["cis-docker"] = "5.13" },
    cwe = { 668 },
    description = "A port that is published without an address is open on every interface of the host, past most firewalls.",
    remediation = "Write the address before the port: \"127.0.0.1:8000:8000\".",
    check = function(s)
      for i, p in ipairs(s.ports) do
        local port = compose.port(p)
        if port.container and (port.ip == nil or port.ip == "0.0.0.0" or port.ip == "::") then
          fail(s, "ports[" .. (i - 1) .. "]", "the port is open on every interface of the host")
        end
      end
    end,
  },
  {
    id = "compose-privileged-port",
    title = "Services use no ports below 1024",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:bc2908f3-f73c-40a9-8793-c1b7d5544f79" },
    frameworks = { ["cis-docker"] = "5.7" },
    cwe = { 250 },
    description = "Ports below 1024 belong to well-known services and need a privilege to open.",
    remediation = "Listen on a port from 1024 on, and let a proxy in front use the well-known one.",
    check = function(s)
      for i, p in ipairs(s.ports) do
        local port = compose.port(p)
        local low = port.host and port.host < 1024 and port.host
            or port.container and port.container < 1024 and port.container
        if low then
          fail(s, "ports[" .. (i - 1) .. "]", "port " .. tostring(low) .. " is a privileged one")
        end
      end
    end,
  },
  {
    id = "compose-image-tag",
    title = "Images have a fixed version",
    severity = "LOW",
    applies_to = "compose:service",
    frameworks = { ["cis-docker"] = "5.27" },
    cwe = { 1357 },
    description = "`latest` is another image tomorrow: what was tested is not what runs.",
    remediation = "Name a version, better a digest.",
    check = function(s)
      if s.image == nil or s.build ~= nil then
        return not_applicable("built here")
      end
      local image = image.parse(s.image)
      if image and image.digest == nil and (image.tag == nil or image.tag == "latest") then
        fail(s, "image", "the image has no fixed version")
      end
    end,
  },
  {
    id = "compose-secret-in-environment",
    title = "Secrets are not written into the environment",
    severity = "HIGH",
    applies_to = "compose:service",
    cwe = { 798 },
    description = "A password in the file is in the repository, in the backups and in `docker inspect`.",
    remediation = "Use `secrets`, or a variable that is set where the service runs: `PASSWORD: ${PASSWORD:?}`.",
    check = function(s)
      local function judge(path, name, value)
        if names_secret(name) and type(value) ~= "boolean" and value ~= nil and tostring(value) ~= "" then
          fail(s, path, "the value of " .. name .. " is written in clear")
        end
      end
      local environment = s.environment
      if type(environment) ~= "table" then
        return
      end
      for key, value in pairs(environment) do
        if type(key) == "number" and type(value) == "string" then
          local at = value:find("=")
          if at then
            judge("environment[" .. (key - 1) .. "]", value:sub(1, at - 1), value:sub(at + 1))
          end
        elseif type(key) == "string" then
          judge("environment." .. key, key, value)
        end
      end
    end,
  },
}
