-- What several AWS policies need: statements of IAM documents wherever they stand, rules of security
-- groups in their three forms.
local plan = import("plan")
local M = {}

-- ---- IAM ------------------------------------------------------------------------------------------

-- One value or several as a list. Items that are known only after apply are left out: they are made
-- of other resources, and so never "*".
local function list(v)
  local r = {}
  if type(v) == "table" then
    for i = 1, #v do
      if not is_unknown(v, "[" .. (i - 1) .. "]") then
        r[#r + 1] = v[i]
      end
    end
  elseif v ~= nil then
    r[1] = v
  end
  return r
end

-- The statements of a data source aws_iam_policy_document.
local function of_data_source(r)
  local out = {}
  for _, s in ipairs(r.values.statement or {}) do
    local principals = {}
    for _, p in ipairs(s.principals or {}) do
      for _, id in ipairs(is_unknown(p, "identifiers") and {} or list(p.identifiers)) do
        principals[#principals + 1] = id == "*" and "*" or tostring(p.type) .. ":" .. id
      end
    end
    local function texts(name)
      return is_unknown(s, name) and {} or list(s[name])
    end
    out[#out + 1] = { effect = s.effect or "Allow", actions = list(s.actions), not_actions = list(s.not_actions),
                      resources = texts("resources"), not_resources = texts("not_resources"),
                      principals = principals, conditions = s.condition and #s.condition > 0 and s.condition or nil, node = s }
  end
  return out
end

local arguments = {
  aws_iam_role = { "assume_role_policy" },
}

-- Statements of the policy that a resource carries in `argument`, as iam.statements gives them. The
-- check ends as unknown when the document is only known after apply.
function M.statements(r, argument)
  if r.type == "aws_iam_policy_document" then
    return of_data_source(r)
  end
  argument = argument or (arguments[r.type] or { "policy" })[1]
  local path = "values." .. argument
  if is_unknown(r, path) and plan.left_out(r, argument) then
    plan.certain(r, argument)
    return {} -- the provider's default, no document of ours
  end
  local text = get(r, path)
  if text == nil or text == "" then
    return {}
  end
  local document, why = json(r, path)
  if document == nil then
    fail(r, path, "the policy is no JSON: " .. tostring(why))
    return {}
  end
  return iam.statements(document)
end

function M.holds(values, wanted)
  for _, v in ipairs(values) do
    if v == wanted then
      return true
    end
  end
  return false
end

function M.any_principal(s)
  for _, p in ipairs(s.principals) do
    if p == "*" or p == "AWS:*" then
      return true
    end
  end
  return false
end

-- Whether a condition limits the statement. What it says is not weighed.
function M.conditional(s)
  return s.conditions ~= nil and #s.conditions > 0
end

-- ---- security groups ------------------------------------------------------------------------------

local function port(v)
  return tonumber(v)
end

-- A rule that is a resource has its arguments in `values`, else it is a block.
local function rule(r, b, nets)
  local v = b or r.values
  return { r = r, block = b, protocol = tostring(v.protocol or v.ip_protocol or "-1"):lower(),
           from = port(v.from_port), to = port(v.to_port), nets = nets }
end

-- The rules of aws_security_group, aws_security_group_rule, aws_vpc_security_group_*_rule:
-- `direction` is "ingress" or "egress".
function M.rules(r, direction)
  local out = {}
  if r.type == "aws_security_group_rule" then
    if r.values.type == direction then
      out[1] = rule(r, nil, { "cidr_blocks", "ipv6_cidr_blocks" })
    end
  elseif r.type:startswith("aws_vpc_security_group_") then
    out[1] = rule(r, nil, { "cidr_ipv4", "cidr_ipv6" })
  else
    for _, b in plan.blocks(r, direction) do
      out[#out + 1] = rule(r, b, { "cidr_blocks", "ipv6_cidr_blocks" })
    end
    if #out == 0 then
      plan.certain(r, direction)
    end
  end
  return out
end

-- Fails each rule that lets the whole internet through and that `hit(rule)` wants reported.
function M.no_open_rule(r, direction, hit, message)
  local unsure = false
  for _, x in ipairs(M.rules(r, direction)) do
    for _, name in ipairs(x.nets) do
      local where, at = x.block or r, x.block and name or "values." .. name
      if is_unknown(where, at) then
        unsure = unsure or ((x.block ~= nil or not plan.left_out(r, name)) and hit(x))
      else
        for _, net in ipairs(list(get(where, at))) do
          if cidr.is_any(net) and hit(x) then
            fail(where, at, message .. " (" .. net .. ")")
          end
        end
      end
    end
  end
  if unsure then
    unknown("the networks are known only after apply")
  end
end

-- Whether the rule lets traffic of this TCP port pass.
function M.covers(x, wanted)
  if x.protocol == "-1" or x.protocol == "all" then
    return true
  end
  if x.protocol ~= "tcp" and x.protocol ~= "6" then
    return false
  end
  return x.from ~= nil and x.to ~= nil and x.from <= wanted and wanted <= x.to
end

function M.all_ports(x)
  return x.protocol == "-1" or x.protocol == "all" or (x.from == 0 and x.to == 65535)
end

return M
