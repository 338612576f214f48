-- The kubelet: its flags where a pod starts it, and its configuration file.
local flags = import("flags")

local function kubelet(p)
  p.program, p.file = "kubelet", "config"
  if p.cis then
    p.frameworks = { ["cis-kubernetes"] = p.cis }
  end
  p.cis = nil
  return flags.policy(p)
end

-- A policy over KubeletConfiguration: judge(r) gives path and message of what is wrong.
local function config(p)
  local judge = p.judge
  if p.cis then
    p.frameworks = { ["cis-kubernetes"] = p.cis }
  end
  p.cis, p.judge = nil, nil
  p.applies_to = "kubernetes:KubeletConfiguration"
  p.check = function(r)
    local path, message, fix = judge(r)
    if path then
      fail(r, path, message, fix)
    end
  end
  return p
end

local function number_or(value, default)
  return tonumber(value) or default
end

local anonymous = "kics:1de5cc51-f376-4638-a940-20f2e85ae238"
local always_allow = "kics:f1f4d8da-1ac4-47d0-b1aa-91e69d33f7d5"
local client_ca = "kics:e0e00aba-5f1c-4981-a542-9a9563c0ee20"
local read_only = "kics:2940d48a-dc5e-4178-a3f8-bfbd80720b41"
local streaming = "kics:ed89b97d-04e9-4fd4-919f-ee5b27e555e9"
local kernel = "kics:6cf42c97-facd-4fda-b8af-ea4529123355"
local iptables = "kics:5f89001f-6dd9-49ff-9b15-d8cd71b617f4"
local event_qps = "kics:1a07a446-8e61-4e4d-bc16-b0781fcb8211"
local rotate = "kics:52d70f2e-3257-474c-b3dc-8ad9ba6a061a"
local server_rotate = "kics:1c621b8e-2c6a-44f5-bd6a-fb0fb7ba33e2"
local ciphers = "kics:510d5810-9a30-443a-817d-5c1fa527b110"
local tls = "kics:fa750c81-93c2-4fab-9c6d-d3fd3ce3b89f"

