-- What of the node is mounted, and how.
local pods = import("pods")

local system_paths = {
  "/bin", "/boot", "/cdrom", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
  "/run", "/sbin", "/selinux", "/srv", "/sys", "/usr", "/var",
}

-- Whether a path is one of the system's, or below it.
local function is_system_path(path)
  if type(path) ~= "string" then
    return false
  end
  local plain = path:lower()
  if plain == "/" then
    return true
  end
  for _, prefix in ipairs(system_paths) do
    if plain == prefix or plain:startswith(prefix .. "/") then
      return true
    end
  end
  return false
end

local system_roots = pods.set { "/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr", "/var/lib/docker" }

-- Volumes that bring a kind of storage into the pod, which a PersistentVolume should hide.
local storage_types = {
  "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "fc", "flexVolume", "flocker", "gcePersistentDisk",
  "gitRepo", "glusterfs", "iscsi", "nfs", "photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos",
  "vsphereVolume",
}

local sockets = pods.set {
  "/var/run/docker.sock", "/run/docker.sock", "/var/run/containerd/containerd.sock", "/run/containerd/containerd.sock",
  "/var/run/crio/crio.sock", "/run/crio/crio.sock",
}

-- Calls found(where, path, volume) for each hostPath volume of a workload, or the path of a
-- persistent volume.
local function each_host_path(r, found)
  local spec = k8s.pod_spec(r)
  if spec == nil then
    if has(r, "spec.hostPath") then
      found(r, "spec.hostPath.path", r.spec.hostPath.path)
    end
    return
  end
  for i, v in ipairs(spec.volumes or {}) do
    if has(v, "hostPath") then
      found(spec, "volumes[" .. (i - 1) .. "].hostPath.path", v.hostPath.path, v.name)
    end
  end
end

