-- Pod Security Standards, level baseline: one policy for each control (host namespaces: one for
-- each namespace), by the version of Kubernetes that the cluster runs.
local pods = import("pods")

local version = { kubernetes_version = "latest" }
local standards = { "https://kubernetes.io/docs/concepts/security/pod-security-standards/" }

local default_capabilities = pods.set {
  "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
  "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

-- sysctl to the first minor version that counts it as safe
local safe_sysctls = {
  ["kernel.shm_rmid_forced"] = 0,
  ["net.ipv4.ip_local_port_range"] = 0,
  ["net.ipv4.tcp_syncookies"] = 0,
  ["net.ipv4.ping_group_range"] = 0,
  ["net.ipv4.ip_unprivileged_port_start"] = 0,
  ["net.ipv4.ip_local_reserved_ports"] = 27,
  ["net.ipv4.tcp_keepalive_time"] = 29,
  ["net.ipv4.tcp_fin_timeout"] = 29,
  ["net.ipv4.tcp_keepalive_intvl"] = 29,
  ["net.ipv4.tcp_keepalive_probes"] = 29,
  ["net.ipv4.tcp_rmem"] = 32,
  ["net.ipv4.tcp_wmem"] = 32,
  ["net.ipv4.tcp_slow_start_after_idle"] = 37,
  ["net.ipv4.tcp_notsent_lowat"] = 37,
}

local selinux_types = {
  [""] = 0, container_t = 0, container_init_t = 0, container_kvm_t = 0, container_engine_t = 31,
}

local function host_namespace(field, id, title, what, aliases, severity, frameworks)
  return {
    id = id,
    title = title,
    severity = severity,
    applies_to = "kubernetes:workload",
    aliases = aliases,
    frameworks = frameworks,
    description = what,
    remediation = "Remove " .. field .. " from the pod spec, or set it to false.",
    links = standards,
    cwe = { 653 },
    check = function(r)
      local spec = k8s.pod_spec(r)
      if spec[field] == true then
        fail(spec, field, field .. " is true: the pod shares the namespace of its node",
          { set = false })
      end
    end,
  }
end

local function check_selinux(where, path, options, minor)
  if options == nil then
    return
  end
  local since = selinux_types[options.type or ""]
  if since == nil or since > minor then
    fail(where, path .. ".type", "SELinux type " .. tostring(options.type) .. " is not one that confines containers")
  end
  for _, field in ipairs { "user", "role" } do
    if (options[field] or "") ~= "" then
      fail(where, path .. "." .. field, "a custom SELinux " .. field .. " is set", { remove = true })
    end
  end
end

local apparmor_prefix = "container.apparmor.security.beta.kubernetes.io/"
local seccomp_prefix = "container.seccomp.security.alpha.kubernetes.io/"

-- Fails where a probe or hook of the container names a host. `path`: of it below the container.
local function check_host_field(c, list, path, handler)
  if handler == nil then
    return
  end
  for _, kind in ipairs { "httpGet", "tcpSocket" } do
    if (handler[kind].host or "") ~= "" then
      fail(c, path .. "." .. kind .. ".host", pods.label(c, list) .. " sends a probe or hook to a host of its choice", { remove = true })
    end
  end
end

return {
  {
    id = "k8s-privileged",
    title = "Containers do not run privileged",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:privileged", "CKV_K8S_16", "KSV-0017", "kics:dd29336b-fe57-445b-a26e-e6aa867ae609" },
    frameworks = { ["pod-security-baseline"] = "privileged", ["nsa-kubernetes"] = "1.2", ["cis-kubernetes"] = "5.2.2" },
    description = "A privileged container has every capability and all devices of its node: who gets into it, has the node.",
    remediation = "Remove securityContext.privileged, or set it to false; grant single capabilities where one is needed.",
    links = standards,
    cwe = { 250, 269 },
    check = function(r)
      for _, c, list in k8s.containers(r) do
        if c.securityContext.privileged == true then
          fail(c, "securityContext.privileged", pods.label(c, list) .. " is privileged", { set = false })
        end
      end
    end,
  },
  host_namespace("hostPID", "k8s-host-pid", "Pods do not share the process namespace of the node",
    "With the processes of the node in sight, a container can read their environment and signal them.",
    { "PSA:hostnamespaces", "CKV_K8S_17", "KSV-0010", "kics:302736f4-b16c-41b8-befe-c0baffa0bd9d" }, "HIGH",
    { ["pod-security-baseline"] = "hostnamespaces", ["nsa-kubernetes"] = "1.4", ["cis-kubernetes"] = "5.2.3" }),
  host_namespace("hostIPC", "k8s-host-ipc", "Pods do not share the IPC namespace of the node",
    "Shared memory and semaphores of the node can be read and changed from the container.",
    { "PSA:hostnamespaces", "CKV_K8S_18", "KSV-0008", "kics:cd290efd-6c82-4e9d-a698-be12ae31d536" }, "HIGH",
    { ["pod-security-baseline"] = "hostnamespaces", ["nsa-kubernetes"] = "1.3", ["cis-kubernetes"] = "5.2.4" }),
  host_namespace("hostNetwork", "k8s-host-network", "Pods do not share the network of the node",
    "On the network of the node a container sees its traffic, reaches services that listen on localhost and is outside of network policies.",
    { "PSA:hostnamespaces", "CKV_K8S_19", "KSV-0009", "kics:6b6bdfb3-c3ae-44cb-88e4-7405c1ba2c8a" }, "HIGH",
    { ["pod-security-baseline"] = "hostnamespaces", ["nsa-kubernetes"] = "1.5", ["cis-kubernetes"] = "5.2.5" }),
  {
    id = "k8s-host-path",
    title = "Pods do not mount paths of the node",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:hostpathvolumes", "KSV-0023" },
    frameworks = { ["pod-security-baseline"] = "hostpathvolumes", ["cis-kubernetes"] = "5.2.12" },
    description = "A hostPath volume opens files of the node to the container, with what other pods and the kubelet keep there.",
    remediation = "Use a persistent volume claim, an emptyDir, or a CSI driver in place of hostPath.",
    links = standards,
    cwe = { 668 },
    check = function(r)
      local spec = k8s.pod_spec(r)
      for i, v in ipairs(spec.volumes or {}) do
        if has(v, "hostPath") then
          fail(spec, "volumes[" .. (i - 1) .. "].hostPath",
            "volume " .. tostring(v.name) .. " mounts " .. tostring(v.hostPath.path) .. " of the node")
        end
      end
    end,
  },
  {
    id = "k8s-host-port",
    title = "Containers do not open ports of the node",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:hostports", "CKV_K8S_26", "KSV-0024", "kics:2b1836f1-dcce-416e-8e16-da8c71920633" },
    frameworks = { ["pod-security-baseline"] = "hostports", ["cis-kubernetes"] = "5.2.13" },
    description = "A host port binds the pod to nodes where the port is free, and is reached past services and, with many network plugins, past network policies.",
    remediation = "Remove hostPort and reach the pod through a Service.",
    links = standards,
    cwe = { 668 },
    check = function(r)
      for _, c, list in k8s.containers(r) do
        for i, p in ipairs(c.ports or {}) do
          if p.hostPort ~= nil and p.hostPort ~= 0 then
            fail(c, "ports[" .. (i - 1) .. "].hostPort",
              pods.label(c, list) .. " takes port " .. tostring(p.hostPort) .. " of its node", { remove = true })
          end
        end
      end
    end,
  },
  {
    id = "k8s-capabilities-baseline",
    title = "Containers add no capability beyond the default set",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:capabilities_baseline" },
    frameworks = { ["pod-security-baseline"] = "capabilities_baseline" },
    description = "Capabilities outside of what container runtimes grant by default (tracing, raw network, mounting, loading modules) open ways out of the container.",
    remediation = "Remove the capability from securityContext.capabilities.add.",
    links = standards,
    cwe = { 250 },
    default = false, -- without its framework: k8s-added-capabilities
    check = function(r)
      for _, c, list in k8s.containers(r) do
        for i, cap in ipairs(c.securityContext.capabilities.add or {}) do
          if not default_capabilities[cap] then
            fail(c, "securityContext.capabilities.add[" .. (i - 1) .. "]",
              pods.label(c, list) .. " adds " .. tostring(cap), { remove = true })
          end
        end
      end
    end,
  },
  {
    id = "k8s-proc-mount",
    title = "Containers keep the default mask over /proc",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:procmount", "KSV-0027" },
    frameworks = { ["pod-security-baseline"] = "procmount" },
    description = "An unmasked /proc shows and lets change settings of the kernel. Since Kubernetes 1.35 it is allowed where the pod has user namespaces of its own (hostUsers: false).",
    remediation = "Remove securityContext.procMount, or set it to Default.",
    links = standards,
    cwe = { 668 },
    params = version,
    check = function(r, params)
      if pods.minor(params.kubernetes_version) >= 35 and k8s.pod_spec(r).hostUsers == false then
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
  {
    id = "k8s-seccomp-baseline",
    title = "Seccomp is not switched off",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:seccompprofile_baseline" },
    frameworks = { ["pod-security-baseline"] = "seccompprofile_baseline", ["cis-kubernetes"] = { "5.7.2", "5.7.3" } },
    description = "Unconfined containers may use every system call, also those through which kernels are attacked. Before Kubernetes 1.19 the profile is an annotation.",
    remediation = "Set seccompProfile.type to RuntimeDefault, or to Localhost with a profile.",
    links = standards,
    cwe = { 1188 },
    params = version,
    check = function(r, params)
      if pods.minor(params.kubernetes_version) < 19 then
        local metadata = k8s.pod_metadata(r)
        local prefix = seccomp_prefix
        for _, key in ipairs(keys(metadata.annotations)) do
          local ours = key == "seccomp.security.alpha.kubernetes.io/pod" or key:startswith(prefix)
          local value = tostring(metadata.annotations[key])
          if ours and not (value == "runtime/default" or value == "docker/default" or value:startswith("localhost/")) then
            fail(metadata, "annotations", "annotation " .. key .. " asks for " .. value)
          end
        end
        return
      end
      local spec = k8s.pod_spec(r)
      local function judge(where, path, what)
        local profile = get(where, path .. ".type")
        if profile ~= nil and profile ~= "RuntimeDefault" and profile ~= "Localhost" then
          fail(where, path .. ".type", what .. " has the seccomp profile " .. tostring(profile), { set = "RuntimeDefault" })
        end
      end
      judge(spec, "securityContext.seccompProfile", "the pod")
      for _, c, list in k8s.containers(r) do
        judge(c, "securityContext.seccompProfile", pods.label(c, list))
      end
    end,
  },
  {
    id = "k8s-selinux",
    title = "SELinux options keep containers confined",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:selinuxoptions", "KSV-0025" },
    frameworks = { ["pod-security-baseline"] = "selinuxoptions", ["nsa-kubernetes"] = "1.8", ["cis-kubernetes"] = "5.7.3" },
    description = "Another SELinux user, role or type can take the confinement away that the container types give.",
    remediation = "Leave seLinuxOptions.user and .role out and use container_t, container_init_t or container_kvm_t (container_engine_t since Kubernetes 1.31) as type.",
    links = standards,
    cwe = { 250 },
    params = version,
    check = function(r, params)
      local minor = pods.minor(params.kubernetes_version)
      local spec = k8s.pod_spec(r)
      check_selinux(spec, "securityContext.seLinuxOptions", spec.securityContext.seLinuxOptions, minor)
      for _, c in k8s.containers(r) do
        check_selinux(c, "securityContext.seLinuxOptions", c.securityContext.seLinuxOptions, minor)
      end
    end,
  },
  {
    id = "k8s-sysctls",
    title = "Pods set only sysctls that stay within the pod",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:sysctls", "KSV-0026", "kics:9127f0d9-2310-42e7-866f-5fd9d20dcbad" },
    frameworks = { ["pod-security-baseline"] = "sysctls" },
    description = "Sysctls outside of the safe set act on the whole node, or are not isolated from other pods. The safe set grew in 1.27, 1.29, 1.32 and 1.37.",
    remediation = "Remove the sysctl, or have it set on the nodes.",
    links = standards,
    cwe = { 732 },
    params = version,
    check = function(r, params)
      local minor = pods.minor(params.kubernetes_version)
      local spec = k8s.pod_spec(r)
      for i, s in ipairs(spec.securityContext.sysctls or {}) do
        local since = safe_sysctls[s.name]
        if since == nil or since > minor then
          fail(spec, "securityContext.sysctls[" .. (i - 1) .. "].name", "sysctl " .. tostring(s.name) .. " is not a safe one")
        end
      end
    end,
  },
  {
    id = "k8s-apparmor",
    title = "AppArmor is not switched off",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:apparmorprofile", "KSV-0002" },
    frameworks = { ["pod-security-baseline"] = "apparmorprofile", ["nsa-kubernetes"] = "1.9" },
    description = "Runtimes confine containers with AppArmor where the node has it; a profile of unconfined takes that away.",
    remediation = "Remove the profile, or name RuntimeDefault, or Localhost with a profile.",
    links = standards,
    cwe = { 1188 },
    check = function(r)
      local metadata, spec = k8s.pod_metadata(r), k8s.pod_spec(r)
      for _, key in ipairs(keys(metadata.annotations)) do
        local value = tostring(metadata.annotations[key])
        if key:startswith(apparmor_prefix)
          and not (value == "runtime/default" or value == "" or value:startswith("localhost/")) then
          fail(metadata, "annotations", "annotation " .. key .. " asks for " .. value)
        end
      end
      local function judge(where, what)
        local profile = where.securityContext.appArmorProfile.type
        if profile ~= nil and profile ~= "RuntimeDefault" and profile ~= "Localhost" then
          fail(where, "securityContext.appArmorProfile.type", what .. " has the AppArmor profile " .. tostring(profile),
            { set = "RuntimeDefault" })
        end
      end
      judge(spec, "the pod")
      for _, c, list in k8s.containers(r) do
        judge(c, pods.label(c, list))
      end
    end,
  },
  {
    id = "k8s-windows-host-process",
    title = "Windows containers are no host processes",
    severity = "HIGH",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:windowshostprocess", "KSV-0103" },
    frameworks = { ["pod-security-baseline"] = "windowshostprocess", ["cis-kubernetes"] = "5.2.11" },
    description = "A HostProcess container runs on the Windows node itself, with its network, files and rights.",
    remediation = "Remove windowsOptions.hostProcess, or set it to false.",
    links = standards,
    cwe = { 250 },
    check = function(r)
      local spec = k8s.pod_spec(r)
      if spec.securityContext.windowsOptions.hostProcess == true then
        fail(spec, "securityContext.windowsOptions.hostProcess", "the pod is a host process", { set = false })
      end
      for _, c, list in k8s.containers(r) do
        if c.securityContext.windowsOptions.hostProcess == true then
          fail(c, "securityContext.windowsOptions.hostProcess", pods.label(c, list) .. " is a host process", { set = false })
        end
      end
    end,
  },
  {
    id = "k8s-probe-host",
    title = "Probes and lifecycle hooks stay with their own pod",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    aliases = { "PSA:hostprobesandhostlifecycle" },
    frameworks = { ["pod-security-baseline"] = "hostprobesandhostlifecycle" },
    description = "The kubelet runs probes from the network of the node: with a host field an author of pods makes it send requests to places that the pod itself does not reach. Part of the standard since Kubernetes 1.34.",
    remediation = "Remove host from httpGet and tcpSocket.",
    links = standards,
    cwe = { 918 },
    params = version,
    check = function(r, params)
      if pods.minor(params.kubernetes_version) < 34 then
        return
      end
      for _, c, list in k8s.containers(r) do
        check_host_field(c, list, "livenessProbe", c.livenessProbe)
        check_host_field(c, list, "readinessProbe", c.readinessProbe)
        check_host_field(c, list, "startupProbe", c.startupProbe)
        check_host_field(c, list, "lifecycle.postStart", c.lifecycle.postStart)
        check_host_field(c, list, "lifecycle.preStop", c.lifecycle.preStop)
      end
    end,
  },
}
