-- Certificates and signatures are checked.

local docker = import("docker")

local function run(id, title, aliases, names, bad, cwe)
  return {
    id = id,
    title = title,
    severity = "HIGH",
    applies_to = "dockerfile:RUN",
    aliases = aliases,
    frameworks = { ["cis-docker"] = "4.11" },
    cwe = { cwe },
    description = "Whoever sits on the way, or owns the mirror, decides what is installed.",
    remediation = "Remove the option; add the missing certificate or key to the image instead.",
    check = function(r)
      for _, c in ipairs(docker.named(r, names)) do
        local what = bad(c)
        if what then
          fail(c, c.name .. " " .. what)
        end
      end
    end,
  }
end

local function option(...)
  local words = { ... }
  return function(c)
    for _, w in ipairs(words) do
      if docker.has_arg(c, w) or docker.has_prefix(c, w .. "=") then
        return w
      end
    end
  end
end

-- A variable that switches checks off: `off` says for which values.
local function env(id, title, aliases, name, off)
  local function judge(where, path, value)
    if off(value) then
      fail(where, path, name .. " switches the check of certificates off")
    end
  end
  return {
    id = id,
    title = title,
    severity = "HIGH",
    applies_to = { "dockerfile:ENV", "dockerfile:ARG", "dockerfile:RUN" },
    aliases = aliases,
    cwe = { 295 },
    description = "Whoever sits on the way decides what the program gets; set with ENV, that holds in every container too.",
    remediation = "Remove the variable; add the missing certificate to the image instead.",
    check = function(r)
      for _, p in ipairs(r.pairs) do
        if p.key == name and p.value ~= nil then
          judge(p, "value", p.value)
        end
      end
      for _, c in ipairs(r.commands) do
        if c.env[name] ~= nil then
          judge(c, "env." .. name, c.env[name])
        end
        if c.name == "export" then
          for i, a in ipairs(c.args) do
            if a:startswith(name .. "=") then
              judge(c, "args[" .. (i - 1) .. "]", a:sub(#name + 2))
            end
          end
        end
      end
    end,
  }
end

local function is_false(v)
  v = v:lower()
  return v == "0" or v == "false" or v == "no" or v == "off"
end

local function is_set(v)
  return v ~= ""
end

local function curl(c)
  if docker.has_arg(c, "--insecure", "--proxy-insecure", "--doh-insecure") then
    return "--insecure"
  end
  return docker.has_flag(c, "k") and "-k" or nil
end

-- npm config set strict-ssl false, npm set strict-ssl=false, --strict-ssl=false
local function strict_ssl(c)
  local words = " "
  for _, a in ipairs(c.args) do
    words = words .. a:lower():replace("=", " "):replace("\"", "") .. " "
  end
  return words:contains("strict-ssl false ") and "strict-ssl false" or
    words:contains("--no-strict-ssl ") and "--no-strict-ssl" or nil
end

local function sslverify(c)
  for _, a in ipairs(c.args) do
    local s = a:lower():replace(" ", "")
    if s:contains("sslverify=false") or s:contains("sslverify=0") or s:contains("sslverify=no") then
      return "sslverify=false"
    end
  end
end

local YUM = docker.set("yum", "dnf", "tdnf", "microdnf")
local APT = docker.set("apt-get", "apt")

return {
  run("docker-curl-insecure", "curl checks certificates", { "CKV2_DOCKER_2" }, docker.set("curl"), curl, 295),
  run("docker-wget-insecure", "wget checks certificates", { "CKV2_DOCKER_3" }, docker.set("wget"),
      option("--no-check-certificate"), 295),
  run("docker-pip-trusted-host", "pip checks certificates", { "CKV2_DOCKER_4" }, docker.set("pip", "pip2", "pip3"),
      option("--trusted-host"), 295),
  run("docker-apk-untrusted", "apk checks signatures", { "CKV2_DOCKER_7" }, docker.set("apk"), option("--allow-untrusted"), 347),
  run("docker-apt-unauthenticated", "apt-get checks signatures", { "CKV2_DOCKER_8" }, APT, option("--allow-unauthenticated"), 347),
  run("docker-yum-nogpgcheck", "yum and dnf check signatures", { "CKV2_DOCKER_9" }, YUM, option("--nogpgcheck", "--no-gpgcheck"), 347),
  run("docker-rpm-unverified", "rpm checks signatures", { "CKV2_DOCKER_10" }, docker.set("rpm"),
      option("--nodigest", "--nosignature", "--noverify", "--nofiledigest"), 347),
  run("docker-apt-force-yes", "apt-get is not forced", { "CKV2_DOCKER_11" }, APT, option("--force-yes"), 347),
  run("docker-npm-strict-ssl", "npm and yarn check certificates", { "CKV2_DOCKER_13" }, docker.set("npm", "yarn", "pnpm"), strict_ssl, 295),
  run("docker-yum-sslverify", "yum and dnf check certificates", { "CKV2_DOCKER_15" },
      docker.set("yum-config-manager", "yum", "dnf", "tdnf", "microdnf"), sslverify, 295),
  env("docker-env-python-https", "Python checks certificates", { "CKV2_DOCKER_5" }, "PYTHONHTTPSVERIFY", is_false),
  env("docker-env-node-tls", "Node checks certificates", { "CKV2_DOCKER_6" }, "NODE_TLS_REJECT_UNAUTHORIZED", is_false),
  env("docker-env-npm-strict-ssl", "npm checks certificates", { "CKV2_DOCKER_12" }, "NPM_CONFIG_STRICT_SSL", is_false),
  env("docker-env-git-ssl", "git checks certificates", { "CKV2_DOCKER_14" }, "GIT_SSL_NO_VERIFY", is_set),
  env("docker-env-pip-trusted-host", "pip checks certificates everywhere", { "CKV2_DOCKER_16" }, "PIP_TRUSTED_HOST", is_set),
}
