-- Rules for objects of any kind, and for the audit policy.
local pods = import("pods")

-- Versions of the API that are gone: group/version, kinds and the version without them.
local removed = {
  { "extensions/v1beta1", pods.set { "Deployment", "DaemonSet", "ReplicaSet", "NetworkPolicy", "PodSecurityPolicy" }, 16 },
  { "extensions/v1beta1", pods.set { "Ingress" }, 22 },
  { "apps/v1beta1", pods.set { "Deployment", "StatefulSet", "ControllerRevision" }, 16 },
  { "apps/v1beta2", pods.set { "Deployment", "DaemonSet", "ReplicaSet", "StatefulSet", "ControllerRevision" }, 16 },
  { "networking.k8s.io/v1beta1", pods.set { "Ingress", "IngressClass" }, 22 },
  { "rbac.authorization.k8s.io/v1alpha1", pods.set { "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding" }, 22 },
  { "rbac.authorization.k8s.io/v1beta1", pods.set { "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding" }, 22 },
  { "admissionregistration.k8s.io/v1beta1", pods.set { "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration" }, 22 },
  { "apiextensions.k8s.io/v1beta1", pods.set { "CustomResourceDefinition" }, 22 },
  { "apiregistration.k8s.io/v1beta1", pods.set { "APIService" }, 22 },
  { "certificates.k8s.io/v1beta1", pods.set { "CertificateSigningRequest" }, 22 },
  { "coordination.k8s.io/v1beta1", pods.set { "Lease" }, 22 },
  { "scheduling.k8s.io/v1beta1", pods.set { "PriorityClass" }, 22 },
  { "storage.k8s.io/v1beta1", pods.set { "StorageClass", "VolumeAttachment", "CSIDriver", "CSINode" }, 22 },
  { "batch/v1beta1", pods.set { "CronJob" }, 25 },
  { "discovery.k8s.io/v1beta1", pods.set { "EndpointSlice" }, 25 },
  { "events.k8s.io/v1beta1", pods.set { "Event" }, 25 },
  { "autoscaling/v2beta1", pods.set { "HorizontalPodAutoscaler" }, 25 },
  { "autoscaling/v2beta2", pods.set { "HorizontalPodAutoscaler" }, 26 },
  { "policy/v1beta1", pods.set { "PodDisruptionBudget", "PodSecurityPolicy" }, 25 },
  { "node.k8s.io/v1beta1", pods.set { "RuntimeClass" }, 25 },
  { "flowcontrol.apiserver.k8s.io/v1beta1", pods.set { "FlowSchema", "PriorityLevelConfiguration" }, 26 },
  { "flowcontrol.apiserver.k8s.io/v1beta2", pods.set { "FlowSchema", "PriorityLevelConfiguration" }, 29 },
  { "flowcontrol.apiserver.k8s.io/v1beta3", pods.set { "FlowSchema", "PriorityLevelConfiguration" }, 32 },
}

-- What has to be logged, and at which levels.
local bodies = pods.set { "Metadata" }
local any_level = pods.set { "Metadata", "Request", "RequestResponse" }
local audited = {
  { "secrets", bodies }, { "configmaps", bodies }, { "tokenreviews", bodies },
  { "pods", any_level }, { "deployments", any_level }, { "pods/exec", any_level }, { "pods/portforward", any_level },
  { "pods/proxy", any_level }, { "services/proxy", any_level },
}

-- Whether a rule of an audit policy speaks of the resource whatever user, verb and namespace.
local function speaks_of(rule, resource)
  if rule.users[1] ~= nil or rule.verbs[1] ~= nil or rule.namespaces[1] ~= nil or rule.nonResourceURLs[1] ~= nil
    or rule.userGroups[1] ~= nil then
    return false
  end
  if rule.resources[1] == nil then
    return true
  end
  for _, group in ipairs(rule.resources) do
    if group.resources[1] == nil or (pods.holds(group.resources, resource) and group.resourceNames[1] == nil) then
      return true
    end
  end
  return false
