-- Whether workloads survive the loss of a node, an update and their own faults.
local pods = import("pods")

local long_running = {
  "kubernetes:Pod", "kubernetes:Deployment", "kubernetes:DaemonSet", "kubernetes:StatefulSet",
  "kubernetes:ReplicaSet", "kubernetes:ReplicationController",
}

local function probe(field, p)
  p.applies_to = long_running
  p.cwe = { 754 }
  p.remediation = "Write a " .. field .. " for each container."
  p.check = function(r)
    for _, c, list in k8s.containers(r, "containers") do
      if not has(c, field) then
        fail(c, field, pods.label(c, list) .. " has no " .. field)
      end
    end
  end
  return p
end

-- Whether some disruption budget of the namespace selects the pods, or names the same selector.
local function has_budget(r)
  local labels = k8s.pod_metadata(r).labels
  for _, budget in ipairs(resources("kubernetes:PodDisruptionBudget")) do
    local selector = budget.spec.selector
    if k8s.namespace(budget) == k8s.namespace(r) and (k8s.selects(selector, labels) or k8s.selects(selector, r.spec.selector.matchLabels)) then
      return true
    end
  end
  return false
end

local function budget(p)
  p.scope = "project"
  p.cwe = { 400 }
  p.remediation = "Add a PodDisruptionBudget that selects the pods."
  p.check = function(r)
    local replicas = r.spec.replicas
    if replicas == nil or (type(replicas) == "number" and replicas <= 1) then
      not_applicable("one pod cannot be kept available")
    end
    if not has_budget(r) then
      fail(r, "metadata.name", "no disruption budget among the documents selects the pods")
    end
  end
  return p
end

-- Whether the terms of a pod anti-affinity speak of the pods' own labels.
local function spreads(affinity, labels)
  for _, term in ipairs(affinity.requiredDuringSchedulingIgnoredDuringExecution or {}) do
    if k8s.selects(term.labelSelector, labels) then
      return true
    end
  end
  for _, preferred in ipairs(affinity.preferredDuringSchedulingIgnoredDuringExecution or {}) do
    if k8s.selects(preferred.podAffinityTerm.labelSelector, labels) then
      return true
    end
  end
  return false
end

local function anti_affinity(p)
  p.cwe = { 400 }
  p.remediation = "Add a podAntiAffinity, or topologySpreadConstraints, that selects the pods' own labels."
  p.default = false
  p.check = function(r)
    local replicas = r.spec.replicas
    if type(replicas) ~= "number" or replicas <= 1 then
      not_applicable("one pod cannot be spread")
    end
    local spec = k8s.pod_spec(r)
    if spec.topologySpreadConstraints[1] ~= nil then
      return
    end
    if not spreads(spec.affinity.podAntiAffinity or {}, k8s.pod_metadata(r).labels) then
      fail(spec, "affinity.podAntiAffinity", "nothing keeps the pods apart")
    end
  end
  return p
end

-- Whether an autoscaler scales this workload.
local function scales(scaler, r)
  local target = scaler.spec.scaleTargetRef
  return target.name == r.metadata.name and target.kind == r.kind and k8s.namespace(scaler) == k8s.namespace(r)
end

-- What a metric of type Object lacks: in autoscaling/v2 its describedObject, metric and target, in
-- v2beta1 a target that names the object, and metricName. Groups other than core need apiVersion.
local core = pods.set { "Pod", "Service", "Node", "Namespace", "PersistentVolumeClaim", "ReplicationController" }

local function object_lacks(o)
  local described = o.describedObject or o.target
  if described.name == nil or described.kind == nil or (described.apiVersion == nil and not core[described.kind]) then
    return "object"
  elseif o.describedObject ~= nil and (o.metric.name == nil or o.target == nil) then
    return o.target == nil and "target" or "measure"
  end
end

