-- Bindings of roles, and what workloads and nodes get through them.
local rbac = import("rbac")

local bindings = { "kubernetes:RoleBinding", "kubernetes:ClusterRoleBinding" }

-- A policy about a right that no service account or node should have; found through the role that
-- the binding names, when it is among the documents.
local function machine_right(p)
  local grants = p.grants
  p.grants = nil
  p.applies_to = p.applies_to or bindings
  p.scope = "project"
  p.cwe = { 269 }
  p.check = function(r)
    local role = rbac.role_of(r)
    if role == nil then
      not_applicable("the role is not among the documents")
    end
    if not grants(role) then
      return
    end
    for i, subject in ipairs(r.subjects or {}) do
      if rbac.is_machine(subject) then
        fail(r, "subjects[" .. (i - 1) .. "]", tostring(subject.kind) .. " " .. tostring(subject.name) .. " gets " .. p.what
          .. " through " .. tostring(r.roleRef.kind) .. " " .. tostring(r.roleRef.name))
      end
    end
  end
  local policy = {}
  for key, value in pairs(p) do
    if key ~= "what" then
      policy[key] = value
    end
  end
  return policy
end

-- Finds each subject of a binding that is one of the names.
local function subjects_named(names)
  return function(r)
    for i, subject in ipairs(r.subjects or {}) do
      if names[subject.name] then
        fail(r, "subjects[" .. (i - 1) .. "].name", "the role is bound to " .. subject.name)
      end
    end
  end
end

