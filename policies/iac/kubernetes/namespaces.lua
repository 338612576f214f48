-- In which namespace objects are.

local namespaced = {
  "kubernetes:workload", "kubernetes:Service", "kubernetes:ServiceAccount", "kubernetes:Role", "kubernetes:RoleBinding",
  "kubernetes:ConfigMap", "kubernetes:Secret", "kubernetes:Ingress", "kubernetes:NetworkPolicy",
  "kubernetes:PersistentVolumeClaim",
}

-- The service account and the service that every default namespace has.
local function is_born_with(r)
  return (r.kind == "ServiceAccount" and r.metadata.name == "default") or (r.kind == "Service" and r.metadata.name == "kubernetes")
end

return {
  {
    id = "k8s-default-namespace",
    title = "Objects are not put into the namespace default",
    severity = "LOW",
    applies_to = namespaced,
    frameworks = { ["cis-kubernetes"] = "5.7.4" },
    description = "Namespaces are what roles, quotas and network policies hold on to. An object without namespace gets one when it is applied, and is left alone here.",
    remediation = "Name another namespace.",
    cwe = { 653 },
    check = function(r)
      if r.metadata.namespace == "default" and not is_born_with(r) then
        fail(r, "metadata.namespace", "the object is in namespace default")
      end
    end,
  },
  {
    id = "k8s-namespace-named",
    title = "Objects name a namespace other than default",
    severity = "LOW",
    applies_to = namespaced,
    aliases = { "CKV_K8S_21", "KSV-0110" },
    description = "The strict form of k8s-default-namespace: who applies the manifest must not have to name the namespace.",
    remediation = "Set metadata.namespace.",
    cwe = { 653 },
    default = false,
    check = function(r)
      if k8s.namespace(r) == "default" and not is_born_with(r) then
        fail(r, "metadata.namespace", "the object is in namespace default, or in none")
      end
    end,
  },
  {
    id = "k8s-namespace-own",
    title = "Objects are in a namespace of their own",
    severity = "LOW",
    applies_to = namespaced,
    aliases = { "kics:611ab018-c4aa-4ba2-b0f6-a448337509a6" },
    description = "As k8s-namespace-named, and the namespaces of the cluster itself are refused too.",
    remediation = "Set metadata.namespace to one that is made for the purpose.",
    cwe = { 653 },
    default = false,
    check = function(r)
      local name = k8s.namespace(r)
      if (name == "default" or name == "kube-system" or name == "kube-public") and not is_born_with(r) then
        fail(r, "metadata.namespace", "the object is in namespace " .. name .. (r.metadata.namespace and "" or ", or in none"))
      end
    end,
  },
  {
    id = "k8s-kube-system",
    title = "Workloads of users are not in kube-system",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0037" },
    frameworks = { ["nsa-kubernetes"] = "1.12" },
    description = "In kube-system the components of the cluster run, with service accounts that may do much. Pods of the control plane carry the label tier: control-plane.",
    remediation = "Use a namespace of your own.",
    cwe = { 653 },
    default = false,
    check = function(r)
      if k8s.namespace(r) == "kube-system" and r.metadata.labels.tier ~= "control-plane" then
        fail(r, "metadata.namespace", "the workload is in kube-system")
      end
    end,
  },
  {
    id = "k8s-namespace-review",
    title = "The namespaces in use have been looked at",
    severity = "INFO",
    applies_to = "kubernetes:workload",
    scope = "project",
    aliases = { "kics:e84eaf4d-2f45-47b2-abe8-e581b06deb66" },
    frameworks = { ["cis-kubernetes"] = "5.7.1" },
    description = "Names each namespace once, at the first workload in it, for a person to judge whether the borders are right.",
    remediation = "Look at what shares the namespace, and waive this finding.",
    default = false,
    check = function(r)
      local name = r.metadata.namespace
      if name == nil then
        return
      end
      for _, other in ipairs(resources("kubernetes:workload")) do
        if other == r then
          break
        end
        if other.metadata.namespace == name then
          return
        end
      end
      fail(r, "metadata.namespace", "namespace " .. tostring(name) .. " is in use")
    end,
  },
}
