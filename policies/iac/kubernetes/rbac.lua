-- Roles: what they grant.
local rbac = import("rbac")

local any_role = { "kubernetes:Role", "kubernetes:ClusterRole" }
local write = { "create", "update", "patch", "delete", "deletecollection" }
local read = { "get", "list", "watch" }

-- A policy about one right: p without check, and
--   group, resources, verbs: the right; what: how the message calls it.
local function right(p)
  local group, resources_of, verbs, what, resource_names = p.group, p.resources, p.verbs, p.what, p.named
  p.group, p.resources, p.verbs, p.what, p.named = nil, nil, nil, nil, nil
  p.applies_to = p.applies_to or any_role
  p.cwe = p.cwe or { 269 }
  p.check = function(r)
    rbac.each_rule(r, function(rule)
      if rbac.grants(rule, group, resources_of, verbs) and not (resource_names and rule.resourceNames[1] ~= nil) then
        return "the rule grants " .. what
      end
    end)
  end
  return p
end

local function has_star(list)
  for _, v in ipairs(list or {}) do
    if v == "*" then
      return true
    end
  end
  return false
end

local function wildcard(p, wrong)
  p.applies_to = p.applies_to or any_role
  p.cwe = { 732 }
  p.remediation = "List the resources and verbs that are needed."
  p.check = function(r)
    rbac.each_rule(r, wrong)
  end
  return p
end