return {
  {
    id = "k8s-rbac-cluster-admin",
    title = "cluster-admin is bound to nobody without need",
    severity = "MEDIUM",
    applies_to = bindings,
    aliases = { "kics:249328b8-5f0f-409f-b1dd-029f07882e11" },
    frameworks = { ["cis-kubernetes"] = "5.1.1" },
    description = "cluster-admin may do everything, secrets and nodes included.",
    remediation = "Bind a role that grants what is needed.",
    cwe = { 250, 269 },
    check = function(r)
      if r.roleRef.name == "cluster-admin" then
        fail(r, "roleRef.name", "cluster-admin is bound")
      end
    end,
  },
  {
    id = "k8s-rbac-admin-roles",
    title = "The administrative roles of Kubernetes are bound to nobody without need",
    severity = "MEDIUM",
    applies_to = bindings,
    aliases = { "KSV-0111" },
    frameworks = { ["cis-kubernetes"] = "5.1.1" },
    description = "As k8s-rbac-cluster-admin, with admin and edit, which read the secrets of a namespace.",
    remediation = "Bind a role that grants what is needed.",
    cwe = { 250, 269 },
    default = false,
    check = function(r)
      local name = r.roleRef.name
      if name == "cluster-admin" or name == "admin" or name == "edit" then
        fail(r, "roleRef.name", name .. " is bound")
      end
    end,
  },
  {
    id = "k8s-rbac-everyone",
    title = "No role is bound to everybody who is logged in",
    severity = "HIGH",
    applies_to = bindings,
    aliases = { "KSV-01011" },
    description = "system:authenticated holds every user and every service account of the cluster.",
    remediation = "Bind the role to a group of those who need it.",
    cwe = { 732 },
    check = subjects_named { ["system:authenticated"] = true },
  },
  {
    id = "k8s-rbac-anonymous",
    title = "No role is bound to those who are not logged in",
    severity = "CRITICAL",
    applies_to = bindings,
    aliases = { "KSV-0122" },
    description = "Whoever reaches the API server has such a role.",
    remediation = "Remove the subject.",
    cwe = { 306 },
    check = subjects_named { ["system:anonymous"] = true, ["system:unauthenticated"] = true },
  },
  {
    id = "k8s-rbac-masters",
    title = "No role is bound to system:masters",
    severity = "CRITICAL",
    applies_to = bindings,
    aliases = { "KSV-0123" },
    frameworks = { ["cis-kubernetes"] = "5.1.7" },
    description = "Members of system:masters pass all authorization; their rights cannot be taken back.",
    remediation = "Use a group of your own and bind roles to it.",
    cwe = { 250 },
    check = subjects_named { ["system:masters"] = true },
  },
  machine_right {
    id = "k8s-machine-escalates-bindings", title = "Workloads and nodes cannot hand out roles", severity = "HIGH",
    aliases = { "CKV2_K8S_1" }, what = "changing bindings of roles",
    description = "A token from one pod is then enough to become an administrator.",
    remediation = "Remove bind, and the writing of role bindings, from the role.",
    grants = function(role)
      local group = "rbac.authorization.k8s.io"
      return rbac.role_grants(role, group, { "rolebindings", "clusterrolebindings" }, { "create", "update", "patch" })
        and rbac.role_grants(role, group, { "roles", "clusterroles" }, { "bind" })
    end,
  },
  machine_right {
    id = "k8s-machine-executes", title = "Workloads and nodes cannot run commands in pods", severity = "HIGH",
    aliases = { "CKV2_K8S_2" }, what = "running commands in pods",
    description = "A token from one pod then opens all others.",
    remediation = "Remove create on pods/exec and nodes/proxy from the role.",
    grants = function(role)
      return rbac.role_grants(role, "", { "pods/exec", "nodes/proxy" }, { "create" })
    end,
  },
  machine_right {
    id = "k8s-machine-impersonates", title = "Workloads and nodes cannot impersonate others", severity = "HIGH",
    aliases = { "CKV2_K8S_3" }, what = "impersonating others",
    description = "A token from one pod is then enough to be anyone.",
    remediation = "Remove the verb impersonate from the role.",
    grants = function(role)
      return rbac.role_grants(role, nil, { "users", "groups", "serviceaccounts" }, { "impersonate" })
    end,
  },
  machine_right {
    id = "k8s-machine-service-status", title = "Workloads and nodes cannot change the status of services", severity = "MEDIUM",
    aliases = { "CKV2_K8S_4" }, what = "changing the status of services",
    description = "status.loadBalancer.ingress.ip takes the traffic of any address (CVE-2020-8554).",
    remediation = "Remove the writing of services/status from the role.",
    grants = function(role)
      return rbac.role_grants(role, "", { "services/status" }, { "update", "patch" })
    end,
  },
  machine_right {
    id = "k8s-machine-reads-secrets", title = "Workloads and nodes cannot read all secrets", severity = "HIGH",
    applies_to = "kubernetes:ClusterRoleBinding", aliases = { "CKV2_K8S_5" }, what = "reading the secrets of all namespaces",
    description = "A token from one pod then opens everything that has a secret in the cluster.",
    remediation = "Bind the role in single namespaces, and to single secrets by resourceNames.",
    grants = function(role)
      return rbac.role_grants(role, "", { "secrets" }, { "get", "list", "watch" }, true)
    end,
  },
  {
    id = "k8s-service-account-secrets",
    title = "Service accounts are not given roles that read secrets",
    severity = "MEDIUM",
    applies_to = { "kubernetes:Role", "kubernetes:ClusterRole" },
    scope = "project",
    aliases = { "kics:056ac60e-fe07-4acc-9b34-8e1d51716ab9" },
    description = "The role is bound to a service account: its pods read the secrets of the namespace, or of all of them.",
    remediation = "Mount the secrets that the pods need, and remove them from the role.",
    cwe = { 522 },
    check = function(r)
      local bound = false
      for _, kind in ipairs { "RoleBinding", "ClusterRoleBinding" } do
        for _, b in ipairs(resources("kubernetes:" .. kind)) do
          if b.roleRef.kind == r.kind and b.roleRef.name == r.metadata.name then
            for _, subject in ipairs(b.subjects or {}) do
              bound = bound or subject.kind == "ServiceAccount"
            end
          end
        end
      end
      if bound then
        rbac.each_rule(r, function(rule)
          if rbac.grants(rule, "", { "secrets" }, { "get", "list", "watch" }) then
            return "a service account is bound to the role, which reads secrets"
          end
        end)
      end
    end,
  },
}
