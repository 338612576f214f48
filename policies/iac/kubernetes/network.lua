-- Services, ingresses and network policies: who reaches whom.
local pods = import("pods")

-- Whether a network policy does something: it names a direction or has rules.
local function is_effective(policy)
  local spec = policy.spec
  if has(spec, "policyTypes") then
    return spec.policyTypes[1] ~= nil or spec.ingress[1] ~= nil or spec.egress[1] ~= nil
  end
  return true -- without policyTypes ingress is meant
end

local function selects_pods(policy, workload)
  return has(policy.spec, "podSelector") and k8s.namespace(policy) == k8s.namespace(workload)
    and k8s.selects(policy.spec.podSelector, k8s.pod_metadata(workload).labels)
end

-- Whether the pods of the workload listen on what a port of a service leads to. Ports of containers
-- need not be declared: where none is, a number may be right. A name has to be there.
local function listens(workload, target)
  local number, declared = tonumber(target), false
  for _, c in k8s.containers(workload) do
    for _, p in ipairs(c.ports or {}) do
      declared = true
      if number and p.containerPort == number or p.name == target then
        return true
      end
    end
  end
  return number ~= nil and not declared
end

local internal = {
  ["service.beta.kubernetes.io/aws-load-balancer-internal"] = pods.set { "true", "0.0.0.0/0" },
  ["service.beta.kubernetes.io/aws-load-balancer-scheme"] = pods.set { "internal" },
  ["service.beta.kubernetes.io/azure-load-balancer-internal"] = pods.set { "true" },
  ["cloud.google.com/load-balancer-type"] = pods.set { "Internal", "internal" },
  ["networking.gke.io/load-balancer-type"] = pods.set { "Internal", "internal" },
}

local snippets = "-snippet"

-- A policy about the text of nginx snippet annotations.
local function snippet(p)
  local wrong = p.wrong
  p.wrong = nil
  p.applies_to = "kubernetes:Ingress"
  p.cwe = { 94 }
  p.links = { "https://github.com/kubernetes/kubernetes/issues/126811" }
  p.remediation = "Remove the snippet, and set allow-snippet-annotations to false in the configuration of the controller."
  p.check = function(r)
    for _, key in ipairs(keys(r.metadata.annotations)) do
      local value = r.metadata.annotations[key]
      if key:startswith("nginx.ingress.kubernetes.io/") and key:contains(snippets) and type(value) == "string" and wrong(value) then
        fail(r, "metadata.annotations", "annotation " .. key .. " " .. p.what)
      end
    end
  end
  local policy = {}
  for k, v in pairs(p) do
    if k ~= "what" then
      policy[k] = v
    end
  end
  return policy
end

local url_annotations = {
  ["nginx.ingress.kubernetes.io/auth-url"] = true,
  ["nginx.ingress.kubernetes.io/auth-signin"] = true,
  ["nginx.ingress.kubernetes.io/mirror-target"] = true,
  ["nginx.ingress.kubernetes.io/mirror-host"] = true,
}

