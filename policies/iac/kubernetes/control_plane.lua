-- Flags of kube-controller-manager, kube-scheduler and etcd, the configuration files beside them.
local flags = import("flags")

local function component(program, p)
  p.program = program
  if p.cis then
    p.frameworks = { ["cis-kubernetes"] = p.cis }
  end
  p.cis = nil
  return flags.policy(p)
end

-- Whether an API server among the documents takes client certificates of this authority.
local function trusted_by_api_server(file)
  for _, r in ipairs(resources("kubernetes:workload")) do
    for _, c in k8s.containers(r, "containers") do
      if flags.runs(c, "kube-apiserver") and flags.value(c, "client-ca-file") == file then
        return true
      end
    end
  end
  return false
end

local profiling = "kics:2f491173-6375-4a84-b28e-a4e2b9a58a69"
local bind = "kics:46a2e9ec-6a5f-4faa-9d39-4ea44d5d87a2"

return {
  component("kube-controller-manager", {
    id = "k8s-controller-gc-threshold", title = "Ended pods are cleaned up", severity = "MEDIUM",
    flags = { { "terminated-pod-gc-threshold", flags.at_least(1) } },
    aliases = { "CKV_K8S_106", "KCV-0033", "kics:49113af4-29ca-458e-b8d4-724c01a4a24f" }, cis = "1.3.1", cwe = { 400 },
    description = "Ended pods that nobody removes fill the store.",
    remediation = "Set --terminated-pod-gc-threshold to a number above 0 that fits the cluster.",
  }),
  component("kube-controller-manager", {
    id = "k8s-controller-profiling", title = "The controller manager does not serve profiles", severity = "LOW",
    flags = { { "profiling", flags.is("false") } },
    aliases = { "CKV_K8S_107", "KCV-0034", profiling }, cis = "1.3.2", cwe = { 200 },
    description = "Profiles tell about the program and cost time; they are on by default.",
    remediation = "Start kube-controller-manager with --profiling=false.",
  }),
  component("kube-controller-manager", {
    id = "k8s-controller-own-credentials", title = "Each controller has credentials of its own", severity = "MEDIUM",
    flags = { { "use-service-account-credentials", flags.is("true") } },
    aliases = { "CKV_K8S_108", "KCV-0035", "kics:1acd93f1-5a37-45c0-aaac-82ece818be7d" }, cis = "1.3.3", cwe = { 250 },
    description = "Otherwise all controllers act with the rights of the most powerful one.",
    remediation = "Set --use-service-account-credentials=true.",
  }),
  component("kube-controller-manager", {
    id = "k8s-controller-token-key", title = "The controller manager has a key of its own for tokens", severity = "MEDIUM",
    flags = { { "service-account-private-key-file", flags.set() } },
    aliases = { "CKV_K8S_110", "KCV-0036", "kics:ccc98ff7-68a7-436e-9218-185cb0b0b780" }, cis = "1.3.4", cwe = { 320 },
    description = "A key pair for tokens alone can be changed when it has to be.",
    remediation = "Set --service-account-private-key-file.",
  }),
  component("kube-controller-manager", {
    id = "k8s-controller-root-ca", title = "Pods learn the certificate of the cluster", severity = "MEDIUM",
    flags = { { "root-ca-file", flags.set() } },
    aliases = { "CKV_K8S_111", "KCV-0037", "kics:05fb986f-ac73-4ebb-a5b2-7faafa93d882" }, cis = "1.3.5", cwe = { 295 },
    description = "Without it pods cannot verify the API server that they send their tokens to.",
    remediation = "Set --root-ca-file.",
  }),
  flags.policy {
    program = { "kube-controller-manager", "kubelet" },
    id = "k8s-rotate-server-certificate", title = "Certificates of kubelets are renewed", severity = "MEDIUM",
    flags = { { "feature-gates", flags.lacks("RotateKubeletServerCertificate=false") } },
    aliases = { "CKV_K8S_112", "KCV-0038", "KCV-0091", "kics:1c621b8e-2c6a-44f5-bd6a-fb0fb7ba33e2" },
    frameworks = { ["cis-kubernetes"] = { "1.3.6", "4.2.12" } }, cwe = { 324 },
    description = "A certificate that ends stops the node; one that never ends is good for whoever steals it. On by default since 1.12.",
    remediation = "Remove RotateKubeletServerCertificate=false from --feature-gates.",
  },
  component("kube-controller-manager", {
    id = "k8s-controller-bind-address", title = "The controller manager listens on this machine alone", severity = "LOW",
    flags = { { "bind-address", flags.is("127.0.0.1") } },
    aliases = { "CKV_K8S_113", "KCV-0039", bind }, cis = "1.3.7", cwe = { 668 },
    description = "Health and metrics are served without authentication on that address.",
    remediation = "Set --bind-address=127.0.0.1.",
  }),
  component("kube-scheduler", {
    id = "k8s-scheduler-profiling", title = "The scheduler does not serve profiles", severity = "LOW",
    flags = { { "profiling", flags.is("false") } },
    aliases = { "CKV_K8S_114", "KCV-0040", profiling }, cis = "1.4.1", cwe = { 200 },
    description = "Profiles tell about the program and cost time; they are on by default.",
    remediation = "Start kube-scheduler with --profiling=false.",
  }),
  component("kube-scheduler", {
    id = "k8s-scheduler-bind-address", title = "The scheduler listens on this machine alone", severity = "LOW",
    flags = { { "bind-address", flags.is("127.0.0.1") } },
    aliases = { "CKV_K8S_115", "KCV-0041", bind }, cis = "1.4.2", cwe = { 668 },
    description = "Health and metrics are served without authentication on that address.",
    remediation = "Set --bind-address=127.0.0.1.",
  }),
  component("etcd", {
    id = "k8s-etcd-tls", title = "etcd speaks TLS with its clients", severity = "MEDIUM",
    flags = { { "cert-file", flags.set() }, { "key-file", flags.set() } },
    aliases = { "CKV_K8S_116", "KCV-0042", "kics:075ca296-6768-4322-aea2-ba5063b969a9" }, cis = "2.1", cwe = { 319 },
    description = "etcd holds the state of the cluster, secrets included.",
    remediation = "Set --cert-file and --key-file.",
  }),
  component("etcd", {
    id = "k8s-etcd-client-auth", title = "etcd asks its clients for certificates", severity = "MEDIUM",
    flags = { { "client-cert-auth", flags.is("true") } },
    aliases = { "CKV_K8S_117", "KCV-0043", "kics:9391103a-d8d7-4671-ac5d-606ba7ccb0ac" }, cis = "2.2", cwe = { 287 },
    description = "Who can speak to etcd can change everything in the cluster.",
    remediation = "Set --client-cert-auth=true.",
  }),
  component("etcd", {
    id = "k8s-etcd-auto-tls", title = "etcd does not make its own certificates for clients", severity = "MEDIUM",
    flags = { { "auto-tls", flags.is_not("true") } },
    aliases = { "CKV_K8S_118", "KCV-0044", "kics:98ce8b81-7707-4734-aa39-627c6db3d84b" }, cis = "2.3", cwe = { 295 },
    description = "Clients cannot verify a self-signed certificate.",
    remediation = "Remove --auto-tls, or set it to false.",
  }),
  component("etcd", {
    id = "k8s-etcd-peer-tls", title = "Members of etcd speak TLS with each other", severity = "HIGH",
    flags = { { "peer-cert-file", flags.set() }, { "peer-key-file", flags.set() } },
    aliases = { "CKV_K8S_119", "KCV-0045", "kics:09bb9e96-8da3-4736-b89a-b36814acca60" }, cis = "2.4", cwe = { 319 },
    description = "All of the cluster's state passes between the members.",
    remediation = "Set --peer-cert-file and --peer-key-file.",
  }),
  component("etcd", {
    id = "k8s-etcd-peer-auth", title = "Members of etcd ask each other for certificates", severity = "MEDIUM",
    flags = { { "peer-client-cert-auth", flags.is("true") } },
    aliases = { "CKV_K8S_121", "KCV-0046", "kics:b7d0181d-0a9b-4611-9d1c-1ad4f0b620ff" }, cis = "2.5", cwe = { 287 },
    description = "Otherwise anyone can join and be sent the state of the cluster.",
    remediation = "Set --peer-client-cert-auth=true.",
  }),
  component("etcd", {
    id = "k8s-etcd-peer-auto-tls", title = "etcd does not make its own certificates for members", severity = "MEDIUM",
    flags = { { "peer-auto-tls", flags.is_not("true") } },
    aliases = { "KCV-0047", "kics:ae8827e2-4af9-4baa-9998-87539ae0d6f0" }, cis = "2.6", cwe = { 295 },
    description = "Members cannot verify a self-signed certificate.",
    remediation = "Remove --peer-auto-tls, or set it to false.",
  }),
  {
    id = "k8s-etcd-own-ca",
    title = "etcd trusts another authority than the API server",
    severity = "MEDIUM",
    applies_to = "kubernetes:workload",
    scope = "project",
    aliases = { "kics:cb7e695d-6a85-495c-b15f-23aed2519303" },
    frameworks = { ["cis-kubernetes"] = "2.7" },
    description = "With a common authority every user certificate of the cluster also opens etcd, past all roles.",
    remediation = "Issue the certificates of etcd from an authority of their own, and name it in --trusted-ca-file.",
    cwe = { 295 },
    check = function(r)
      for _, c in k8s.containers(r, "containers") do
        if flags.runs(c, "etcd") then
          local file, path = flags.value(c, "trusted-ca-file")
          if file ~= nil and trusted_by_api_server(file) then
            fail(c, path, "etcd trusts " .. file .. " as the API server does")
          end
        end
      end
    end,
  },
  {
    id = "k8s-scheduler-config-profiling",
    title = "The configuration of the scheduler switches profiles off",
    severity = "LOW",
    applies_to = "kubernetes:KubeSchedulerConfiguration",
    aliases = { profiling },
    frameworks = { ["cis-kubernetes"] = "1.4.1" },
    description = "Profiles tell about the program and cost time; they are on by default.",
    remediation = "Set enableProfiling to false.",
    cwe = { 200 },
    check = function(r)
      if r.enableProfiling ~= false then
        fail(r, "enableProfiling", "enableProfiling is not false", { set = false })
      end
    end,
  },
  {
    id = "k8s-admission-event-rate-limit",
    title = "The admission configuration limits the rate of events",
    severity = "LOW",
    applies_to = "kubernetes:AdmissionConfiguration",
    aliases = { "CKV_K8S_78" },
    frameworks = { ["cis-kubernetes"] = "1.2.10" },
    description = "A flood of events can fill the store and stop the API server.",
    remediation = "Add the plugin EventRateLimit with its configuration.",
    cwe = { 770 },
    check = function(r)
      for _, plugin in ipairs(r.plugins or {}) do
        if plugin.name == "EventRateLimit" then
          return
        end
      end
      fail(r, "plugins", "the plugin EventRateLimit is not configured")
    end,
  },
  {
    id = "k8s-encryption-config-provider",
    title = "Secrets are stored encrypted",
    severity = "MEDIUM",
    applies_to = "kubernetes:EncryptionConfiguration",
    frameworks = { ["cis-kubernetes"] = "1.2.31" },
    description = "The first provider of a list encrypts what is written; identity writes it in clear.",
    remediation = "Put aescbc, secretbox or kms first, and leave identity for the end.",
    cwe = { 311 },
    check = function(r)
      local secrets = false
      for i, entry in ipairs(r.resources or {}) do
        for _, kind in ipairs(entry.resources or {}) do
          if kind == "secrets" or kind == "*." or kind == "*.*" then
            secrets = true
          end
        end
        if has(entry, "providers[0].identity") then
          fail(r, "resources[" .. (i - 1) .. "].providers[0].identity", "the first provider is identity: what is written is in clear")
        end
      end
      if not secrets then
        fail(r, "resources", "no entry speaks of secrets")
      end
    end,
  },
  {
    id = "k8s-encryption-config-strong",
    title = "The encryption configuration knows a strong provider",
    severity = "MEDIUM",
    applies_to = "kubernetes:EncryptionConfiguration",
    aliases = { "kics:10efce34-5af6-4d83-b414-9e096d5a06a9" },
    description = "aescbc, secretbox and kms are advised; aesgcm needs its key changed every 200,000 writes. The order is judged by k8s-encryption-config-provider.",
    remediation = "Add aescbc, secretbox or kms.",
    cwe = { 311 },
    check = function(r)
      for i, entry in ipairs(r.resources or {}) do
        local strong = false
        for _, provider in ipairs(entry.providers or {}) do
          strong = strong or has(provider, "aescbc") or has(provider, "secretbox") or has(provider, "kms")
        end
        if not strong then
          fail(r, "resources[" .. (i - 1) .. "].providers", "none of aescbc, secretbox and kms is among the providers")
        end
      end
    end,
  },
}