return {
  {
    id = "k8s-runtime-socket",
    title = "The socket of the container runtime is not mounted",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "CKV_K8S_27", "KSV-0006", "kics:a6f34658-fdfb-4154-9536-56d516f65828" },
    description = "Who can speak to the runtime can start a privileged container: the socket is root on the node.",
    remediation = "Remove the volume. Builds have tools that need no daemon.",
    cwe = { 250, 668 },
    check = function(r)
      each_host_path(r, function(where, at, path)
        if sockets[path] then
          fail(where, at, path .. " of the node is mounted")
        end
      end)
    end,
  },
  {
    id = "k8s-system-path",
    title = "No path of the operating system is mounted from the node",
    severity = "HIGH",
    applies_to = { "kubernetes:workload", "kubernetes:PersistentVolume" },
    aliases = { "kics:5308a7a8-06f8-45ac-bf10-791fe21de46e" },
    frameworks = { ["cis-kubernetes"] = "5.2.12" },
    description = "Programs, settings, logs and sockets of the node lie there: with them a container reads secrets of others or takes the node over.",
    remediation = "Use a persistent volume claim or an emptyDir in place of the path.",
    cwe = { 668 },
    check = function(r)
      each_host_path(r, function(where, at, path, name)
        if is_system_path(path) then
          fail(where, at, path .. " of the node is mounted" .. (name and " as volume " .. tostring(name) or ""))
        end
      end)
    end,
  },
  {
    id = "k8s-volume-storage",
    title = "Pods name no storage system",
    severity = "LOW",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0028" },
    description = "The weak form of k8s-volume-types, which refuses hostPath too: storage belongs behind a persistent volume claim.",
    remediation = "Use a persistent volume claim.",
    cwe = { 668 },
    default = false,
    check = function(r)
      local spec = k8s.pod_spec(r)
      for i, v in ipairs(spec.volumes or {}) do
        for _, kind in ipairs(storage_types) do
          if has(v, kind) then
            fail(spec, "volumes[" .. (i - 1) .. "]." .. kind, "volume " .. tostring(v.name) .. " is of type " .. kind)
          end
        end
      end
    end,
  },
  {
    id = "k8s-system-root",
    title = "No directory at the root of the operating system is mounted from the node",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "KSV-0121" },
    description = "The narrow form of k8s-system-path: whole directories of the system, but not single ones below.",
    remediation = "Use a persistent volume claim or an emptyDir in place of the path.",
    cwe = { 668 },
    default = false, -- k8s-system-path finds them all
    check = function(r)
      each_host_path(r, function(where, at, path)
        local plain = type(path) == "string" and #path > 1 and path:endswith("/") and path:sub(1, -2) or path
        if system_roots[plain] then
          fail(where, at, path .. " of the node is mounted")
        end
      end)
    end,
  },
  {
    id = "k8s-system-path-writable",
    title = "Paths of the operating system are mounted read-only at most",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "kics:b7652612-de4e-4466-a0bf-1cd81f0c6063" },
    description = "A container that can write system files of its node can replace what runs there; one that can write its own can replace its programs. Both the path of the node and the path in the container count.",
    remediation = "Set readOnly to true in the volume mount, or remove it.",
    cwe = { 732 },
    default = false, -- k8s-system-path finds them all
    check = function(r)
      local system = {}
      each_host_path(r, function(_, _, path, name)
        if name ~= nil and is_system_path(path) then
          system[name] = path
        end
      end)
      for _, c, list in k8s.containers(r) do
        for i, m in ipairs(c.volumeMounts or {}) do
          local path = m.name ~= nil and system[m.name]
          local what = path and path .. " of the node" or is_system_path(m.mountPath) and "what is mounted at " .. m.mountPath
          if what and m.readOnly ~= true then
            fail(c, "volumeMounts[" .. (i - 1) .. "].readOnly", pods.label(c, list) .. " can write " .. what, { set = true })
          end
        end
      end
    end,
  },
  {
    id = "k8s-host-path-outside-kube-system",
    title = "Only what belongs to the cluster mounts paths of nodes",
    severity = "HIGH",
    applies_to = { "kubernetes:workload", "kubernetes:PersistentVolume" },
    aliases = { "kics:aa8f7a35-9923-4cad-bd61-a19b7f6aac91" },
    description = "As k8s-host-path, but workloads of kube-system are let through: agents of nodes need their paths.",
    remediation = "Use a persistent volume claim or an emptyDir in place of the path.",
    cwe = { 668 },
    default = false,
    check = function(r)
      if k8s.namespace(r) == "kube-system" then
        return
      end
      each_host_path(r, function(where, at, path)
        fail(where, at, tostring(path) .. " of the node is mounted outside of kube-system")
      end)
    end,
  },
  {
    id = "k8s-volume-claim-access-mode",
    title = "Stateful sets claim one volume for a single writer",
    severity = "MEDIUM",
    applies_to = "kubernetes:StatefulSet",
    aliases = { "kics:3878dc92-8e5d-47cf-9cdd-7590f71d21b9" },
    description = "The claims of a stateful set are one for each pod: one template says ReadWriteOnce, for storage that no other node touches. With none the pods share their storage, with several each pod waits for all of its volumes on one node.",
    remediation = "Write ReadWriteOnce among the accessModes of one volume claim template.",
    cwe = { 732 },
    default = false,
    check = function(r)
      local templates, once = r.spec.volumeClaimTemplates, 0
      if templates[1] == nil then
        not_applicable("the stateful set claims no volume")
      end
      for _, t in ipairs(templates) do
        if pods.holds(t.spec.accessModes, "ReadWriteOnce") then
          once = once + 1
        end
      end
      if once ~= 1 then
        fail(r, "spec.volumeClaimTemplates", (once == 0 and "no" or once) .. " volume claim templates say ReadWriteOnce, not one")
      end
    end,
  },
  {
    id = "k8s-volume-claim-storage",
    title = "Stateful sets claim no storage of their own",
    severity = "LOW",
    applies_to = "kubernetes:StatefulSet",
    aliases = { "kics:8cf4671a-cf3d-46fc-8389-21e7405063a2" },
    description = "Where storage is provided by hand, a request in a volume claim template is a cost that nobody reviewed. A rule for such clusters only.",
    remediation = "Bind to volumes that are provided for the purpose.",
    cwe = { 665 },
    default = false,
    check = function(r)
      for i, t in ipairs(r.spec.volumeClaimTemplates or {}) do
        if t.spec.resources.requests.storage ~= nil then
          fail(r, "spec.volumeClaimTemplates[" .. (i - 1) .. "].spec.resources.requests.storage",
            "volume claim " .. tostring(t.metadata.name) .. " requests storage")
        end
      end
    end,
  },
}