return {
  {
    id = "k8s-service-node-port",
    title = "Services do not open ports of the nodes",
    severity = "LOW",
    applies_to = "kubernetes:Service",
    aliases = { "kics:845acfbe-3e10-4b8e-b656-3b404d36dfb2" },
    description = "A NodePort is open on every node, for everyone who reaches one.",
    remediation = "Use ClusterIP with an ingress, or LoadBalancer.",
    cwe = { 668 },
    check = function(r)
      if r.spec.type == "NodePort" then
        fail(r, "spec.type", "the service is of type NodePort", { set = "ClusterIP" })
      end
    end,
  },
  {
    id = "k8s-service-load-balancer",
    title = "Load balancers are internal unless they have to face the internet",
    severity = "MEDIUM",
    applies_to = "kubernetes:Service",
    aliases = { "kics:26763a1c-5dda-4772-b507-5fca7fb5f165" },
    description = "Without an annotation a cloud gives the service an address that everyone reaches.",
    remediation = "Add the annotation of your cloud for internal load balancers, or waive this for services that are public.",
    cwe = { 668 },
    default = false,
    check = function(r)
      if r.spec.type ~= "LoadBalancer" then
        return
      end
      for key, values in pairs(internal) do
        if values[tostring(r.metadata.annotations[key])] then
          return
        end
      end
      fail(r, "spec.type", "nothing makes the load balancer internal")
    end,
  },
  {
    id = "k8s-service-external-ip",
    title = "Services claim no external addresses",
    severity = "HIGH",
    applies_to = "kubernetes:Service",
    aliases = { "KSV-0108" },
    description = "Traffic to such an address, of whomever it is, goes to the service (CVE-2020-8554).",
    remediation = "Remove spec.externalIPs.",
    cwe = { 284 },
    check = function(r)
      if r.spec.externalIPs[1] ~= nil then
        fail(r, "spec.externalIPs", "the service claims external addresses", { remove = true })
      end
    end,
  },
  {
    id = "k8s-service-target",
    title = "Services lead to pods that exist, and to ports of theirs",
    severity = "LOW",
    applies_to = "kubernetes:Service",
    scope = "project",
    aliases = { "kics:3ca03a61-3249-4c16-8427-6f8e47dda729" },
    description = "A service that selects nothing answers nothing, or waits for pods that somebody else brings; so does one whose port none of its pods has, where they name their ports. Judged only where the namespace has workloads among the documents.",
    remediation = "Give selector and pods the same labels, and targetPort the number or name of a port of the containers.",
    cwe = { 665 },
    check = function(r)
      if keys(r.spec.selector)[1] == nil then
        not_applicable("the service has no selector")
      end
      local some, selected = false, {}
      for _, w in ipairs(resources("kubernetes:workload")) do
        if k8s.namespace(w) == k8s.namespace(r) then
          some = true
          if k8s.selects(r.spec.selector, k8s.pod_metadata(w).labels) then
            selected[#selected + 1] = w
          end
        end
      end
      if not some then
        not_applicable("no workloads of the namespace are among the documents")
      elseif #selected == 0 then
        fail(r, "spec.selector", "no pod among the documents has these labels")
        return
      end
      for i, p in ipairs(r.spec.ports or {}) do
        local target, found = p.targetPort or p.port, false
        for _, w in ipairs(selected) do
          found = found or listens(w, target)
        end
        if not found and target ~= nil then
          fail(r, "spec.ports[" .. (i - 1) .. "].targetPort", "no pod that the service selects has port " .. tostring(target))
        end
      end
    end,
  },
  {
    id = "k8s-ingress-exposes",
    title = "What an ingress shows to the outside has been looked at",
    severity = "INFO",
    applies_to = "kubernetes:Ingress",
    scope = "project",
    aliases = { "kics:69bbc5e3-0818-4150-89cc-1e989b48f23b" },
    description = "Names each ingress whose service is among the documents, for a person to judge.",
    remediation = "Look at what the service answers, and waive this finding.",
    cwe = { 668 },
    default = false,
    check = function(r)
      local exposed = {}
      for _, service in ipairs(resources("kubernetes:Service")) do
        if k8s.namespace(service) == k8s.namespace(r) and service.metadata.name ~= nil then
          exposed[service.metadata.name] = true
        end
      end
      for i, rule in ipairs(r.spec.rules or {}) do
        for k, path in ipairs(rule.http.paths or {}) do
          local name = path.backend.serviceName or path.backend.service.name
          if name ~= nil and exposed[name] then
            fail(r, "spec.rules[" .. (i - 1) .. "].http.paths[" .. (k - 1) .. "].backend", "service " .. name .. " is reached from outside")
          end
        end
      end
    end,
  },
  {
    id = "k8s-network-policy-selector",
    title = "Network policies say which pods they are for",
    severity = "MEDIUM",
    applies_to = "kubernetes:NetworkPolicy",
    aliases = { "KSV-0038" },
    frameworks = { ["nsa-kubernetes"] = "2.0", ["cis-kubernetes"] = "5.3.2" },
    description = "podSelector is required; an empty one means all pods of the namespace.",
    remediation = "Set spec.podSelector.",
    cwe = { 284 },
    check = function(r)
      if not has(r, "spec.podSelector") then
        fail(r, "spec.podSelector", "the policy has no podSelector")
      end
    end,
  },
  {
    id = "k8s-network-policy-target",
    title = "Network policies select pods that exist",
    severity = "LOW",
    applies_to = "kubernetes:NetworkPolicy",
    scope = "project",
    aliases = { "kics:85ab1c5b-014e-4352-b5f8-d7dea3bb4fd3" },
    description = "A policy that selects nothing protects nothing. Judged only where the namespace has workloads among the documents.",
    remediation = "Give podSelector and pods the same labels.",
    cwe = { 665 },
    check = function(r)
      local some = false
      for _, w in ipairs(resources("kubernetes:workload")) do
        if k8s.namespace(w) == k8s.namespace(r) then
          some = true
          if selects_pods(r, w) then
            return
          end
        end
      end
      if not some then
        not_applicable("no workloads of the namespace are among the documents")
      end
      fail(r, "spec.podSelector", "no pod among the documents has these labels")
    end,
  },
  {
    id = "k8s-network-policy-coverage",
    title = "A network policy speaks of every pod",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    scope = "project",
    aliases = { "CKV2_K8S_6", "kics:0401f71b-9c1e-4821-ab15-a955caa621be" },
    frameworks = { ["nsa-kubernetes"] = "2.0", ["cis-kubernetes"] = "5.3.2" },
    description = "Without a policy a pod may be reached by, and reach, everything in the cluster. A policy with an empty list of policyTypes and without rules says nothing.",
    remediation = "Add a network policy that selects the pods; a namespace best begins with one that denies everything.",
    cwe = { 284 },
    check = function(r)
      for _, policy in ipairs(resources("kubernetes:NetworkPolicy")) do
        if is_effective(policy) and selects_pods(policy, r) then
          return
        end
      end
      fail(r, "metadata.name", "no network policy among the documents selects the pods")
    end,
  },
  {
    id = "k8s-network-plugin",
    title = "The network plugin enforces network policies",
    severity = "MEDIUM",
    applies_to = { "kubernetes:DaemonSet", "kubernetes:ConfigMap" },
    aliases = { "kics:03aabc8c-35d6-481e-9c85-20139cf72d23" },
    frameworks = { ["nsa-kubernetes"] = "3.0", ["cis-kubernetes"] = "5.3.1" },
    description = "flannel alone connects pods and leaves network policies unread.",
    remediation = "Use a plugin that enforces them, or add one to flannel.",
    cwe = { 923 },
    check = function(r)
      if r.kind == "ConfigMap" then
        local config = r.data["cni-conf.json"]
        if type(config) == "string" and config:contains("flannel") then
          fail(r, "data", "the network plugin is flannel, which does not enforce network policies")
        end
        return
      end
      for _, c, list in k8s.containers(r, "containers") do
        if image.parse(c.image or "").name == "flannel" then
          fail(c, "image", pods.label(c, list) .. " is flannel, which does not enforce network policies")
        end
      end
    end,
  },
  snippet {
    id = "k8s-nginx-snippet", title = "Ingresses add no configuration snippets to nginx", severity = "MEDIUM",
    aliases = { "CKV_K8S_153" }, what = "is part of the configuration of nginx",
    description = "A snippet runs with the rights of the controller, which reads all secrets (CVE-2021-25742).",
    wrong = function()
      return true
    end,
  },
  snippet {
    id = "k8s-nginx-snippet-lua", title = "Snippets of nginx hold no Lua", severity = "HIGH",
    aliases = { "CKV_K8S_152" }, what = "holds Lua",
    description = "Lua in a snippet reads the token of the controller and with it all secrets (CVE-2021-25742).",
    wrong = function(text)
      return text:lower():contains("lua_") or text:lower():contains("_lua") or text:contains("serviceaccount")
    end,
  },
  snippet {
    id = "k8s-nginx-snippet-alias", title = "Snippets of nginx hold no alias", severity = "HIGH",
    aliases = { "CKV_K8S_154" }, what = "has an alias",
    description = "An alias serves any file of the controller, its token too (CVE-2021-25742).",
    wrong = function(text)
      for _, word in ipairs(text:split("")) do
        if word == "alias" or word:endswith(";alias") or word:endswith("{alias") then
          return true
        end
      end
      return false
    end,
  },
  {
    id = "k8s-nginx-annotation-injection",
    title = "Annotations of nginx ingresses hold addresses and names alone",
    severity = "CRITICAL",
    applies_to = "kubernetes:Ingress",
    aliases = { "KCV-0093" },
    description = "Some versions of the controller wrote these annotations into their configuration as they were, which made them code (CVE-2025-1097, CVE-2025-1098, CVE-2025-24514).",
    remediation = "Write plain addresses, and update the controller.",
    cwe = { 94 },
    check = function(r)
      for _, key in ipairs(keys(r.metadata.annotations)) do
        local value = tostring(r.metadata.annotations[key])
        local bad = false
        if url_annotations[key] then
          bad = not value:is_word("-._~:/?@&=%+,$!*()")
        elseif key == "nginx.ingress.kubernetes.io/auth-tls-match-cn" then
          bad = not value:startswith("CN=") or not value:is_word("-._=,*@ ")
        end
        if bad then
          fail(r, "metadata.annotations", "annotation " .. key .. " holds more than an address or a name")
        end
      end
    end,
  },
}
