-- Requests, limits and quotas.
local pods = import("pods")

local function demand(kind, what, p)
  p.applies_to = "kubernetes:workload"
  p.cwe = { 770 }
  p.remediation = "Set resources." .. kind .. "." .. what .. " for each container."
  p.check = function(r)
    for _, c, list in k8s.containers(r, "containers,initContainers") do
      if not has(c, "resources." .. kind .. "." .. what) then
        fail(c, "resources." .. kind .. "." .. what, pods.label(c, list) .. " has no " .. what .. " " .. kind:sub(1, -2))
      end
    end
  end
  return p
end

-- A policy that wants an object of the kind in the namespace of each workload.
local function namespaced(kind, p)
  p.applies_to = "kubernetes:workload"
  p.scope = "project"
  p.cwe = { 770 }
  p.default = false -- the object is rarely beside the workloads
  p.check = function(r)
    for _, other in ipairs(resources("kubernetes:" .. kind)) do
      if k8s.namespace(other) == k8s.namespace(r) then
        return
      end
    end
    fail(r, "metadata.namespace", "namespace " .. k8s.namespace(r) .. " has no " .. kind .. " among the documents")
  end
  return p
end

return {
  demand("requests", "cpu", {
    id = "k8s-cpu-request", title = "Containers request CPU", severity = "LOW",
    aliases = { "CKV_K8S_10", "KSV-0015", "kics:ca469dd4-c736-448f-8ac1-30a642705e0a" },
    description = "Without a request the scheduler puts pods on nodes that cannot carry them.",
  }),
  demand("limits", "cpu", {
    id = "k8s-cpu-limit", title = "Containers have a CPU limit", severity = "LOW",
    aliases = { "CKV_K8S_11", "KSV-0011", "kics:4ac0e2b7-d2d2-4af7-8799-e8de6721ccda" },
    description = "Without a limit one container can slow down all others of its node.",
  }),
  demand("requests", "memory", {
    id = "k8s-memory-request", title = "Containers request memory", severity = "LOW",
    aliases = { "CKV_K8S_12", "KSV-0016", "kics:229588ef-8fde-40c8-8756-f4f2b5825ded" },
    description = "Without a request the scheduler puts pods on nodes that cannot carry them, and they are the first to be ended there.",
  }),
  demand("limits", "memory", {
    id = "k8s-memory-limit", title = "Containers have a memory limit", severity = "MEDIUM",
    aliases = { "CKV_K8S_13", "KSV-0018", "kics:b14d1bc4-a208-45db-92f0-e21f8e2588e9" },
    description = "Without a limit one container can use up the memory of its node.",
  }),
  namespaced("LimitRange", {
    id = "k8s-limit-range", title = "Namespaces of workloads have a LimitRange", severity = "LOW",
    aliases = { "kics:4a20ebac-1060-4c81-95d1-1f7f620e983b" },
    frameworks = { ["nsa-kubernetes"] = "4.1" },
    description = "A LimitRange gives containers that name no limits the ones of the namespace.",
    remediation = "Add a LimitRange to the namespace.",
  }),
  namespaced("ResourceQuota", {
    id = "k8s-resource-quota", title = "Namespaces of workloads have a ResourceQuota", severity = "LOW",
    aliases = { "kics:48a5beba-e4c0-4584-a2aa-e6894e4cf424" },
    frameworks = { ["nsa-kubernetes"] = "4.0" },
    description = "A quota keeps one namespace from using the whole cluster.",
    remediation = "Add a ResourceQuota to the namespace.",
  }),
  {
    id = "k8s-limit-range-complete",
    title = "A LimitRange gives containers default and maximum",
    severity = "LOW",
    applies_to = "kubernetes:LimitRange",
    aliases = { "KSV-0039" },
    frameworks = { ["nsa-kubernetes"] = "4.1" },
    description = "Without defaults containers that name nothing stay without limits.",
    remediation = "Set type, max, min, default and defaultRequest of each limit.",
    cwe = { 770 },
    default = false,
    check = function(r)
      if r.spec.limits[1] == nil then
        fail(r, "spec.limits", "the LimitRange limits nothing")
      end
      for i, limit in ipairs(r.spec.limits or {}) do
        for _, field in ipairs { "type", "max", "min", "default", "defaultRequest" } do
          if not has(limit, field) then
            fail(r, "spec.limits[" .. (i - 1) .. "]." .. field, "the limit has no " .. field)
          end
        end
      end
    end,
  },
  {
    id = "k8s-resource-quota-complete",
    title = "A ResourceQuota caps CPU and memory",
    severity = "LOW",
    applies_to = "kubernetes:ResourceQuota",
    aliases = { "KSV-0040" },
    frameworks = { ["nsa-kubernetes"] = "4.0" },
    description = "A quota without CPU and memory lets a namespace use the whole cluster.",
    remediation = "Set requests.cpu, requests.memory, limits.cpu and limits.memory in spec.hard.",
    cwe = { 770 },
    default = false,
    check = function(r)
      local hard = r.spec.hard
      for _, field in ipairs { "requests.cpu", "requests.memory", "limits.cpu", "limits.memory" } do
        if hard[field] == nil then
          fail(r, "spec.hard", "the quota does not cap " .. field)
        end
      end
    end,
  },
}
