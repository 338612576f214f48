-- Users, groups, file system and other settings of security contexts that the Pod Security
-- Standards leave open.
local pods = import("pods")

local function container_count(spec)
  local n = 0
  for _, list in ipairs { "containers", "initContainers", "ephemeralContainers" } do
    if type(spec[list]) == "table" then
      n = n + #spec[list]
    end
  end
  return n
end

local function is_profile(name)
  return name == "RuntimeDefault" or name == "Localhost"
end

return {
  {
    id = "k8s-read-only-root",
    title = "Containers have a read-only root file system",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_22", "KSV-0014", "kics:a9c2f49d-0671-4fc9-9ece-f4e261e128d0" },
    frameworks = { ["nsa-kubernetes"] = "1.1" },
    description = "Where the image cannot be written, an intruder cannot change programs or leave tools behind.",
    remediation = "Set securityContext.readOnlyRootFilesystem to true and mount an emptyDir where the program writes.",
    cwe = { 732 },
    check = function(r)
      for _, c, list in k8s.containers(r) do
        if c.securityContext.readOnlyRootFilesystem ~= true then
          fail(c, "securityContext.readOnlyRootFilesystem", pods.label(c, list) .. " can write its root file system", { set = true })
        end
      end
    end,
  },
  {
    id = "k8s-root-user",
    title = "Containers run as another user than root",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_23", "kics:cf34805e-3872-4c08-bf92-6ff7bb0cfadb" },
    frameworks = { ["cis-kubernetes"] = "5.2.7" },
    description = "Root in a container is root on the node once it gets out. Either runAsNonRoot or a runAsUser other than 0 will do; what the container says goes before what the pod says.",
    remediation = "Set runAsNonRoot to true, or runAsUser to a number above 0.",
    cwe = { 250 },
    check = function(r)
      for _, c, list in k8s.containers(r) do
        local non_root = k8s.security(r, c, "runAsNonRoot")
        local user = k8s.security(r, c, "runAsUser")
        if user == 0 then
          fail(c, "securityContext.runAsUser", pods.label(c, list) .. " runs as user 0")
        elseif user == nil and non_root ~= true then
          fail(c, "securityContext.runAsNonRoot", pods.label(c, list) .. " may run as root", { set = true })
        end
      end
    end,
  },
  {
    id = "k8s-high-user",
    title = "Containers run with a user id of 10000 or more",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_40", "KSV-0020", "kics:02323c00-cdc3-4fdc-a310-4f2b3e7a1660" },
    frameworks = { ["cis-kubernetes"] = "5.7.3" },
    description = "Low user ids also exist on nodes: a container that gets out has the files of that user. Pods with user namespaces of their own (hostUsers: false) are mapped elsewhere anyway.",
    remediation = "Set runAsUser to 10000 or more for the pod, or for each container.",
    cwe = { 250 },
    params = { min = 10000 },
    check = function(r, params)
      if k8s.pod_spec(r).hostUsers == false then
        return
      end
      for _, c, list in k8s.containers(r) do
        local user = k8s.security(r, c, "runAsUser")
        if type(user) ~= "number" or user < params.min then
          fail(c, "securityContext.runAsUser", pods.label(c, list) .. (user == nil and " names no user id"
            or " runs with user id " .. tostring(user)))
        end
      end
    end,
  },
  {
    id = "k8s-high-group",
    title = "Containers run with a group id above 10000",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0021" },
    frameworks = { ["cis-kubernetes"] = "5.7.3" },
    description = "Low group ids also exist on nodes.",
    remediation = "Set runAsGroup to more than 10000 for the pod, or for each container.",
    cwe = { 250 },
    params = { min = 10001 },
    default = false,
    check = function(r, params)
      for _, c, list in k8s.containers(r) do
        local group = k8s.security(r, c, "runAsGroup")
        if type(group) ~= "number" or group < params.min then
          fail(c, "securityContext.runAsGroup", pods.label(c, list) .. " has no high group id")
        end
      end
    end,
  },
  {
    id = "k8s-root-group",
    title = "Containers have neither root's group nor get it",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0116" },
    frameworks = { ["nsa-kubernetes"] = "1.6" },
    description = "Files of group 0 are open to a container whose primary, supplementary or volume group is 0.",
    remediation = "Set runAsGroup, fsGroup and supplementalGroups to other numbers than 0.",
    cwe = { 250 },
    check = function(r)
      local spec = k8s.pod_spec(r)
      for _, field in ipairs { "runAsGroup", "fsGroup" } do
        if spec.securityContext[field] == 0 then
          fail(spec, "securityContext." .. field, field .. " of the pod is 0")
        end
      end
      if pods.holds(spec.securityContext.supplementalGroups, 0) then
        fail(spec, "securityContext.supplementalGroups", "the pod is in group 0")
      end
      for _, c, list in k8s.containers(r) do
        if c.securityContext.runAsGroup == 0 then
          fail(c, "securityContext.runAsGroup", pods.label(c, list) .. " has group 0")
        end
      end
    end,
  },
  {
    id = "k8s-security-context",
    title = "Pods or all of their containers have a security context",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_29" },
    frameworks = { ["cis-kubernetes"] = "5.7.3" },
    description = "Without a security context everything is as the image and the cluster happen to have it.",
    remediation = "Write a securityContext for the pod, or for each of its containers.",
    cwe = { 1188 },
    check = function(r)
      local spec = k8s.pod_spec(r)
      if keys(spec.securityContext)[1] ~= nil then
        return
      end
      local missing = container_count(spec) == 0
      for _, c in k8s.containers(r) do
        missing = missing or keys(c.securityContext)[1] == nil
      end
      if missing then
        fail(spec, "securityContext", "neither the pod nor all of its containers have a security context")
      end
    end,
  },
  {
    id = "k8s-pod-security-context",
    title = "Pods have a security context",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_29", "KSV-0118" },
    description = "The strict form of k8s-security-context: contexts of all containers do not stand in for that of the pod, which also holds for containers that are added later.",
    remediation = "Write a securityContext for the pod.",
    cwe = { 1188 },
    default = false,
    check = function(r)
      local spec = k8s.pod_spec(r)
      if keys(spec.securityContext)[1] == nil then
        fail(spec, "securityContext", "the pod has no security context")
      end
    end,
  },
  {
    id = "k8s-container-security-context",
    title = "Containers have a security context of their own",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_30" },
    description = "Several settings (privilege escalation, capabilities, read-only root) exist for containers only.",
    remediation = "Write a securityContext for each container.",
    cwe = { 1188 },
    default = false, -- the policies about single settings say more
    check = function(r)
      for _, c, list in k8s.containers(r) do
        if keys(c.securityContext)[1] == nil then
          fail(c, "securityContext", pods.label(c, list) .. " has no security context")
        end
      end
    end,
  },
  {
    id = "k8s-default-security-context",
    title = "Neither pods nor containers have an empty security context",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "kics:a97a340a-0063-418e-b3a1-3028941d0995" },
    frameworks = { ["cis-kubernetes"] = "5.7.3" },
    description = "The strict form of k8s-security-context: the pod and every container need one.",
    remediation = "Write a securityContext for the pod and one for each container.",
    cwe = { 1188 },
    default = false,
    check = function(r)
      local spec = k8s.pod_spec(r)
      if keys(spec.securityContext)[1] == nil then
        fail(spec, "securityContext", "the pod has no security context")
      end
      for _, c, list in k8s.containers(r) do
        if keys(c.securityContext)[1] == nil then
          fail(c, "securityContext", pods.label(c, list) .. " has no security context")
        end
      end
    end,
  },
  {
    id = "k8s-seccomp-set",
    title = "Pods have a seccomp profile, as field or as the annotation of old",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_31" },
    frameworks = { ["cis-kubernetes"] = "5.7.2" },
    description = "Like k8s-seccomp-restricted, but the annotation that clusters before 1.27 understood counts as well, and a profile of the pod covers containers with another.",
    remediation = "Set securityContext.seccompProfile.type to RuntimeDefault.",
    cwe = { 1188 },
    default = false,
    check = function(r)
      local spec = k8s.pod_spec(r)
      local own, pod = r.metadata.annotations, k8s.pod_metadata(r).annotations
      for _, map in ipairs { own or {}, pod or {} } do
        local text = map["seccomp.security.alpha.kubernetes.io/pod"]
        if type(text) == "string" and (text:contains("runtime/default") or text:contains("docker/default")) then
          return
        end
      end
      if is_profile(spec.securityContext.seccompProfile.type) then
        return
      end
      local missing = container_count(spec) == 0
      for _, c, list in k8s.containers(r) do
        if not is_profile(c.securityContext.seccompProfile.type) then
          fail(c, "securityContext.seccompProfile.type", pods.label(c, list) .. " has no seccomp profile", { set = "RuntimeDefault" })
        end
      end
      if missing then
        fail(spec, "securityContext.seccompProfile.type", "the pod has no seccomp profile", { set = "RuntimeDefault" })
      end
    end,
  },
  {
    id = "k8s-apparmor-set",
    title = "Every container has an AppArmor profile",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "kics:8b36775e-183d-4d46-b0f7-96a6f34a723f" },
    description = "The strict form of k8s-apparmor: a profile has to be named, as field or annotation.",
    remediation = "Set securityContext.appArmorProfile.type to RuntimeDefault.",
    cwe = { 1188 },
    default = false,
    check = function(r)
      local spec, metadata = k8s.pod_spec(r), k8s.pod_metadata(r)
      for _, c, list in k8s.containers(r) do
        local key = "container.apparmor.security.beta.kubernetes.io/" .. tostring(c.name)
        local annotation = metadata.annotations[key]
        local profile = c.securityContext.appArmorProfile.type or spec.securityContext.appArmorProfile.type
        local good = profile == "RuntimeDefault" or profile == "Localhost" or (profile == nil and type(annotation) == "string"
          and (annotation == "runtime/default" or annotation:startswith("localhost/")))
        if not good then
          fail(c, "securityContext.appArmorProfile.type", pods.label(c, list) .. " names no AppArmor profile", { set = "RuntimeDefault" })
        end
      end
    end,
  },
  {
    id = "k8s-low-port",
    title = "Containers do not listen on privileged ports",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0117" },
    description = "Ports below 1024 need root, a capability or a sysctl, and the pod can listen on any other port behind its Service.",
    remediation = "Let the program listen on a port above 1023 and map it in the Service.",
    cwe = { 250 },
    default = false,
    check = function(r)
      for _, c, list in k8s.containers(r) do
        for i, p in ipairs(c.ports or {}) do
          if type(p.containerPort) == "number" and p.containerPort < 1024 then
            fail(c, "ports[" .. (i - 1) .. "].containerPort", pods.label(c, list) .. " listens on port " .. tostring(p.containerPort))
          end
        end
      end
    end,
  },
  {
    id = "k8s-host-aliases",
    title = "Pods do not write their own /etc/hosts",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0007" },
    description = "hostAliases send names elsewhere than the name service of the cluster does, unseen.",
    remediation = "Remove hostAliases and use a Service or the name service.",
    cwe = { 350 },
    default = false,
    check = function(r)
      local spec = k8s.pod_spec(r)
      if spec.hostAliases[1] ~= nil then
        fail(spec, "hostAliases", "the pod has host aliases", { remove = true })
      end
    end,
  },
}