return {
  kubelet {
    id = "k8s-kubelet-anonymous-auth", title = "The kubelet takes no anonymous requests", severity = "HIGH",
    flags = { { "anonymous-auth", flags.is("false") } },
    aliases = { "CKV_K8S_138", "KCV-0079", anonymous }, cis = "4.2.1", cwe = { 306 },
    description = "Through the kubelet commands are run in containers; anonymous requests are on by default.",
    remediation = "Set --anonymous-auth=false, or authentication.anonymous.enabled: false in its configuration.",
  },
  config {
    id = "k8s-kubelet-config-anonymous-auth", title = "The configuration of the kubelet lets no anonymous requests in", severity = "HIGH",
    aliases = { anonymous }, cis = "4.2.1", cwe = { 306 },
    description = "Through the kubelet commands are run in containers. In a configuration file anonymous requests are off by default.",
    remediation = "Set authentication.anonymous.enabled to false.",
    judge = function(r)
      if r.authentication.anonymous.enabled == true then
        return "authentication.anonymous.enabled", "anonymous requests are let in", { set = false }
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-always-allow", title = "The kubelet does not allow everything", severity = "HIGH",
    flags = { { "authorization-mode", flags.no_always_allow() } },
    aliases = { "CKV_K8S_139", "KCV-0080", always_allow }, cis = "4.2.2", cwe = { 862 },
    description = "AlwaysAllow, the default of the flag, lets every authenticated request run commands in containers.",
    remediation = "Set --authorization-mode=Webhook.",
  },
  config {
    id = "k8s-kubelet-config-always-allow", title = "The configuration of the kubelet does not allow everything", severity = "HIGH",
    aliases = { always_allow }, cis = "4.2.2", cwe = { 862 },
    description = "AlwaysAllow lets every authenticated request run commands in containers.",
    remediation = "Set authorization.mode to Webhook.",
    judge = function(r)
      if r.authorization.mode == "AlwaysAllow" then
        return "authorization.mode", "authorization.mode is AlwaysAllow", { set = "Webhook" }
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-client-ca", title = "The kubelet verifies the certificates of its clients", severity = "HIGH",
    flags = { { "client-ca-file", flags.set() } },
    aliases = { "CKV_K8S_140", "KCV-0081" }, cis = "4.2.3", cwe = { 295 },
    description = "The API server shows a certificate; without an authority the kubelet cannot tell it from others.",
    remediation = "Set --client-ca-file.",
  },
  flags.policy {
    program = { "kubelet", "kube-apiserver" },
    id = "k8s-client-ca-certificate", title = "The authority for client certificates is a certificate file", severity = "MEDIUM",
    flags = { { "client-ca-file", flags.ends_with { ".pem", ".crt" } } },
    aliases = { client_ca }, cwe = { 295 }, default = false,
    description = "Also looks at the name of the file, which can only be a hint.",
    remediation = "Set --client-ca-file to a .pem or .crt file.",
  },
  config {
    id = "k8s-kubelet-config-client-ca", title = "The configuration of the kubelet verifies the certificates of its clients", severity = "HIGH",
    aliases = { client_ca }, cis = "4.2.3", cwe = { 295 },
    description = "The API server shows a certificate; without an authority the kubelet cannot tell it from others.",
    remediation = "Set authentication.x509.clientCAFile.",
    judge = function(r)
      if (r.authentication.x509.clientCAFile or "") == "" then
        return "authentication.x509.clientCAFile", "authentication.x509.clientCAFile is not set"
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-read-only-port", title = "The kubelet has no port without authentication", severity = "MEDIUM",
    flags = { { "read-only-port", flags.is("0") } },
    aliases = { "CKV_K8S_141", "KCV-0082", read_only }, cis = "4.2.4", cwe = { 306 },
    description = "The read-only port tells what runs on the node, to everyone. As a flag it is 10255 by default.",
    remediation = "Set --read-only-port=0.",
  },
  config {
    id = "k8s-kubelet-config-read-only-port", title = "The configuration of the kubelet opens no port without authentication", severity = "MEDIUM",
    aliases = { read_only }, cis = "4.2.4", cwe = { 306 },
    description = "The read-only port tells what runs on the node, to everyone. In a configuration file it is off by default.",
    remediation = "Remove readOnlyPort, or set it to 0.",
    judge = function(r)
      if number_or(r.readOnlyPort, 0) ~= 0 then
        return "readOnlyPort", "readOnlyPort is " .. tostring(r.readOnlyPort), { set = 0 }
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-streaming-timeout", title = "Idle connections to containers end", severity = "MEDIUM",
    flags = { { "streaming-connection-idle-timeout", function(v)
      if v == "0" or (v ~= nil and flags.seconds(v) == 0) then
        return "is 0: connections never end"
      end
    end } },
    aliases = { "CKV_K8S_143", "KCV-0085", streaming }, cis = "4.2.5", cwe = { 400 },
    description = "Connections that never end hold ports and memory.",
    remediation = "Remove --streaming-connection-idle-timeout, or set it above 0.",
  },
  config {
    id = "k8s-kubelet-config-streaming-timeout", title = "The configuration of the kubelet ends idle connections", severity = "MEDIUM",
    aliases = { streaming }, cis = "4.2.5", cwe = { 400 },
    description = "Connections that never end hold ports and memory.",
    remediation = "Remove streamingConnectionIdleTimeout, or set it above 0.",
    judge = function(r)
      local v = r.streamingConnectionIdleTimeout
      if v == 0 or (type(v) == "string" and (v == "0" or flags.seconds(v) == 0)) then
        return "streamingConnectionIdleTimeout", "idle connections never end"
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-kernel-defaults", title = "The kubelet does not change settings of the kernel", severity = "MEDIUM",
    flags = { { "protect-kernel-defaults", flags.is("true") } },
    aliases = { "CKV_K8S_144", "KCV-0083" }, cis = "4.2.6", cwe = { 732 },
    description = "Unless told otherwise the kubelet sets what it wants and hides that the node was not as it was hardened.",
    remediation = "Set --protect-kernel-defaults=true.",
  },
  kubelet {
    id = "k8s-kubelet-kernel-defaults-off", title = "The kubelet is not told to change settings of the kernel", severity = "MEDIUM",
    flags = { { "protect-kernel-defaults", flags.is_not("false") } },
    aliases = { kernel }, cwe = { 732 }, default = false,
    description = "The weak form of k8s-kubelet-kernel-defaults: where nothing is said, which means false, it passes.",
    remediation = "Set --protect-kernel-defaults=true.",
  },
  config {
    id = "k8s-kubelet-config-kernel-defaults", title = "The configuration of the kubelet keeps settings of the kernel", severity = "MEDIUM",
    aliases = { kernel }, cis = "4.2.6", cwe = { 732 },
    description = "Unless told otherwise the kubelet sets what it wants and hides that the node was not as it was hardened.",
    remediation = "Set protectKernelDefaults to true.",
    judge = function(r)
      if r.protectKernelDefaults ~= true then
        return "protectKernelDefaults", "protectKernelDefaults is not true", { set = true }
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-iptables", title = "The kubelet keeps the rules of the network", severity = "MEDIUM",
    flags = { { "make-iptables-util-chains", flags.is_not("false") } },
    aliases = { "CKV_K8S_145", "KCV-0084", iptables }, cis = "4.2.7", cwe = { 284 },
    description = "Rules that are kept by hand fall out of step with the pods.",
    remediation = "Remove --make-iptables-util-chains, or set it to true.",
  },
  config {
    id = "k8s-kubelet-config-iptables", title = "The configuration of the kubelet keeps the rules of the network", severity = "MEDIUM",
    aliases = { iptables }, cis = "4.2.7", cwe = { 284 },
    description = "Rules that are kept by hand fall out of step with the pods.",
    remediation = "Remove makeIPTablesUtilChains, or set it to true.",
    judge = function(r)
      if r.makeIPTablesUtilChains == false then
        return "makeIPTablesUtilChains", "makeIPTablesUtilChains is false", { set = true }
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-hostname-override", title = "The kubelet keeps the name of its node", severity = "LOW",
    flags = { { "hostname-override", flags.unset() } },
    aliases = { "CKV_K8S_146", "KCV-0086", "kics:bf36b900-b5ef-4828-adb7-70eb543b7cfb" }, cis = "4.2.8", cwe = { 290 },
    description = "With another name certificates do not fit, and logs name nodes that do not exist.",
    remediation = "Remove --hostname-override.",
  },
  kubelet {
    id = "k8s-kubelet-event-qps", title = "The kubelet does not lose events", severity = "LOW",
    flags = { { "event-qps", function(v)
      local n = tonumber(v or "0")
      if n == nil or (n ~= 0 and n < 5) then
        return "is " .. v .. ": neither 0 (no limit) nor 5 or more"
      end
    end } },
    aliases = { "CKV_K8S_147", "KCV-0087" }, cis = "4.2.9", cwe = { 778 },
    description = "With a low limit events that matter are dropped in a burst.",
    remediation = "Remove --event-qps, or set it to 0 or to a rate that fits the node.",
  },
  config {
    id = "k8s-kubelet-config-event-qps", title = "The configuration of the kubelet does not lose events", severity = "LOW",
    cis = "4.2.9", cwe = { 778 },
    description = "With a low limit events that matter are dropped in a burst.",
    remediation = "Remove eventRecordQPS, or set it to 0 or to a rate that fits the node.",
    judge = function(r)
      local n = number_or(r.eventRecordQPS, 0)
      if n ~= 0 and n < 5 then
        return "eventRecordQPS", "eventRecordQPS is " .. tostring(n)
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-event-qps-unlimited", title = "The kubelet is not told to drop events", severity = "LOW",
    flags = { { "event-qps", function(v)
      if v ~= nil and tonumber(v) ~= 0 then
        return "is " .. v .. ", not 0"
      end
    end } },
    aliases = { event_qps }, cwe = { 778 }, default = false,
    description = "The strict form of k8s-kubelet-event-qps: no rate is high enough for every burst.",
    remediation = "Remove --event-qps, or set it to 0.",
  },
  config {
    id = "k8s-kubelet-config-event-qps-unlimited", title = "The configuration of the kubelet drops no events", severity = "LOW",
    aliases = { event_qps }, cwe = { 778 }, default = false,
    description = "The strict form of k8s-kubelet-config-event-qps: what is not set means a limit.",
    remediation = "Set eventRecordQPS to 0.",
    judge = function(r)
      if tonumber(r.eventRecordQPS) ~= 0 then
        return "eventRecordQPS", "eventRecordQPS is not 0", { set = 0 }
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-tls", title = "The kubelet has a TLS certificate", severity = "MEDIUM",
    flags = { { "tls-cert-file", flags.set() }, { "tls-private-key-file", flags.set() } },
    aliases = { "CKV_K8S_148", "KCV-0088", "KCV-0089" }, cis = "4.2.10", cwe = { 295 }, default = false,
    description = "Without one, and without rotation of server certificates, it makes a certificate of its own that nobody can verify.",
    remediation = "Set --tls-cert-file and --tls-private-key-file, or serverTLSBootstrap in the configuration.",
  },
  config {
    id = "k8s-kubelet-config-tls", title = "The configuration of the kubelet has a TLS certificate", severity = "MEDIUM",
    aliases = { tls }, cis = "4.2.10", cwe = { 295 },
    description = "Without one, and without serverTLSBootstrap, the kubelet makes a certificate of its own that nobody can verify.",
    remediation = "Set tlsCertFile and tlsPrivateKeyFile, or serverTLSBootstrap.",
    judge = function(r)
      if r.serverTLSBootstrap ~= true and ((r.tlsCertFile or "") == "" or (r.tlsPrivateKeyFile or "") == "") then
        return (r.tlsCertFile or "") == "" and "tlsCertFile" or "tlsPrivateKeyFile", "no certificate and key are set"
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-rotate", title = "The kubelet renews its client certificate", severity = "MEDIUM",
    flags = { { "rotate-certificates", flags.is_not("false") } },
    aliases = { "CKV_K8S_149", "KCV-0090", rotate }, cis = "4.2.11", cwe = { 324 },
    description = "A certificate that ends stops the node.",
    remediation = "Set --rotate-certificates=true.",
  },
  config {
    id = "k8s-kubelet-config-rotate", title = "The configuration of the kubelet renews its client certificate", severity = "MEDIUM",
    aliases = { rotate }, cis = "4.2.11", cwe = { 324 },
    description = "A certificate that ends stops the node. In a configuration file the renewal is off by default.",
    remediation = "Set rotateCertificates to true.",
    judge = function(r)
      if r.rotateCertificates ~= true then
        return "rotateCertificates", "rotateCertificates is not true", { set = true }
      end
    end,
  },
  config {
    id = "k8s-kubelet-config-rotate-server", title = "The configuration of the kubelet leaves server certificates to be renewed", severity = "MEDIUM",
    aliases = { server_rotate }, cis = "4.2.12", cwe = { 324 },
    description = "A certificate that ends stops the node; one that never ends is good for whoever steals it.",
    remediation = "Remove featureGates.RotateKubeletServerCertificate, or set it to true.",
    judge = function(r)
      if r.featureGates.RotateKubeletServerCertificate == false then
        return "featureGates.RotateKubeletServerCertificate", "RotateKubeletServerCertificate is switched off", { set = true }
      end
    end,
  },
  kubelet {
    id = "k8s-kubelet-ciphers", title = "The kubelet uses strong ciphers", severity = "MEDIUM",
    flags = { { "tls-cipher-suites", flags.ciphers() } },
    aliases = { "CKV_K8S_151", "KCV-0092", ciphers }, cis = "4.2.13", cwe = { 326, 327 },
    description = "Suites without forward secrecy or with broken ciphers can be read later, or now.",
    remediation = "Remove --tls-cipher-suites, or list ECDHE suites with AES-GCM or ChaCha20 alone.",
  },
  config {
    id = "k8s-kubelet-config-ciphers", title = "The configuration of the kubelet uses strong ciphers", severity = "MEDIUM",
    cis = "4.2.13", cwe = { 326, 327 },
    description = "Suites without forward secrecy or with broken ciphers can be read later, or now.",
    remediation = "Remove tlsCipherSuites, or list ECDHE suites with AES-GCM or ChaCha20 alone.",
    judge = function(r)
      for i, suite in ipairs(r.tlsCipherSuites or {}) do
        if not flags.strong_ciphers[suite] then
          return "tlsCipherSuites[" .. (i - 1) .. "]", tostring(suite) .. " is allowed"
        end
      end
    end,
  },
  config {
    id = "k8s-kubelet-config-ciphers-set", title = "The configuration of the kubelet lists strong ciphers", severity = "LOW",
    aliases = { ciphers }, cwe = { 326 }, default = false,
    description = "The strict form of k8s-kubelet-config-ciphers: the list has to be there, though the default of Go is good.",
    remediation = "List ECDHE suites with AES-GCM or ChaCha20 in tlsCipherSuites.",
    judge = function(r)
      if r.tlsCipherSuites[1] == nil then
        return "tlsCipherSuites", "tlsCipherSuites is not set"
      end
      for i, suite in ipairs(r.tlsCipherSuites) do
        if not flags.strong_ciphers[suite] then
          return "tlsCipherSuites[" .. (i - 1) .. "]", tostring(suite) .. " is allowed"
        end
      end
    end,
  },
}
