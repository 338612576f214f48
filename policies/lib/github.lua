-- What attackers can say in the contexts of a workflow run.

local github = {}

-- Last names of context paths whose text comes from whoever opens an issue, a pull request or a
-- commit: https://docs.github.com/actions/security-guides (untrusted input).
local UNTRUSTED = {
  title = true, body = true, message = true, email = true, label = true, head_ref = true,
  head_branch = true, default_branch = true, page_name = true, display_title = true,
}

-- The expressions of a text: what stands between ${{ and }}.
function github.expressions(text)
  local found = {}
  if type(text) ~= "string" then
    return found
  end
  local from = 1
  while true do
    local open = text:find("${{", from)
    local close = open and text:find("}}", open + 3)
    if not close then
      return found
    end
    table.insert(found, text:sub(open + 3, close - 1):trim())
    from = close + 2
  end
end

-- The context paths of an expression, with dots: github['event'].x[0] is github.event.x.0.
function github.contexts(expression)
  local text = expression:replace("['", "."):replace("[\"", "."):replace("[", "."):replace("]", "")
  local paths, start = {}, nil
  for i = 1, #text + 1 do
    local c = text:sub(i, i)
    if c ~= "" and c:is_word("_.-*") then
      start = start or i
    elseif start then
      table.insert(paths, text:sub(start, i - 1))
      start = nil
    end
  end
  return paths
end

local function is_test(e)
  return e:find("&&") == nil and e:find("||") == nil and (e:find("==") ~= nil or e:find("!=") ~= nil
      or e:startswith("contains(") or e:startswith("startsWith(") or e:startswith("endsWith("))
end

local function untrusted_path(path)
  path = path:lower()
  if path == "github.head_ref" then
    return true
  elseif not path:startswith("github.event.") then
    return false
  end
  local part = path:split(".")
  local last = part[#part]
  if UNTRUSTED[last] then
    return true
  elseif last == "description" or last == "homepage" then
    local owner = part[#part - 1]
    return part[#part - 2] == "head" and owner == "repo" or owner == "head_repository"
  elseif last == "ref" then
    return part[#part - 1] == "head"
  elseif last == "path" then
    return part[#part - 1] == "workflow"
  elseif last == "name" then
    for _, word in ipairs(part) do
      if word == "author" or word == "authors" or word == "committer" or word == "pusher" then
        return true
      end
    end
  end
  return false
end

-- The first context path in the text whose value an attacker chooses, or nil.
function github.untrusted(text)
  for _, e in ipairs(github.expressions(text)) do
    if not is_test(e) then
      for _, path in ipairs(github.contexts(e)) do
        if untrusted_path(path) then
          return path
        end
      end
    end
  end
  return nil
end

-- Whether the text uses the secrets of the repository, or all of them at once.
function github.secrets(text)
  local some, all = false, false
  for _, e in ipairs(github.expressions(text)) do
    for _, path in ipairs(github.contexts(e)) do
      some = some or path == "secrets" or path:startswith("secrets.")
      all = all or path == "secrets"
    end
  end
  return some, all
end

-- Whether a workflow starts on an event: `on` is a name, a list or a map.
function github.on(workflow, event)
  local on = workflow.on
  if type(on) == "string" then
    return on == event
  elseif type(on) ~= "table" then
    return false
  end
  for key, value in pairs(on) do
    if key == event or value == event then
      return true
    end
  end
  return false
end

function github.workflow(r)
  while r ~= nil and r.jobs == nil do
    r = parent(r)
  end
  return r
end

return github
