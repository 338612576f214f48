-- Reading the resources of a Terraform plan, and the two forms most policies on them have.
local M = {}

-- "a" of "a[0].b".
local function first(path)
  local cut = #path + 1
  for _, mark in ipairs({ ".", "[" }) do
    local at = path:find(mark)
    if at and at < cut then
      cut = at
    end
  end
  return path:sub(1, cut - 1)
end

-- "a[0]" of "a[0].b", "a" of "a[0]"; nil of "a".
local function above(path)
  for i = #path, 1, -1 do
    local c = path:sub(i, i)
    if c == "." or c == "[" then
      return path:sub(1, i - 1)
    end
  end
  return nil
end

-- Whether a block of the same name sets the argument: sets change the order of blocks, so that the
-- second in the plan need not be the second in the configuration.
local function any_block_sets(set, top, name)
  local i = 0
  while set[top .. "[" .. i .. "]"] do
    if set[top .. "[" .. i .. "]." .. name] then
      return true
    end
    i = i + 1
  end
  return false
end

-- Whether a value that is known only after apply is so because nobody set it: the provider's default
-- applies then. It cannot be told inside of dynamic blocks, which the configuration does not show. A
-- plan that has lost its configuration cannot tell at all: there what is unknown counts as not set,
-- and a policy that this would let pass ends with M.certain.
function M.left_out(r, path)
  local set = r.configured
  local top = first(path)
  if #set == 0 then
    return true
  end
  if set[path] then
    return false
  end
  if not set[top] then
    return is_unknown(r, "values." .. top)
  end
  local block = above(path)
  if block == nil or not block:endswith("]") or not set[block] then
    return false
  end
  return above(block) ~= top or not any_block_sets(set, top, path:sub(#block + 2))
end

-- The value of an argument: nil when it is not set. One that is known only after apply, and not just
-- left to the provider, ends the check as unknown.
function M.get(r, path)
  local full = "values." .. path
  if is_unknown(r, full) and M.left_out(r, path) then
    return nil
  end
  return get(r, full)
end

-- Ends a check that found nothing as unknown when it could not have found it.
function M.certain(r, path)
  if #r.configured == 0 and is_unknown(r, "values." .. path) then
    unknown("it is known only after apply, and the plan has no configuration")
  end
end

-- Whether it has a value now or will have one that the configuration gives it.
function M.is_set(r, path)
  local full = "values." .. path
  if is_unknown(r, full) then
    if M.left_out(r, path) then
      return false
    end
    if r.configured[path] then
      return true
    end
  end
  local v = get(r, full)
  return v ~= nil and v ~= "" and (type(v) ~= "table" or #v > 0)
end

-- Items of a list of blocks, the known ones first: for i, block in plan.blocks(r, "ingress").
function M.blocks(r, path)
  return ipairs(M.get(r, path) or {})
end

local function types(p)
  local list = {}
  for _, t in ipairs(type(p.type) == "table" and p.type or { p.type }) do
    list[#list + 1] = "terraform:" .. t
  end
  p.applies_to, p.type = list, nil
end

-- A policy whose argument `at` (or the first that is set, of a list) must have a value: `is` names it,
-- `one_of` lists some, `test` is asked with value and resource; none of them: anything that is set.
-- `unset` is what the provider or service takes for an argument that is not set. `when(r)` false: not
-- applicable, `unless` says why.
function M.want(p)
  local at, is, one_of, test, when = p.at, p.is, p.one_of, p.test, p.when
  local unset, message, why = p.unset, p.message, p.unless or "the policy does not speak of it"
  local must = is == nil and one_of == nil and test == nil
  p.at, p.is, p.one_of, p.test, p.when, p.message, p.unless, p.unset = nil, nil, nil, nil, nil, nil, nil, nil
  types(p)
  local function good(v, r)
    if v == nil then
      v = unset
    end
    if test then
      return test(v, r)
    elseif one_of then
      for _, x in ipairs(one_of) do
        if v == x then
          return true
        end
      end
      return false
    end
    return v == is
  end
  p.check = function(r)
    if when and not when(r) then
      return not_applicable(why)
    end
    local ok
    if must then
      ok = M.is_set(r, at)
    else
      ok = good(M.get(r, at), r)
    end
    if ok or (unset == nil and not must) then
      M.certain(r, at)
    end
    if not ok then
      fail(r, "values." .. at, message)
    end
  end
  return p
end

-- A policy with a check of its own; `type` as above.
function M.policy(p)
  types(p)
  return p
end

-- ---- other resources of the plan (scope = "project") ----------------------------------------------

local function names_resource(refs)
  for _, ref in ipairs(refs) do
    if not (ref:contains("local.") or ref:contains("var.") or ref:startswith("each.") or ref:startswith("count.")) then
      return true
    end
  end
  return false
end

-- A resource of the type that refers to this one by the argument, or has its name there (among the
-- first thousand); the second value tells that there is one that may: what its argument means cannot
-- be followed.
function M.companion(r, type, argument, name)
  local found = terraform.referrers(r, type, argument)[1]
  if found then
    return found, false
  end
  local maybe, full = false, "values." .. argument
  local others, plan = resources("terraform:" .. type), file_path(r)
  for i = 1, math.min(#others, 1000) do
    local refs = others[i].references[argument]
    -- one that names its resource is another's, and so is one of another plan
    if not names_resource(refs) and file_path(others[i]) == plan then
      if is_unknown(others[i], full) then
        maybe = true
      elseif name and get(others[i], full) == name then
        return others[i], false
      end
    end
  end
  return nil, maybe
end

return M
