-- What rules of roles grant.
local M = {}

local function lists(list, item)
  for _, v in ipairs(list or {}) do
    if v == item or v == "*" then
      return true
    end
  end
  return false
end

-- A resource, or a part of one: "pods/exec" is also granted by "*", "*/exec" and "pods/*".
local function grants_resource(rule, resource)
  local parts = resource:split("/")
  for _, v in ipairs(rule.resources or {}) do
    if v == resource or v == "*" or (parts[2] and (v == "*/" .. parts[2] or v == parts[1] .. "/*")) then
      return true
    end
  end
  return false
end

-- Whether the rule grants one of the verbs on one of the resources of the group. group nil: any.
function M.grants(rule, group, resources, verbs)
  if group ~= nil and not lists(rule.apiGroups, group) then
    return false
  end
  for _, resource in ipairs(resources) do
    if grants_resource(rule, resource) then
      for _, verb in ipairs(verbs) do
        if lists(rule.verbs, verb) then
          return true
        end
      end
    end
  end
  return false
end

-- Whether some rule of the role does. unnamed: rules for objects named in the rule do not count.
function M.role_grants(role, group, resources, verbs, unnamed)
  for _, rule in ipairs(role.rules or {}) do
    if not (unnamed and rule.resourceNames[1] ~= nil) and M.grants(rule, group, resources, verbs) then
      return true
    end
  end
  return false
end

-- Fails each rule of the role for which wrong(rule) gives a message.
function M.each_rule(r, wrong)
  for i, rule in ipairs(r.rules or {}) do
    local message = wrong(rule)
    if message then
      fail(r, "rules[" .. (i - 1) .. "]", message)
    end
  end
end

-- Whether a subject is an account of workloads or nodes rather than of a person.
function M.is_machine(subject)
  local name = tostring(subject.name)
  return subject.kind == "ServiceAccount" or name:startswith("system:serviceaccount") or name == "system:nodes"
    or name:startswith("system:node:")
end

-- The role that a binding refers to, when it is among the documents.
function M.role_of(binding)
  local kind = binding.roleRef.kind
  if kind ~= "Role" and kind ~= "ClusterRole" then
    return nil
  end
  for _, role in ipairs(resources("kubernetes:" .. kind)) do
    if role.metadata.name == binding.roleRef.name
      and (kind == "ClusterRole" or k8s.namespace(role) == k8s.namespace(binding)) then
      return role
    end
  end
  return nil
end

return M
