-- What several Kubernetes policies need: versions, names for messages, lists as sets.
local M = {}

-- The minor number of a version like "1.25" or "v1.25"; "latest", or what is no version, is newer
-- than all of them, so that a misspelt version is judged by the strictest rules.
function M.minor(version)
  local text = tostring(version)
  if text:startswith("v") then
    text = text:sub(2)
  end
  return tonumber(text:split(".")[2] or "") or 1000
end

local kind_of = { containers = "container ", initContainers = "init container ",
                  ephemeralContainers = "ephemeral container " }

-- "container web", "init container setup".
function M.label(container, list)
  return (kind_of[list] or "container ") .. tostring(container.name or "without a name")
end

-- { "a", "b" } as { a = true, b = true }. Also of lists of the document.
function M.set(list)
  local r = {}
  for _, v in ipairs(list or {}) do
    r[v] = true
  end
  return r
end

-- Whether a list of the document holds the value.
function M.holds(list, value)
  for _, v in ipairs(list or {}) do
    if v == value then
      return true
    end
  end
  return false
end

-- Windows pods (spec.os.name) have no Linux security settings to make.
function M.is_windows(r)
  return k8s.pod_spec(r).os.name == "windows"
end

-- Capabilities as they are meant: without the CAP_ that some write, in capitals.
function M.capability(name)
  local text = tostring(name):upper()
  if text:startswith("CAP_") then
    return text:sub(5)
  end
  return text
end

-- Whether the container drops one of these capabilities, or all of them.
function M.drops(container, names)
  local wanted = M.set(names)
  for _, name in ipairs(container.securityContext.capabilities.drop or {}) do
    local c = M.capability(name)
    if c == "ALL" or wanted[c] then
      return true
    end
  end
  return false
end

return M
