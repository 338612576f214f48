-- Pod Security Standards, level restricted: what it demands beyond baseline, by version.
local pods = import("pods")

local version = { kubernetes_version = "latest" }
local standards = { "https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted" }

local volume_types = pods.set {
  "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}

-- Rules about Linux settings leave Windows pods alone since 1.25.
local function leaves_out(r, minor)
  return minor >= 25 and pods.is_windows(r)
end

return {
  {
    id = "k8s-volume-types",
    title = "Pods mount only volume types that keep to the cluster",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:restrictedvolumes" },
    frameworks = { ["pod-security-restricted"] = "restrictedvolumes" },
    description = "Volume types that name a device, a server or a path of the node go around storage classes and what administrators allowed.",
    remediation = "Use configMap, csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, projected or secret.",
    links = standards,
    cwe = { 668 },
    default = false, -- for its framework
    check = function(r)
      local spec = k8s.pod_spec(r)
      for i, v in ipairs(spec.volumes or {}) do
        for _, kind in ipairs(keys(v)) do
          if kind ~= "name" and not volume_types[kind] then
            fail(spec, "volumes[" .. (i - 1) .. "]." .. kind, "volume " .. tostring(v.name) .. " is of type " .. kind)
          end
        end
      end
    end,
  },
  {
    id = "k8s-privilege-escalation",
    title = "Containers cannot gain privileges",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:allowprivilegeescalation", "CKV_K8S_20", "KSV-0001", "kics:5572cc5e-1e4c-4113-92a6-7a8a3bd25e6d" },
    frameworks = { ["pod-security-restricted"] = "allowprivilegeescalation", ["nsa-kubernetes"] = "1.7", ["cis-kubernetes"] = "5.2.6" },
    description = "Unless allowPrivilegeEscalation is false, a set-uid program in the image can make its caller root. Part of the standard since Kubernetes 1.8; Windows pods are left out since 1.25.",
    remediation = "Set securityContext.allowPrivilegeEscalation to false in every container.",
    links = standards,
    cwe = { 269 },
    params = version,
    check = function(r, params)
      local minor = pods.minor(params.kubernetes_version)
      if minor < 8 or leaves_out(r, minor) then
        return
      end
      for _, c, list in k8s.containers(r) do
        if c.securityContext.allowPrivilegeEscalation ~= false then
          fail(c, "securityContext.allowPrivilegeEscalation",
            pods.label(c, list) .. " does not set allowPrivilegeEscalation to false", { set = false })
        end
      end
    end,
  },
  {
    id = "k8s-run-as-non-root",
    title = "Containers are made to run as another user than root",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:runasnonroot", "KSV-0012" },
    frameworks = { ["pod-security-restricted"] = "runasnonroot", ["nsa-kubernetes"] = "1.0", ["cis-kubernetes"] = "5.2.7" },
    description = "With runAsNonRoot the kubelet refuses to start a container whose image or settings say root.",
    remediation = "Set securityContext.runAsNonRoot to true for the pod or for each container.",
    links = standards,
    cwe = { 250 },
    default = false, -- without its framework: k8s-root-user
    check = function(r)
      local spec = k8s.pod_spec(r)
      local of_pod = spec.securityContext.runAsNonRoot
      if of_pod == false then
        fail(spec, "securityContext.runAsNonRoot", "runAsNonRoot of the pod is false", { set = true })
      end
      for _, c, list in k8s.containers(r) do
        local own = c.securityContext.runAsNonRoot
        if own == false or (own == nil and of_pod == nil) then
          fail(c, "securityContext.runAsNonRoot", pods.label(c, list) .. " is not kept from running as root", { set = true })
        end
      end
    end,
  },
  {
    id = "k8s-run-as-user-zero",
    title = "Containers do not ask for user 0",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:runasuser", "KSV-0105" },
    frameworks = { ["pod-security-restricted"] = "runasuser" },
    description = "A runAsUser of 0 starts the container as root. Part of the standard since Kubernetes 1.23.",
    remediation = "Set runAsUser to another number, or leave it out.",
    links = standards,
    cwe = { 250 },
    default = false, -- without its framework: k8s-root-user
    params = version,
    check = function(r, params)
      if pods.minor(params.kubernetes_version) < 23 then
        return
      end
      local spec = k8s.pod_spec(r)
      if spec.securityContext.runAsUser == 0 then
        fail(spec, "securityContext.runAsUser", "runAsUser of the pod is 0")
      end
      for _, c, list in k8s.containers(r) do
        if c.securityContext.runAsUser == 0 then
          fail(c, "securityContext.runAsUser", pods.label(c, list) .. " runs as user 0")
        end
      end
    end,
  },
  {
    id = "k8s-seccomp-restricted",
    title = "Every container has a seccomp profile",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:seccompprofile_restricted", "KSV-0030", "KSV-0104", "kics:f377b83e-bd07-4f48-a591-60c82b14a78b" },
    frameworks = { ["pod-security-restricted"] = "seccompprofile_restricted", ["nsa-kubernetes"] = "1.10", ["cis-kubernetes"] = "5.7.3" },
    description = "Where no profile is named, many clusters run the container without a filter of system calls. Part of the standard since Kubernetes 1.19; Windows pods are left out since 1.25.",
    remediation = "Set seccompProfile.type to RuntimeDefault for the pod, or for each container.",
    links = standards,
    cwe = { 1188 },
    params = version,
    check = function(r, params)
      local minor = pods.minor(params.kubernetes_version)
      if minor < 19 or leaves_out(r, minor) then
        return
      end
      local spec = k8s.pod_spec(r)
      local function allowed(profile)
        return profile == "RuntimeDefault" or profile == "Localhost"
      end
      local of_pod = spec.securityContext.seccompProfile.type
      if of_pod ~= nil and not allowed(of_pod) then
        fail(spec, "securityContext.seccompProfile.type", "the pod has the seccomp profile " .. tostring(of_pod), { set = "RuntimeDefault" })
      end
      for _, c, list in k8s.containers(r) do
        local own = c.securityContext.seccompProfile.type
        if own ~= nil and not allowed(own) then
          fail(c, "securityContext.seccompProfile.type", pods.label(c, list) .. " has the seccomp profile " .. tostring(own),
            { set = "RuntimeDefault" })
        elseif own == nil and of_pod == nil then
          fail(c, "securityContext.seccompProfile.type", pods.label(c, list) .. " has no seccomp profile", { set = "RuntimeDefault" })
        end
      end
    end,
  },
  {
    id = "k8s-capabilities-restricted",
    title = "Containers drop all capabilities and add at most NET_BIND_SERVICE",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:capabilities_restricted", "KSV-0106" },
    frameworks = { ["pod-security-restricted"] = "capabilities_restricted" },
    description = "Few programs need any capability; what is dropped cannot be used after a break-in. Part of the standard since Kubernetes 1.22; Windows pods are left out since 1.25.",
    remediation = "Set securityContext.capabilities.drop to [ALL] and add only NET_BIND_SERVICE where ports below 1024 are needed.",
    links = standards,
    cwe = { 250 },
    default = false, -- without its framework: k8s-drop-all-capabilities and k8s-added-capabilities
    params = version,
    check = function(r, params)
      local minor = pods.minor(params.kubernetes_version)
      if minor < 22 or leaves_out(r, minor) then
        return
      end
      for _, c, list in k8s.containers(r) do
        local capabilities = c.securityContext.capabilities
        if not pods.holds(capabilities.drop, "ALL") then
          fail(c, "securityContext.capabilities.drop", pods.label(c, list) .. " does not drop ALL", { set = { "ALL" } })
        end
        for i, cap in ipairs(capabilities.add or {}) do
          if cap ~= "NET_BIND_SERVICE" then
            fail(c, "securityContext.capabilities.add[" .. (i - 1) .. "]", pods.label(c, list) .. " adds " .. tostring(cap), { remove = true })
          end
        end
      end
    end,
  },
  {
    id = "k8s-proc-mount-restricted",
    title = "Containers keep the mask over /proc, also in user namespaces",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:procmount_restricted" },
    frameworks = { ["pod-security-restricted"] = "procmount_restricted" },
    description = "Since Kubernetes 1.35 the baseline level lets pods with user namespaces unmask /proc; the restricted level does not.",
    remediation = "Remove securityContext.procMount, or set it to Default.",
    links = standards,
    cwe = { 668 },
    default = false, -- without its framework: k8s-proc-mount
    params = version,
    check = function(r, params)
      if pods.minor(params.kubernetes_version) < 35 then
        return
      end
      for _, c, list in k8s.containers(r) do
        local mount = c.securityContext.procMount
        if mount ~= nil and mount ~= "Default" then
          fail(c, "securityContext.procMount", pods.label(c, list) .. " has procMount " .. tostring(mount), { set = "Default" })
        end
      end
    end,
  },
}
