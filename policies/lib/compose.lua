-- Ports and volumes of a Compose service: the short and the long form as one.

local compose = {}

local function first(text) -- "5000-5010" and "80/udp" to the first number
  if text == nil then
    return nil
  end
  text = text:split("/")[1] or ""
  return tonumber(text:split("-")[1])
end

-- The pieces of "host:container", "[::1]:80:80", "127.0.0.1::5000".
local function pieces(text)
  if text:startswith("[") then
    local close = text:find("]")
    if close then
      local rest = text:sub(close + 2):split(":")
      table.insert(rest, 1, text:sub(2, close - 1))
      return rest
    end
  end
  return text:split(":")
end

-- { ip, host, container }: what is published; `host` and `container` are first ports.
function compose.port(p)
  if type(p) == "number" then
    return { container = p }
  elseif type(p) == "table" then
    return { ip = p.host_ip, host = first(p.published and tostring(p.published)),
             container = first(p.target and tostring(p.target)) }
  elseif type(p) ~= "string" or is_template(p) then
    return {}
  end
  local part = pieces(p)
  if #part >= 3 then
    return { ip = part[1], host = first(part[2]), container = first(part[3]) }
  elseif #part == 2 then
    return { host = first(part[1]), container = first(part[2]) }
  end
  return { container = first(part[1]) }
end

-- { source, target, options }: source is nil for an anonymous volume.
function compose.volume(v)
  if type(v) == "table" then
    return { source = v.source, target = v.target, propagation = v.bind.propagation,
             bind = v.type == "bind" }
  elseif type(v) ~= "string" then
    return {}
  end
  local part = v:split(":")
  if #part == 1 then
    return { target = part[1] }
  end
  local result = { source = part[1], target = part[2] }
  result.bind = part[1]:startswith("/") or part[1]:startswith(".") or part[1]:startswith("~")
  for _, option in ipairs((part[3] or ""):split(",")) do
    if option:endswith("shared") or option:endswith("slave") or option:endswith("private") then
      result.propagation = option
    end
  end
  return result
end

-- The value of a security_opt by its name ("seccomp:unconfined", "no-new-privileges=true"); true
-- for a bare name, nil when it is not there. Second: its index.
function compose.security_opt(service, name)
  for i, text in ipairs(service.security_opt) do
    if type(text) == "string" then
      if text:trim() == name then
        return "true", i
      elseif text:startswith(name .. ":") or text:startswith(name .. "=") then
        return text:sub(#name + 2):trim(), i
      end
    end
  end
  return nil
end

return compose