end

local function is_name_part(text)
  return #text > 0 and #text <= 63 and text:is_word("-_.") and text:sub(1, 1):is_word() and text:sub(-1):is_word()
end

return {
  {
    id = "k8s-pod-spec",
    title = "Workloads have a pod spec",
    severity = "MEDIUM",
    applies_to = {
      "kubernetes:Pod", "kubernetes:Deployment", "kubernetes:StatefulSet", "kubernetes:DaemonSet", "kubernetes:ReplicaSet",
      "kubernetes:ReplicationController", "kubernetes:Job", "kubernetes:CronJob",
    },
    description = "An object whose pod spec is missing or no map is refused by the cluster, and no other policy can judge its pods.",
    remediation = "Write the spec of the pods, a map, where the kind has it.",
    cwe = { 20 },
    check = function(r)
      if type(k8s.pod_spec(r)) ~= "table" then
        fail(r, "spec", tostring(r.kind) .. " has no pod spec: its pods were not judged")
      end
    end,
  },
  {
    id = "k8s-removed-api",
    title = "Objects use a version of the API that still exists",
    severity = "LOW",
    applies_to = "kubernetes",
    aliases = { "KSV-0107", "kics:94b76ea5-e074-4ca2-8a03-c5a606e30645" },
    description = "After the update that removes it the object is refused, or never checked again.",
    remediation = "Use the newest stable version of the group.",
    cwe = { 477 },
    params = { kubernetes_version = "latest" },
    check = function(r, params)
      local minor = pods.minor(params.kubernetes_version)
      for _, entry in ipairs(removed) do
        if r.apiVersion == entry[1] and r.kind ~= nil and entry[2][r.kind] and minor >= entry[3] then
          fail(r, "apiVersion", r.kind .. " of " .. entry[1] .. " is gone since Kubernetes 1." .. entry[3])
        end
      end
    end,
  },
  {
    id = "k8s-label-syntax",
    title = "Labels are written as Kubernetes takes them",
    severity = "LOW",
    applies_to = "kubernetes",
    aliases = { "kics:1123031a-f921-4c5b-bd86-ef354ecfd37a" },
    description = "An object with a malformed label is refused.",
    remediation = "Use letters, digits, -, _ and ., at most 63 of them, with a letter or digit at both ends.",
    cwe = { 710 },
    check = function(r)
      for _, key in ipairs(keys(r.metadata.labels)) do
        local value = r.metadata.labels[key]
        if value ~= nil and type(value) ~= "string" then
          fail(r, "metadata.labels", "label " .. key .. " is no string")
        elseif value ~= nil and value ~= "" and not is_template(value) and not is_name_part(value) then
          fail(r, "metadata.labels", "label " .. key .. " has the value " .. value)
        end
      end
    end,
  },
  {
    id = "k8s-audit-policy",
    title = "The audit policy logs what matters",
    severity = "LOW",
    applies_to = "kubernetes:Policy",
    aliases = { "kics:1828a670-5957-4bc5-9974-47da228f75e2" },
    frameworks = { ["cis-kubernetes"] = "3.2.2" },
    description = "Access to secrets, config maps and token reviews at level Metadata (more would write secrets to the log); changes of pods and deployments, commands and forwarded ports at any level.",
    remediation = "Add rules for what is missing.",
    cwe = { 778 },
    check = function(r)
      if not tostring(r.apiVersion):startswith("audit.k8s.io/") then
        not_applicable("another kind of policy")
      end
      for _, entry in ipairs(audited) do
        local level
        for _, rule in ipairs(r.rules or {}) do
          if level == nil and speaks_of(rule, entry[1]) then
            level = rule.level or "None"
          end
        end
        if not entry[2][level or "None"] then
          fail(r, "rules", entry[1] .. (level and " are logged at level " .. level or " are not logged"))
        end
      end
    end,
  },
}