return {
  wildcard({
    id = "k8s-rbac-wildcard",
    title = "Roles name what they grant, without *",
    severity = "HIGH",
    aliases = { "CKV_K8S_49", "kics:6b896afb-ca07-467a-b256-1a0077a1c08e" },
    frameworks = { ["cis-kubernetes"] = "5.1.3" },
    description = "A * also grants what is added to the cluster later, and verbs such as escalate and impersonate.",
  }, function(rule)
    for _, field in ipairs { "apiGroups", "resources", "verbs" } do
      if has_star(rule[field]) then
        return "the rule has * among its " .. field
      end
    end
  end),
  wildcard({
    id = "k8s-rbac-everything",
    title = "No role grants everything on everything",
    severity = "CRITICAL",
    aliases = { "KSV-0044" },
    frameworks = { ["cis-kubernetes"] = "5.1.3" },
    description = "All verbs on all resources is what cluster-admin has.",
    default = false, -- part of k8s-rbac-wildcard
  }, function(rule)
    if has_star(rule.resources) and has_star(rule.verbs) then
      return "the rule grants all verbs on all resources"
    end
  end),
  wildcard({
    id = "k8s-rbac-all-verbs",
    title = "Roles list the verbs that they grant",
    severity = "HIGH",
    aliases = { "KSV-0045" },
    frameworks = { ["cis-kubernetes"] = "5.1.3" },
    description = "All verbs include those that give rights away: bind, escalate, impersonate.",
    default = false, -- part of k8s-rbac-wildcard
  }, function(rule)
    if has_star(rule.verbs) then
      return "the rule grants all verbs"
    end
  end),
  wildcard({
    id = "k8s-rbac-all-resources",
    title = "Cluster roles list the resources that they speak of",
    severity = "HIGH",
    applies_to = "kubernetes:ClusterRole",
    aliases = { "KSV-0046" },
    frameworks = { ["cis-kubernetes"] = "5.1.3" },
    description = "All resources include secrets, and what is added to the cluster later.",
    default = false, -- part of k8s-rbac-wildcard
  }, function(rule)
    if has_star(rule.resources) then
      return "the rule speaks of all resources"
    end
  end),
  wildcard({
    id = "k8s-rbac-all-namespace-resources",
    title = "Roles list the resources that they speak of",
    severity = "HIGH",
    applies_to = "kubernetes:Role",
    aliases = { "KSV-0112" },
    description = "All resources include the secrets of the namespace, and what is added to the cluster later.",
    default = false, -- part of k8s-rbac-wildcard
  }, function(rule)
    if has_star(rule.resources) then
      return "the rule speaks of all resources"
    end
  end),
  right {
    id = "k8s-rbac-read-secrets", title = "Roles do not let secrets be read", severity = "MEDIUM",
    group = "", resources = { "secrets" }, verbs = read, what = "reading secrets",
    aliases = { "kics:b7bca5c4-1dab-4c2c-8cbe-3050b9d59b14" }, frameworks = { ["cis-kubernetes"] = "5.1.2" }, cwe = { 522 },
    description = "Secrets hold the tokens and passwords of everything in the namespace. To list or watch them shows their values too.",
    remediation = "Grant get on single secrets by resourceNames, or mount the secret into the pod that needs it.",
    named = true,
  },
  right {
    id = "k8s-rbac-manage-secrets", title = "Cluster roles do not manage secrets", severity = "HIGH",
    group = "", resources = { "secrets" }, verbs = { "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection" },
    what = "managing secrets", applies_to = "kubernetes:ClusterRole", aliases = { "KSV-0041" }, cwe = { 522 },
    frameworks = { ["cis-kubernetes"] = "5.1.2" }, default = false,
    description = "A cluster role that reads or writes secrets does so in every namespace where it is bound.",
    remediation = "Grant what is needed on single secrets, in a role of the namespace.",
  },
  right {
    id = "k8s-rbac-manage-namespace-secrets", title = "Roles do not manage secrets", severity = "MEDIUM",
    group = "", resources = { "secrets" }, verbs = { "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection" },
    what = "managing secrets", applies_to = "kubernetes:Role", aliases = { "KSV-0113" }, cwe = { 522 },
    frameworks = { ["cis-kubernetes"] = "5.1.2" }, default = false,
    description = "Who manages the secrets of a namespace has the credentials of everything in it.",
    remediation = "Grant what is needed on single secrets.",
  },
  right {
    id = "k8s-rbac-create-pods", title = "Roles do not create pods", severity = "MEDIUM",
    resources = { "pods" }, verbs = { "create" }, what = "creating pods",
    aliases = { "kics:592ad21d-ad9b-46c6-8d2d-fad09d62a942" }, frameworks = { ["cis-kubernetes"] = "5.1.4" },
    description = "Who creates pods can mount any secret of the namespace, use any service account and ask for the node's resources.",
    remediation = "Leave the creation of pods to controllers and deployment pipelines.",
  },
  right {
    id = "k8s-rbac-manage-workloads", title = "Roles do not manage pods and workloads", severity = "MEDIUM",
    resources = { "pods", "deployments", "jobs", "cronjobs", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers" },
    verbs = write, what = "managing workloads", aliases = { "KSV-0048" }, frameworks = { ["cis-kubernetes"] = "5.1.4" }, default = false,
    description = "Who changes workloads decides what runs with the service accounts and secrets of the namespace.",
    remediation = "Leave changes of workloads to controllers and deployment pipelines.",
  },
  right {
    id = "k8s-rbac-exec", title = "Roles do not run commands in pods", severity = "HIGH",
    resources = { "pods/exec" }, verbs = { "create", "get" }, what = "running commands in pods (pods/exec)",
    aliases = { "KSV-0053", "kics:c589f42c-7924-4871-aee2-1cede9bc7cbc" },
    description = "A shell in a pod has the pod's token, secrets and network.",
    remediation = "Remove pods/exec from the rule; grant it for the time it is needed.",
  },
  right {
    id = "k8s-rbac-attach", title = "Roles do not attach to pods", severity = "HIGH",
    resources = { "pods/attach" }, verbs = { "create", "get" }, what = "attaching to pods (pods/attach)",
    aliases = { "KSV-0054", "kics:d45330fd-f58d-45fb-a682-6481477a0f84" },
    description = "Who attaches to a running process reads what it writes and may type into it.",
    remediation = "Remove pods/attach from the rule.",
  },
  right {
    id = "k8s-rbac-port-forward", title = "Roles do not forward ports of pods", severity = "MEDIUM",
    resources = { "pods/portforward" }, verbs = { "create", "get" }, what = "forwarding ports (pods/portforward)",
    aliases = { "kics:38fa11ef-dbcc-4da8-9680-7e1fd855b6fb" }, cwe = { 668 },
    description = "A forwarded port reaches services that network policies keep apart.",
    remediation = "Remove pods/portforward from the rule.",
  },
  right {
    id = "k8s-rbac-impersonate", title = "Roles do not impersonate others", severity = "HIGH",
    resources = { "users", "groups", "serviceaccounts", "uids", "userextras" }, verbs = { "impersonate" }, what = "impersonating others",
    aliases = { "KSV-0043", "kics:9f85c3f6-26fd-4007-938a-2e0cb0100980" }, frameworks = { ["cis-kubernetes"] = "5.1.8" },
    description = "Who may impersonate has all rights of those whose name may be used.",
    remediation = "Remove the verb impersonate, or restrict it by resourceNames.",
  },
  right {
    id = "k8s-rbac-escalate", title = "Roles do not give themselves rights", severity = "HIGH",
    group = "rbac.authorization.k8s.io", resources = { "roles", "clusterroles" }, verbs = { "escalate" }, what = "escalating roles",
    aliases = { "CKV_K8S_158" }, frameworks = { ["cis-kubernetes"] = "5.1.8" },
    description = "escalate lets a role be changed to grant what its author does not have.",
    remediation = "Remove the verb escalate.",
  },
  right {
    id = "k8s-rbac-bind", title = "Roles do not bind roles that they do not have", severity = "HIGH",
    group = "rbac.authorization.k8s.io", resources = { "roles", "clusterroles", "rolebindings", "clusterrolebindings" },
    verbs = { "bind" }, what = "binding any role", aliases = { "CKV_K8S_157" }, frameworks = { ["cis-kubernetes"] = "5.1.8" },
    description = "bind lets a role be handed out by somebody who does not have its rights.",
    remediation = "Remove the verb bind, or restrict it by resourceNames.",
    named = true,
  },
  right {
    id = "k8s-rbac-privilege-escalation", title = "Roles grant neither bind nor escalate", severity = "HIGH",
    resources = { "roles", "clusterroles" }, verbs = { "bind", "escalate" }, what = "bind or escalate on roles",
    aliases = { "KSV-0050", "kics:8320826e-7a9c-4b0b-9535-578333193432" }, frameworks = { ["cis-kubernetes"] = "5.1.8" }, default = false,
    description = "Either verb turns its holder into an administrator.",
    remediation = "Remove the verbs bind and escalate.",
  },
  right {
    id = "k8s-rbac-approve-certificates", title = "Cluster roles do not approve certificates", severity = "HIGH",
    group = "certificates.k8s.io", resources = { "certificatesigningrequests/approval" }, verbs = { "update", "patch" },
    what = "approving certificate requests", applies_to = "kubernetes:ClusterRole", aliases = { "CKV_K8S_156" },
    description = "An approved certificate is an identity: whoever approves can become anyone.",
    remediation = "Leave the approval to the controllers of the cluster.",
  },
  right {
    id = "k8s-rbac-webhooks", title = "Cluster roles do not change admission webhooks", severity = "HIGH",
    group = "admissionregistration.k8s.io", resources = { "mutatingwebhookconfigurations", "validatingwebhookconfigurations" }, verbs = write,
    what = "changing admission webhooks", applies_to = "kubernetes:ClusterRole", aliases = { "CKV_K8S_155", "KSV-0114" },
    description = "A webhook sees every object that is created, secrets included, and may change it.",
    remediation = "Remove the webhook configurations from the rule.",
  },
  right {
    id = "k8s-rbac-node-proxy", title = "Roles do not go through the proxy of nodes", severity = "HIGH",
    group = "", resources = { "nodes/proxy" }, verbs = { "get", "create" }, what = "the proxy of nodes (nodes/proxy)", aliases = { "KSV-0047" },
    description = "The proxy speaks with the kubelet directly: commands in pods without admission and audit.",
    remediation = "Remove nodes/proxy; metrics have nodes/metrics and nodes/stats.",
  },
  right {
    id = "k8s-rbac-delete-logs", title = "Roles do not delete logs of pods", severity = "MEDIUM",
    resources = { "pods/log" }, verbs = { "delete", "deletecollection" }, what = "deleting logs of pods", aliases = { "KSV-0042" }, cwe = { 778 },
    description = "Deleted logs hide traces.", remediation = "Remove the verbs delete and deletecollection for pods/log.",
  },
  right {
    id = "k8s-rbac-config-maps", title = "Roles do not change config maps", severity = "MEDIUM",
    group = "", resources = { "configmaps" }, verbs = write, what = "changing config maps", aliases = { "KSV-0049" }, default = false,
    description = "Programs take orders from their config maps.", remediation = "Grant changes on single config maps by resourceNames.",
    named = true,
  },
  right {
    id = "k8s-rbac-eks-auth", title = "Roles do not change who may log in to EKS", severity = "CRITICAL",
    group = "", resources = { "configmaps" }, verbs = write, what = "changing the config map aws-auth", aliases = { "KSV-0115" }, default = false,
    applies_to = { "kubernetes:Role" },
    description = "On EKS the config map aws-auth in kube-system says which IAM identity is which user of the cluster. Any role in kube-system that changes config maps can change it.",
    remediation = "Grant changes on single config maps by resourceNames.",
    named = true,
  },
  right {
    id = "k8s-rbac-role-bindings", title = "Roles do not bind roles", severity = "HIGH",
    group = "rbac.authorization.k8s.io", resources = { "rolebindings", "clusterrolebindings" }, verbs = { "create", "update", "patch" },
    what = "changing who has which role", aliases = { "KSV-0051", "KSV-0052", "KSV-0055" }, default = false,
    description = "Whoever binds roles hands out rights, as far as he has them himself or has the verb bind.",
    remediation = "Leave bindings to administrators.",
  },
  right {
    id = "k8s-rbac-network", title = "Roles do not change the network of the cluster", severity = "MEDIUM",
    resources = { "services", "endpoints", "endpointslices", "networkpolicies", "ingresses" }, verbs = write, what = "changing services and network policies",
    aliases = { "KSV-0056" }, default = false,
    description = "Services, ingresses and network policies decide who reaches whom.",
    remediation = "Leave them to administrators and deployment pipelines.",
  },
}
