-- Programs that should not run in a cluster, or not like this.
local pods = import("pods")

-- Whether a container is of the dashboard: by image, or by the labels of its pod.
local function is_dashboard(r, c)
  local reference = tostring(c.image or "")
  if reference:contains("kubernetes-dashboard") or reference:contains("kubernetesui") then
    return true
  end
  for _, labels in ipairs { r.metadata.labels or {}, k8s.pod_metadata(r).labels or {} } do
    if labels.app == "kubernetes-dashboard" or labels["k8s-app"] == "kubernetes-dashboard" then
      return true
    end
  end
  return false
end

local function is_tiller(r, c)
  if tostring(c.image or ""):contains("tiller") then
    return true
  end
  for _, labels in ipairs { r.metadata.labels or {}, k8s.pod_metadata(r).labels or {} } do
    if labels.name == "tiller" or (labels.app == "helm" and labels.name == "tiller") then
      return true
    end
  end
  return false
end

local function is_tiller_service(r)
  return tostring(r.metadata.name):contains("tiller") or r.metadata.labels.name == "tiller" or r.spec.selector.name == "tiller"
end

return {
  {
    id = "k8s-dashboard",
    title = "The Kubernetes dashboard is not deployed",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_33", "kics:d2ad057f-0928-41ef-a83c-f59203bb855b" },
    description = "The dashboard often has more rights than its users, and has been the way into clusters.",
    remediation = "Use kubectl, or a console outside of the cluster.",
    cwe = { 668 },
    check = function(r)
      for _, c, list in k8s.containers(r) do
        if is_dashboard(r, c) then
          fail(c, "image", pods.label(c, list) .. " is of the Kubernetes dashboard")
        end
      end
    end,
  },
  {
    id = "k8s-tiller",
    title = "Tiller is not deployed",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_34", "KSV-0102", "kics:6d173be7-545a-46c6-a81d-2ae52ed1605d" },
    description = "Tiller, the server of Helm 2, does what anyone in the cluster asks, mostly as an administrator.",
    remediation = "Use Helm 3, which has no server.",
    cwe = { 306 },
    check = function(r)
      for _, c in k8s.containers(r) do
        if is_tiller(r, c) then
          fail(c, "image", "the workload is Tiller")
        end
      end
    end,
  },
  {
    id = "k8s-tiller-service",
    title = "There is no service for Tiller",
    severity = "HIGH",
    applies_to = "kubernetes:Service",
    aliases = { "CKV_K8S_44", "kics:8b862ca9-0fbd-4959-ad72-b6609bdaa22d" },
    description = "Through it every pod of the cluster can install what it wants.",
    remediation = "Remove the service, and use Helm 3.",
    cwe = { 306 },
    check = function(r)
      if is_tiller_service(r) then
        fail(r, "metadata.name", "the service is of Tiller")
      end
    end,
  },
  {
    id = "k8s-tiller-listens",
    title = "Tiller listens on its own pod alone",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_45", "kics:e17fa86a-6222-4584-a914-56e8f6c87e06" },
    description = "Otherwise every pod of the cluster can install what it wants.",
    remediation = "Start tiller with --listen=localhost:44134, or better use Helm 3.",
    cwe = { 306 },
    check = function(r)
      for _, c in k8s.containers(r) do
        if is_tiller(r, c) then
          local address = k8s.flag(c, "--listen")
          if address == nil or not (address:contains("localhost") or address:contains("127.0.0.1")) then
            fail(c, "args", "tiller listens for the whole cluster")
          end
        end
      end
    end,
  },
  {
    id = "k8s-git-sync",
    title = "git-sync runs no program of the workload's choice",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_159" },
    description = "GITSYNC_GIT and the command hooks name a program that git-sync runs: with a volume that others write this is code of theirs.",
    remediation = "Remove the variable or flag.",
    cwe = { 94 },
    check = function(r)
      local variables = pods.set { "GITSYNC_GIT", "GIT_SYNC_GIT", "GITSYNC_EXECHOOK_COMMAND", "GITSYNC_ASKPASS_URL" }
      for _, c, list in k8s.containers(r) do
        if tostring(c.image or ""):contains("git-sync") then
          for i, e in ipairs(c.env or {}) do
            if e.name ~= nil and variables[e.name] then
              fail(c, "env[" .. (i - 1) .. "].name", pods.label(c, list) .. " sets " .. e.name, { remove = true })
            end
          end
          if k8s.flag(c, "--git") or k8s.flag(c, "--exechook-command") then
            fail(c, "args", pods.label(c, list) .. " names a program for git-sync to run")
          end
        end
      end
    end,
  },
  {
    id = "k8s-gatekeeper-repos",
    title = "Gatekeeper's list of allowed images ends in a separator",
    severity = "HIGH",
    applies_to = "kubernetes:K8sAllowedRepos",
    aliases = { "KSV-0124" },
    description = "The entries are prefixes: registry.example.com also allows registry.example.com.attacker.net.",
    remediation = "End each entry with / or :.",
    cwe = { 183 },
    check = function(r)
      for i, repo in ipairs(r.spec.parameters.repos or {}) do
        if type(repo) == "string" and not repo:endswith("/") and not (repo:contains("/") and (repo:contains(":") or repo:contains("@"))) then
          fail(r, "spec.parameters.repos[" .. (i - 1) .. "]", repo .. " is the beginning of other names")
        end
      end
    end,
  },
}
