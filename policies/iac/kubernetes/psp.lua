-- Pod security policies, which Kubernetes had before 1.25.

-- p without applies_to; judge(r, spec) gives path and message of what is wrong, or nothing.
local function psp(p)
  local judge = p.judge
  p.judge = nil
  p.applies_to = "kubernetes:PodSecurityPolicy"
  p.cwe = p.cwe or { 250 }
  p.remediation = p.remediation or "Restrict the policy, or better replace it: use Pod Security admission, which took its place."
  p.check = function(r)
    local path, message, fix = judge(r.spec, r)
    if path then
      fail(r, path, message, fix)
    end
  end
  return p
end

-- A policy about a field that must not be true.
local function not_true(field, p)
  p.judge = function(spec)
    if spec[field] == true then
      return "spec." .. field, field .. " is true", { set = false }
    end
  end
  return psp(p)
end

local function holds(list, ...)
  for _, v in ipairs(list or {}) do
    for _, wanted in ipairs { ... } do
      if v == wanted then
        return true
      end
    end
  end
  return false
end

return {
  not_true("privileged", {
    id = "k8s-psp-privileged", title = "Pod security policies admit no privileged containers", severity = "HIGH",
    aliases = { "CKV_K8S_2", "kics:c48e57d3-d642-4e0b-90db-37f807b41b91" },
    description = "A privileged container has its node.",
  }),
  not_true("hostPID", {
    id = "k8s-psp-host-pid", title = "Pod security policies admit no sharing of the node's processes", severity = "MEDIUM",
    aliases = { "CKV_K8S_1", "kics:91dacd0e-d189-4a9c-8272-5999a3cc32d9" },
    description = "With the processes of the node in sight, a container can read their environment and signal them.",
  }),
  not_true("hostIPC", {
    id = "k8s-psp-host-ipc", title = "Pod security policies admit no sharing of the node's IPC", severity = "MEDIUM",
    aliases = { "CKV_K8S_3", "kics:80f93444-b240-4ebb-a4c6-5c40b76c04ea" },
    description = "Shared memory of the node can be read and changed.",
  }),
  not_true("hostNetwork", {
    id = "k8s-psp-host-network", title = "Pod security policies admit no sharing of the node's network", severity = "MEDIUM",
    aliases = { "CKV_K8S_4", "kics:a33e9173-b674-4dfb-9d82-cf3754816e4b" },
    description = "On the network of the node a container sees its traffic.",
  }),
  psp {
    id = "k8s-psp-privilege-escalation", title = "Pod security policies admit no gaining of privileges", severity = "MEDIUM",
    aliases = { "CKV_K8S_5", "kics:87554eef-154d-411d-bdce-9dbd91e56851" },
    description = "allowPrivilegeEscalation is true where it is left out.",
    judge = function(spec)
      if spec.allowPrivilegeEscalation ~= false then
        return "spec.allowPrivilegeEscalation", "allowPrivilegeEscalation is not false", { set = false }
      end
    end,
  },
  psp {
    id = "k8s-psp-root-user", title = "Pod security policies admit no containers that run as root", severity = "MEDIUM",
    aliases = { "CKV_K8S_6" },
    description = "MustRunAsNonRoot, or MustRunAs with ranges that leave 0 out.",
    judge = function(spec)
      local user = spec.runAsUser
      if user.rule == "MustRunAsNonRoot" then
        return nil
      elseif user.rule == "MustRunAs" then
        for i, range in ipairs(user.ranges or {}) do
          if range.min == nil or range.min == 0 then
            return "spec.runAsUser.ranges[" .. (i - 1) .. "].min", "the range holds 0"
          end
        end
        if user.ranges[1] ~= nil then
          return nil
        end
      end
      return "spec.runAsUser.rule", "containers may run as root"
    end,
  },
  {
    id = "k8s-psp-root-admitted",
    title = "Pod security policies leave root no way in",
    severity = "MEDIUM",
    applies_to = "kubernetes:PodSecurityPolicy",
    aliases = { "kics:e3aa0612-4351-4a0d-983f-aefea25cf203" },
    description = "The strict form of k8s-psp-root-user: also privileges, supplementary groups and the group of volumes.",
    remediation = "Use MustRunAsNonRoot for users and MustRunAs with ranges above 0 for groups.",
    cwe = { 250 },
    default = false,
    check = function(r)
      for _, field in ipairs { "privileged", "allowPrivilegeEscalation" } do
        if r.spec[field] == true then
          fail(r, "spec." .. field, field .. " is true", { set = false })
        end
      end
      if r.spec.runAsUser.rule ~= "MustRunAsNonRoot" then
        fail(r, "spec.runAsUser.rule", "containers may run as root")
      end
      for _, field in ipairs { "supplementalGroups", "fsGroup" } do
        local group = r.spec[field]
        if group.rule ~= "MustRunAs" then
          fail(r, "spec." .. field .. ".rule", field .. " may be 0")
        end
        for i, range in ipairs(group.ranges or {}) do
          if range.min == 0 then
            fail(r, "spec." .. field .. ".ranges[" .. (i - 1) .. "].min", field .. " may be 0")
          end
        end
      end
    end,
  },
  psp {
    id = "k8s-psp-net-raw", title = "Pod security policies make containers drop NET_RAW", severity = "MEDIUM",
    aliases = { "CKV_K8S_7", "kics:2270987f-bb51-479f-b8be-3ca73e5ad648" },
    description = "NET_RAW lets a container forge packets of its neighbours.",
    judge = function(spec)
      if not holds(spec.requiredDropCapabilities, "NET_RAW", "ALL") then
        return "spec.requiredDropCapabilities", "NET_RAW need not be dropped"
      end
    end,
  },
  psp {
    id = "k8s-psp-added-capabilities", title = "Pod security policies let no capabilities be added", severity = "MEDIUM",
    aliases = { "CKV_K8S_24", "kics:7307579a-3abb-46ad-9ce5-2a915634d5c8" },
    description = "Each added capability is a part of what root may do.",
    judge = function(spec)
      if spec.allowedCapabilities[1] ~= nil then
        return "spec.allowedCapabilities", "capabilities may be added"
      end
    end,
  },
  psp {
    id = "k8s-psp-drop-all", title = "Pod security policies make containers drop all capabilities", severity = "LOW",
    description = "What is dropped cannot be used after a break-in.",
    judge = function(spec)
      if not holds(spec.requiredDropCapabilities, "ALL") then
        return "spec.requiredDropCapabilities", "ALL need not be dropped", { set = { "ALL" } }
      end
    end,
  },
  psp {
    id = "k8s-psp-drop-some", title = "Pod security policies make containers drop capabilities", severity = "LOW",
    aliases = { "CKV_K8S_36", "kics:caa93370-791f-4fc6-814b-ba6ce0cb4032" }, default = false,
    description = "The weak form of k8s-psp-drop-all: any capability counts.",
    judge = function(spec)
      if spec.requiredDropCapabilities[1] == nil then
        return "spec.requiredDropCapabilities", "no capability need be dropped", { set = { "ALL" } }
      end
    end,
  },
  psp {
    id = "k8s-psp-seccomp", title = "Pod security policies give containers a seccomp profile", severity = "LOW",
    aliases = { "CKV_K8S_32" }, cwe = { 1188 },
    description = "The annotation names the profile of containers that name none.",
    judge = function(_, r)
      local profile = r.metadata.annotations["seccomp.security.alpha.kubernetes.io/defaultProfileName"]
      if profile ~= "runtime/default" and profile ~= "docker/default" then
        return "metadata.annotations", "no default seccomp profile is named"
      end
    end,
  },
  psp {
    id = "k8s-psp-proc-mount", title = "Pod security policies keep the mask over /proc", severity = "MEDIUM",
    aliases = { "kics:f922827f-aab6-447c-832a-e1ff63312bd3" }, cwe = { 668 },
    description = "An unmasked /proc shows and lets change settings of the kernel.",
    judge = function(spec)
      if holds(spec.allowedProcMountTypes, "Unmasked") then
        return "spec.allowedProcMountTypes", "Unmasked is allowed"
      end
    end,
  },
  psp {
    id = "k8s-psp-host-paths", title = "Pod security policies let paths of the node be mounted read-only", severity = "MEDIUM",
    aliases = { "kics:de4421f1-4e35-43b4-9783-737dd4e4a47e" }, cwe = { 668 },
    description = "A container that can write files of its node can replace what runs there. Where no path is listed, any may be mounted.",
    judge = function(spec)
      local mountable = spec.volumes == nil or holds(spec.volumes, "*", "hostPath")
      if spec.allowedHostPaths[1] == nil and mountable then
        return "spec.allowedHostPaths", "any path of the node may be mounted"
      end
      for i, path in ipairs(spec.allowedHostPaths or {}) do
        if path.readOnly ~= true then
          return "spec.allowedHostPaths[" .. (i - 1) .. "].readOnly", tostring(path.pathPrefix) .. " of the node can be written", { set = true }
        end
      end
    end,
  },
  psp {
    id = "k8s-psp-sysctls", title = "Pod security policies let no unsafe sysctls be set", severity = "MEDIUM",
    aliases = { "kics:9127f0d9-2310-42e7-866f-5fd9d20dcbad" }, cwe = { 732 },
    description = "Unsafe sysctls act on the whole node.",
    judge = function(spec)
      if spec.allowedUnsafeSysctls[1] ~= nil then
        return "spec.allowedUnsafeSysctls", "unsafe sysctls are allowed", { remove = true }
      end
    end,
  },
}
