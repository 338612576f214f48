-- Linux capabilities beyond what the Pod Security Standards say of them.
local pods = import("pods")

-- A policy that looks for one capability among those added.
local function added(capability, id, severity, aliases, frameworks, description)
  return {
    id = id,
    title = "Containers do not add the capability " .. capability,
    severity = severity,
    applies_to = "kubernetes:workload",
    aliases = aliases,
    frameworks = frameworks,
    description = description,
    remediation = "Remove " .. capability .. " from securityContext.capabilities.add.",
    cwe = { 250 },
    check = function(r)
      for _, c, list in k8s.containers(r) do
        for i, name in ipairs(c.securityContext.capabilities.add or {}) do
          if pods.capability(name) == capability then
            fail(c, "securityContext.capabilities.add[" .. (i - 1) .. "]",
              pods.label(c, list) .. " adds " .. tostring(name), { remove = true })
          end
        end
      end
    end,
  }
end

-- A policy that wants one of the names, or ALL, dropped.
local function dropped(names, check)
  check.check = function(r)
    for _, c, list in k8s.containers(r) do
      if not pods.drops(c, names) then
        fail(c, "securityContext.capabilities.drop", pods.label(c, list) .. check.message, { set = { "ALL" } })
      end
    end
  end
  check.applies_to = "kubernetes:workload"
  check.remediation = "Set securityContext.capabilities.drop to [ALL], and add back single ones where they are needed."
  check.cwe = { 250 }
  local policy = {}
  for key, value in pairs(check) do
    if key ~= "message" then
      policy[key] = value
    end
  end
  return policy
end

return {
  added("SYS_ADMIN", "k8s-capability-sys-admin", "HIGH",
    { "CKV_K8S_39", "KSV-0005", "kics:235236ee-ad78-4065-bd29-61b061f28ce0" }, { ["cis-kubernetes"] = "5.7.3" },
    "SYS_ADMIN holds so much (mounting, namespaces, devices) that it is root in all but name."),
  added("SYS_MODULE", "k8s-capability-sys-module", "HIGH", { "KSV-0120" }, nil,
    "Who may load kernel modules runs code in the kernel of the node."),
  added("NET_RAW", "k8s-capability-net-raw", "HIGH", { "KSV-0119" }, nil,
    "Raw sockets let a container forge packets of its neighbours."),
  dropped({}, {
    id = "k8s-drop-all-capabilities",
    title = "Containers drop all capabilities",
    severity = "LOW",
    aliases = { "CKV_K8S_37", "KSV-0003" },
    frameworks = { ["cis-kubernetes"] = "5.2.10" },
    description = "Whatever the runtime grants by default and the program does not need is a tool for an attacker.",
    message = " does not drop all capabilities",
  }),
  dropped({ "NET_RAW" }, {
    id = "k8s-drop-net-raw",
    default = false, -- part of k8s-drop-all-capabilities
    title = "Containers drop NET_RAW",
    severity = "MEDIUM",
    aliases = { "CKV_K8S_28", "kics:dbbc6705-d541-43b0-b166-dd4be8208b54" },
    frameworks = { ["cis-kubernetes"] = "5.2.8" },
    description = "NET_RAW is granted by default and lets a container forge packets, for instance answers to name lookups of its neighbours.",
    message = " keeps NET_RAW",
  }),
  {
    id = "k8s-drop-some-capabilities",
    title = "Containers drop at least some capabilities",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0004", "kics:268ca686-7fb7-4ae9-b129-955a2a89064e" },
    frameworks = { ["cis-kubernetes"] = "5.2.9" },
    description = "A container that drops nothing keeps all that its runtime grants by default.",
    remediation = "Set securityContext.capabilities.drop to [ALL], and add back single ones where they are needed.",
    cwe = { 250 },
    default = false, -- weaker than k8s-drop-all-capabilities
    check = function(r)
      for _, c, list in k8s.containers(r) do
        if c.securityContext.capabilities.drop[1] == nil then
          fail(c, "securityContext.capabilities.drop", pods.label(c, list) .. " drops no capability", { set = { "ALL" } })
        end
      end
    end,
  },
  {
    id = "k8s-added-capabilities",
    title = "Containers add no capability but NET_BIND_SERVICE",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "kics:19ebaa28-fc86-4a58-bcfa-015c9e22fe40" },
    frameworks = { ["cis-kubernetes"] = "5.2.9" },
    description = "Each added capability is a part of what root may do. NET_BIND_SERVICE only opens ports below 1024, as the restricted Pod Security level has it.",
    remediation = "Remove securityContext.capabilities.add, or keep NET_BIND_SERVICE alone.",
    cwe = { 250 },
    check = function(r)
      for _, c, list in k8s.containers(r) do
        for i, name in ipairs(c.securityContext.capabilities.add or {}) do
          if pods.capability(name) ~= "NET_BIND_SERVICE" then
            fail(c, "securityContext.capabilities.add[" .. (i - 1) .. "]",
              pods.label(c, list) .. " adds " .. tostring(name), { remove = true })
          end
        end
      end
    end,
  },
  {
    id = "k8s-any-added-capability",
    title = "Containers add no capability at all",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_25", "KSV-0022" },
    description = "The strict form of k8s-added-capabilities: NET_BIND_SERVICE is not let through either.",
    remediation = "Remove securityContext.capabilities.add.",
    cwe = { 250 },
    default = false,
    check = function(r)
      for _, c, list in k8s.containers(r) do
        if c.securityContext.capabilities.add[1] ~= nil then
          fail(c, "securityContext.capabilities.add", pods.label(c, list) .. " adds capabilities", { remove = true })
        end
      end
    end,
  },
}
