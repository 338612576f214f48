-- For the files of this folder: each check passes when its library does what is said here.
local M = {}

local function show(v)
  if type(v) == "string" then
    return string.format("%q", v)
  end
  if type(v) == "table" then
    local parts = {}
    for k, x in pairs(v) do
      parts[#parts + 1] = tostring(k) .. "=" .. show(x)
    end
    return "{" .. table.concat(parts, ", ") .. "}"
  end
  return tostring(v)
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math.type(a) == math.type(b)
  end
  for k, v in pairs(a) do
    if not same(v, b[k]) then
      return false
    end
  end
  for k in pairs(b) do
    if a[k] == nil then
      return false
    end
  end
  return true
end

function M.eq(got, want, what)
  if not same(got, want) then
    error((what or "value") .. ": expected " .. show(want) .. ", got " .. show(got), 2)
  end
end

-- The function must raise an error that contains the text.
function M.raises(text, f, ...)
  local ok, message = pcall(f, ...)
  if ok then
    error("no error, expected: " .. text, 2)
  end
  if not tostring(message):contains(text) then
    error("expected error '" .. text .. "', got: " .. tostring(message), 2)
  end
end

return M
