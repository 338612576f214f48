-- Policies about the flags of control plane programs in (static) pods: a rule says what a flag
-- must be, policy() makes a policy of it.
local M = {}

-- Whether a container starts the program: its name, with or without a path, among the words of the
-- command or, where the image's own command is used, of the arguments.
function M.runs(container, program)
  for _, list in ipairs { "command", "args" } do
    if type(container[list]) == "table" then
      for _, word in ipairs(container[list]) do
        if word == program or (type(word) == "string" and word:endswith("/" .. program)) then
          return true
        end
      end
    end
  end
  return false
end

-- value, path of the word below the container; nil when the flag is not given.
function M.value(container, flag)
  local value, list, index = k8s.flag(container, "--" .. flag)
  if value == nil then
    return nil
  end
  local name = list == container.command and "command" or "args"
  return value, name .. "[" .. (index - 1) .. "]"
end

-- A comma list as a set; nil stays nil.
function M.items(value)
  if value == nil then
    return nil
  end
  local r = {}
  for _, item in ipairs(value:split(",")) do
    r[item:trim()] = true
  end
  return r
end

-- Seconds of a Go duration like 1m30s; nil for anything else.
function M.seconds(text)
  local units, total, number, last = { h = 3600, m = 60, s = 1 }, 0, "", 1 / 0
  if text == "" then
    return nil
  end
  for i = 1, #text do
    local c = text:sub(i, i)
    if units[c] then
      local n = tonumber(number)
      if n == nil or units[c] >= last then
        return nil
      end
      total, number, last = total + n * units[c], "", units[c]
    else
      number = number .. c
    end
  end
  if number ~= "" then
    return nil
  end
  return total
end

-- ---- rules: function(value) -> nil, or what is wrong -------------------------------------------

function M.is(wanted)
  return function(v)
    if v == nil then
      return "is not set to " .. wanted
    elseif v ~= wanted and not (v == "" and wanted == "true") then
      return "is " .. v .. ", not " .. wanted
    end
  end
end

function M.is_not(refused)
  return function(v)
    if v == refused or (v == "" and refused == "true") then
      return "is " .. refused
    end
  end
end

function M.set()
  return function(v)
    if v == nil then
      return "is not set"
    elseif v == "" then
      return "is empty"
    end
  end
end

function M.unset()
  return function(v)
    if v ~= nil then
      return "is set"
    end
  end
end

function M.ends_with(suffixes)
  return function(v)
    if v == nil then
      return "is not set"
    end
    for _, s in ipairs(suffixes) do
      if v:endswith(s) then
        return nil
      end
    end
    return "does not name a " .. table.concat(suffixes, " or ") .. " file"
  end
end

function M.has(item)
  return function(v)
    if v == nil or not M.items(v)[item] then
      return "does not list " .. item
    end
  end
end

-- Not set means AlwaysAllow, for API server and kubelet.
function M.no_always_allow()
  return function(v)
    if v == nil then
      return "is not set, which means AlwaysAllow"
    elseif M.items(v).AlwaysAllow then
      return "lists AlwaysAllow"
    end
  end
end

function M.lacks(item)
  return function(v)
    if v ~= nil and M.items(v)[item] then
      return "lists " .. item
    end
  end
end

function M.at_least(min)
  return function(v)
    local n = tonumber(v or "")
    if n == nil then
      return v == nil and "is not set" or "is no number: " .. v
    elseif n < min then
      return "is " .. v .. ", less than " .. min
    end
  end
end

-- The suites that CIS lists for TLS 1.2, and those of TLS 1.3.
M.strong_ciphers = {
  TLS_AES_128_GCM_SHA256 = true,
  TLS_AES_256_GCM_SHA384 = true,
  TLS_CHACHA20_POLY1305_SHA256 = true,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = true,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = true,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305 = true,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = true,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = true,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = true,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305 = true,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = true,
}

function M.ciphers()
  return function(v)
    if v == nil then
      return nil
    end
    for _, suite in ipairs(v:split(",")) do
      if not M.strong_ciphers[suite:trim()] then
        return "allows " .. suite:trim()
      end
    end
  end
end

-- ---- policies ----------------------------------------------------------------------------------

-- p: a policy without applies_to and check, and
--   program = "kube-apiserver", or a list of them
--   flags = { {"name", rule}, ... }: each must hold
--   file = "config": the flag that names a file in which the setting may stand instead. Where it is
--     given, and the flag itself is not, the verdict is unknown.
function M.policy(p)
  local programs, rules, file = p.program, p.flags, p.file
  if type(programs) == "string" then
    programs = { programs }
  end
  local elsewhere = "no container starts " .. table.concat(programs, " or ")
  local policy = {
    applies_to = "kubernetes:workload",
    check = function(r)
      local seen, open = false, false
      for _, c in k8s.containers(r, "containers") do
        for _, program in ipairs(programs) do
          if M.runs(c, program) then
            seen = true
            for _, f in ipairs(rules) do
              local value, path = M.value(c, f[1])
              local wrong = f[2](value)
              if wrong and value == nil and file and M.value(c, file) ~= nil then
                open = true
              elseif wrong then
                fail(c, path or "command", program .. ": --" .. f[1] .. " " .. wrong)
              end
            end
          end
        end
      end
      if not seen then
        not_applicable(elsewhere)
      elseif open then
        unknown("it may stand in the file that --" .. file .. " names")
      end
    end,
  }
  for key, value in pairs(p) do
    if key ~= "program" and key ~= "flags" and key ~= "file" then
      policy[key] = value
    end
  end
  return policy
end

return M