return {
  probe("livenessProbe", {
    id = "k8s-liveness-probe", title = "Containers have a liveness probe", severity = "LOW",
    aliases = { "CKV_K8S_8", "kics:ade74944-a674-4e00-859e-c6eab5bde441" },
    description = "Without one a container that hangs is never restarted.",
  }),
  probe("readinessProbe", {
    id = "k8s-readiness-probe", title = "Containers have a readiness probe", severity = "LOW",
    aliases = { "CKV_K8S_9", "kics:a659f3b5-9bf0-438a-bd9a-7d3a6427f1e3" },
    description = "Without one requests are sent to containers that cannot answer yet.",
  }),
  budget {
    id = "k8s-deployment-budget", title = "Deployments have a disruption budget", severity = "LOW",
    applies_to = "kubernetes:Deployment", aliases = { "kics:b23e9b98-0cb6-4fc9-b257-1f3270442678" }, default = false,
    description = "Without one an update of nodes may take all pods at once.",
  },
  budget {
    id = "k8s-stateful-set-budget", title = "Stateful sets have a disruption budget", severity = "LOW",
    applies_to = "kubernetes:StatefulSet", aliases = { "kics:1db3a5a5-bf75-44e5-9e44-c56cfc8b1ac5" }, default = false,
    description = "Without one an update of nodes may take all pods at once.",
  },
  anti_affinity {
    id = "k8s-deployment-spread", title = "Pods of a deployment are kept apart", severity = "LOW",
    applies_to = "kubernetes:Deployment", aliases = { "kics:a31b7b82-d994-48c4-bd21-3bab6c31827a" },
    description = "On one node all pods end together with it.",
  },
  anti_affinity {
    id = "k8s-stateful-set-spread", title = "Pods of a stateful set are kept apart", severity = "LOW",
    applies_to = "kubernetes:StatefulSet", aliases = { "kics:d740d048-8ed3-49d3-b77b-6f072f3b669e" },
    description = "On one node all pods end together with it.",
  },
  {
    id = "k8s-autoscaler-target",
    title = "Autoscalers have a target and a measure",
    severity = "LOW",
    applies_to = "kubernetes:HorizontalPodAutoscaler",
    aliases = { "kics:2f652c42-619d-4361-b361-9f599688f8ca" },
    description = "An autoscaler without them never scales.",
    remediation = "Set spec.scaleTargetRef and, for each metric, its target.",
    cwe = { 400 },
    check = function(r)
      if r.spec.scaleTargetRef.name == nil then
        fail(r, "spec.scaleTargetRef", "the autoscaler names no target")
      end
      for i, m in ipairs(r.spec.metrics or {}) do
        local lacks = m.type == "Object" and object_lacks(m.object or {})
        if lacks then
          fail(r, "spec.metrics[" .. (i - 1) .. "].object", "the metric names no " .. lacks)
        end
      end
    end,
  },
  {
    id = "k8s-autoscaler-replicas",
    title = "Deployments that are scaled name no number of pods",
    severity = "LOW",
    applies_to = "kubernetes:Deployment",
    scope = "project",
    aliases = { "kics:5744cbb8-5946-4b75-a196-ade44449525b" },
    description = "Each time the manifest is applied its number undoes what the autoscaler found.",
    remediation = "Remove spec.replicas.",
    cwe = { 400 },
    check = function(r)
      if r.spec.replicas == nil then
        return
      end
      for _, scaler in ipairs(resources("kubernetes:HorizontalPodAutoscaler")) do
        if scales(scaler, r) then
          fail(r, "spec.replicas", "HorizontalPodAutoscaler " .. tostring(scaler.metadata.name) .. " scales this deployment", { remove = true })
        end
      end
    end,
  },
  {
    id = "k8s-cron-job-deadline",
    title = "Cron jobs have a deadline to start",
    severity = "LOW",
    applies_to = "kubernetes:CronJob",
    aliases = { "kics:192fe40b-b1c3-448a-aba2-6cc19a300fe3" },
    description = "After a hundred missed starts a cron job without a deadline never starts again.",
    remediation = "Set spec.startingDeadlineSeconds.",
    cwe = { 400 },
    default = false,
    check = function(r)
      if not has(r, "spec.startingDeadlineSeconds") then
        fail(r, "spec.startingDeadlineSeconds", "the cron job has no deadline to start")
      end
    end,
  },
  {
    id = "k8s-stateful-set-service",
    title = "Stateful sets name a headless service that selects their pods",
    severity = "LOW",
    applies_to = "kubernetes:StatefulSet",
    scope = "project",
    aliases = { "kics:bb241e61-77c3-4b97-9575-c0f8a1e008d0" },
    description = "The names of the pods come from it.",
    remediation = "Add a Service with clusterIP: None that selects the pods, and name it in spec.serviceName.",
    cwe = { 665 },
    default = false,
    check = function(r)
      for _, service in ipairs(resources("kubernetes:Service")) do
        if service.metadata.name == r.spec.serviceName and k8s.namespace(service) == k8s.namespace(r)
          and service.spec.clusterIP == "None" and k8s.selects(service.spec.selector, k8s.pod_metadata(r).labels) then
          return
        end
      end
      fail(r, "spec.serviceName", "no headless service " .. tostring(r.spec.serviceName) .. " among the documents selects the pods")
    end,
  },
}
