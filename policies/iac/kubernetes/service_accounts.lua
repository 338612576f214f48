-- Service accounts of pods and the tokens that they carry.
local function account_name(r)
  local spec = k8s.pod_spec(r)
  return spec.serviceAccountName or spec.serviceAccount
end

-- The service account of the name among the documents.
local function find_account(namespace, name)
  for _, account in ipairs(resources("kubernetes:ServiceAccount")) do
    if account.metadata.name == name and k8s.namespace(account) == namespace then
      return account
    end
  end
  return nil
end

local default_binding = {
  id = "k8s-default-service-account-bound",
  title = "No role is bound to a default service account",
  severity = "MEDIUM",
  applies_to = { "kubernetes:RoleBinding", "kubernetes:ClusterRoleBinding" },
  aliases = { "CKV_K8S_42", "kics:1e749bc9-fde8-471c-af0c-8254efd2dee5" },
  frameworks = { ["cis-kubernetes"] = "5.1.5" },
  description = "Every pod that names no service account gets the role.",
  remediation = "Make a service account for the pods that need the role, and bind it to that.",
  cwe = { 1188 },
  check = function(r)
    for i, s in ipairs(r.subjects or {}) do
      if s.kind == "ServiceAccount" and s.name == "default" then
        fail(r, "subjects[" .. (i - 1) .. "].name", "the role is bound to the default service account")
      end
    end
  end,
}

return {
  default_binding,
  {
    id = "k8s-default-service-account-token",
    title = "Default service accounts mount no token",
    severity = "LOW",
    applies_to = "kubernetes:ServiceAccount",
    aliases = { "CKV_K8S_41" },
    frameworks = { ["cis-kubernetes"] = "5.1.5" },
    description = "Pods that name no service account would carry the token of default without need.",
    remediation = "Set automountServiceAccountToken to false.",
    cwe = { 1188 },
    check = function(r)
      if r.metadata.name ~= "default" then
        not_applicable("not a default service account")
      end
      if r.automountServiceAccountToken ~= false then
        fail(r, "automountServiceAccountToken", "the default service account mounts its token", { set = false })
      end
    end,
  },
  {
    id = "k8s-service-account-token",
    title = "Pods do not mount the token of their service account",
    severity = "MEDIUM",
    applies_to = { "kubernetes:workload", "kubernetes:ServiceAccount" },
    scope = "project",
    aliases = { "CKV_K8S_38", "kics:48471392-d4d0-47c0-b135-cdec95eb3eef" },
    frameworks = { ["nsa-kubernetes"] = "1.11", ["cis-kubernetes"] = "5.1.6" },
    description = "Most programs never call the API server, but who breaks in gets the token. What the pod says goes before what its service account says; a service account among the documents that mounts the token is named in the pod's place.",
    remediation = "Set automountServiceAccountToken to false for the service account or the pod.",
    cwe = { 1188 },
    check = function(r)
      if r.kind == "ServiceAccount" then
        if r.automountServiceAccountToken == true then
          fail(r, "automountServiceAccountToken", "the service account mounts its token", { set = false })
        end
        return
      end
      local spec = k8s.pod_spec(r)
      local own = spec.automountServiceAccountToken
      if own == true then
        fail(spec, "automountServiceAccountToken", "the pod mounts the token of its service account", { set = false })
      elseif own == nil then
        local account = find_account(k8s.namespace(r), account_name(r) or "default")
        if account.automountServiceAccountToken == nil then
          fail(spec, "automountServiceAccountToken", "the pod mounts the token of its service account by default", { set = false })
        end
      end
    end,
  },
  {
    id = "k8s-service-account-token-asked",
    title = "Pods do not ask for the token of their service account",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0036" },
    description = "The weak form of k8s-service-account-token: a pod that says nothing passes, though the token is then mounted by default.",
    remediation = "Set automountServiceAccountToken to false.",
    cwe = { 1188 },
    default = false,
    check = function(r)
      local spec = k8s.pod_spec(r)
      if spec.automountServiceAccountToken == true then
        fail(spec, "automountServiceAccountToken", "the pod mounts the token of its service account", { set = false })
      elseif spec.automountServiceAccountToken == nil then
        for _, c in k8s.containers(r) do
          for i, m in ipairs(c.volumeMounts or {}) do
            if type(m.mountPath) == "string" and m.mountPath:startswith("/var/run/secrets/kubernetes.io/serviceaccount") then
              fail(c, "volumeMounts[" .. (i - 1) .. "].mountPath", "the token of the service account is mounted")
            end
          end
        end
      end
    end,
  },
  {
    id = "k8s-service-account-named",
    title = "Pods name a service account of their own",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "kics:591ade62-d6b0-4580-b1ae-209f80ba1cd9" },
    description = "Pods that name none share the default one, with whatever is granted to it.",
    remediation = "Set serviceAccountName.",
    cwe = { 1188 },
    default = false,
    check = function(r)
      local name = account_name(r)
      if name == nil or name == "" or name == "default" then
        fail(k8s.pod_spec(r), "serviceAccountName", "the pod has the default service account")
      end
    end,
  },
  {
    id = "k8s-service-account-shared",
    title = "Workloads do not share a service account",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    scope = "project",
    aliases = { "kics:c1032cf7-3628-44e2-bd53-38c17cf31b6b" },
    description = "With an account for each workload its rights are those that it needs, and logs tell who acted.",
    remediation = "Make a service account for each workload.",
    cwe = { 269 },
    default = false,
    check = function(r)
      local name = account_name(r)
      if name == nil or name == "" or name == "default" then
        return
      end
      for _, other in ipairs(resources("kubernetes:workload")) do
        if other ~= r and account_name(other) == name and k8s.namespace(other) == k8s.namespace(r)
          and other.metadata.name ~= r.metadata.name then
          fail(k8s.pod_spec(r), "serviceAccountName", tostring(other.kind) .. " " .. tostring(other.metadata.name)
            .. " also has the service account " .. name)
          return
        end
      end
    end,
  },
}
