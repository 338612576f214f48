-- Flags of kube-apiserver in static pods, and of whatever else starts it.
local flags = import("flags")

-- Fields that most entries share.
local function api(p)
  p.program = "kube-apiserver"
  p.frameworks = p.frameworks or {}
  if p.cis then
    p.frameworks["cis-kubernetes"] = p.cis
  end
  if p.nsa then
    p.frameworks["nsa-kubernetes"] = p.nsa
  end
  p.cis, p.nsa = nil, nil
  return flags.policy(p)
end

return {
  api {
    id = "k8s-api-anonymous-auth", title = "The API server takes no anonymous requests", severity = "MEDIUM",
    flags = { { "anonymous-auth", flags.is("false") } }, file = "authentication-config",
    aliases = { "CKV_K8S_68", "KCV-0001", "kics:1de5cc51-f376-4638-a940-20f2e85ae238" }, cis = "1.2.1", nsa = "7.0", cwe = { 306 },
    description = "Requests without credentials are let in as system:anonymous unless it is switched off.",
    remediation = "Start kube-apiserver with --anonymous-auth=false.",
  },
  api {
    id = "k8s-api-basic-auth", title = "The API server knows no passwords", severity = "HIGH",
    flags = { { "basic-auth-file", flags.unset() } },
    aliases = { "CKV_K8S_69", "kics:5da47109-f8d6-4585-9e2b-96a8958a12f5" }, cwe = { 256 },
    description = "Passwords in a file are in clear, do not expire, and change only with a restart.",
    remediation = "Remove --basic-auth-file and use certificates or OpenID Connect.",
  },
  api {
    id = "k8s-api-token-auth", title = "The API server knows no static tokens", severity = "HIGH",
    flags = { { "token-auth-file", flags.unset() } },
    aliases = { "CKV_K8S_70", "KCV-0002", "kics:32ecd76e-7bbf-402e-bf48-8b9485749558" }, cis = "1.2.2", cwe = { 798 },
    description = "Static tokens are in clear in a file, do not expire, and change only with a restart.",
    remediation = "Remove --token-auth-file and use certificates or OpenID Connect.",
  },
  api {
    id = "k8s-api-deny-external-ips", title = "Services cannot claim external addresses", severity = "LOW",
    flags = { { "disable-admission-plugins", flags.lacks("DenyServiceExternalIPs") } },
    aliases = { "KCV-0003" }, cis = "1.2.3", cwe = { 284 },
    description = "A service with externalIPs takes traffic to that address away from others (CVE-2020-8554); the plugin forbids it.",
    remediation = "Do not list DenyServiceExternalIPs in --disable-admission-plugins.",
  },
  api {
    id = "k8s-api-kubelet-https", title = "The API server speaks TLS with kubelets", severity = "MEDIUM",
    flags = { { "kubelet-https", flags.is_not("false") } },
    aliases = { "CKV_K8S_71", "KCV-0004", "kics:cdc8b54e-6b16-4538-a1b0-35849dbe29cf" }, cis = "1.2.4", nsa = "6.2", cwe = { 319 },
    description = "Logs, commands and secrets pass between API server and kubelets.",
    remediation = "Remove --kubelet-https, or set it to true.",
  },
  api {
    id = "k8s-api-kubelet-client", title = "The API server shows kubelets a certificate", severity = "MEDIUM",
    flags = { { "kubelet-client-certificate", flags.set() }, { "kubelet-client-key", flags.set() } },
    aliases = { "CKV_K8S_72", "KCV-0005", "kics:36a27826-1bf5-49da-aeb0-a60a30c0e834" }, cis = "1.2.5", cwe = { 287 },
    description = "Without it kubelets cannot tell the API server from anybody else.",
    remediation = "Set --kubelet-client-certificate and --kubelet-client-key.",
  },
  api {
    id = "k8s-api-kubelet-ca", title = "The API server verifies the certificates of kubelets", severity = "MEDIUM",
    flags = { { "kubelet-certificate-authority", flags.set() } },
    aliases = { "CKV_K8S_73", "KCV-0006", "kics:ec18a0d3-0069-4a58-a7fb-fbfe0b4bbbe0" }, cis = "1.2.6", cwe = { 295 },
    description = "Otherwise anyone on the way can pose as a kubelet.",
    remediation = "Set --kubelet-certificate-authority.",
  },
  api {
    id = "k8s-api-always-allow", title = "The API server does not allow everything", severity = "HIGH",
    flags = { { "authorization-mode", flags.no_always_allow() } }, file = "authorization-config",
    aliases = { "CKV_K8S_74", "KCV-0007", "kics:f1f4d8da-1ac4-47d0-b1aa-91e69d33f7d5" }, cis = "1.2.7", cwe = { 862 },
    description = "AlwaysAllow, which is the default, lets every authenticated request do anything.",
    remediation = "Set --authorization-mode to Node,RBAC.",
  },
  api {
    id = "k8s-api-node-authorization", title = "The API server limits kubelets to their own objects", severity = "MEDIUM",
    flags = { { "authorization-mode", flags.has("Node") } }, file = "authorization-config",
    aliases = { "CKV_K8S_75", "KCV-0008", "kics:4d7ee40f-fc5d-427d-8cac-dffbe22d42d1" }, cis = "1.2.8", cwe = { 285 },
    description = "The Node authorizer keeps a kubelet from reading the secrets of pods on other nodes.",
    remediation = "Add Node to --authorization-mode.",
  },
  api {
    id = "k8s-api-rbac", title = "The API server authorizes by roles", severity = "MEDIUM",
    flags = { { "authorization-mode", flags.has("RBAC") } }, file = "authorization-config",
    aliases = { "CKV_K8S_77", "KCV-0009", "kics:1aa4a1ae-5dbb-48a1-9aa2-630ea4be208e" }, cis = "1.2.9", nsa = "7.1", cwe = { 285 },
    description = "Roles grant single rights to single subjects.",
    remediation = "Add RBAC to --authorization-mode.",
  },
  api {
    id = "k8s-api-event-rate-limit", title = "The API server limits the rate of events", severity = "LOW",
    flags = { { "enable-admission-plugins", flags.has("EventRateLimit") } },
    aliases = { "KCV-0010", "kics:e0099af2-fe17-411f-9991-0de28fe15f3c" }, cis = "1.2.10", cwe = { 770 },
    description = "A flood of events can fill the store and stop the API server.",
    remediation = "Add EventRateLimit to --enable-admission-plugins and configure it.",
  },
  api {
    id = "k8s-api-always-admit", title = "The API server does not admit everything", severity = "MEDIUM",
    flags = { { "enable-admission-plugins", flags.lacks("AlwaysAdmit") } },
    aliases = { "CKV_K8S_79", "KCV-0011", "kics:ce30e584-b33f-4c7d-b418-a3d7027f8f60" }, cis = "1.2.11", cwe = { 285 },
    description = "AlwaysAdmit lets requests past all other admission plugins.",
    remediation = "Remove AlwaysAdmit from --enable-admission-plugins.",
  },
  api {
    id = "k8s-api-always-pull", title = "The API server makes pods pull their images", severity = "LOW",
    flags = { { "enable-admission-plugins", flags.has("AlwaysPullImages") } },
    aliases = { "CKV_K8S_80", "KCV-0012", "kics:a77f4d07-c6e0-4a48-8b35-0eeb51576f4f" }, cis = "1.2.12", cwe = { 285 },
    description = "Otherwise a pod can use a private image that is already on the node without the right to pull it.",
    remediation = "Add AlwaysPullImages to --enable-admission-plugins.",
  },
  api {
    id = "k8s-api-image-policy-webhook", title = "The API server asks which images may run", severity = "LOW",
    flags = { { "enable-admission-plugins", flags.has("ImagePolicyWebhook") } },
    aliases = { "kics:14abda69-8e91-4acb-9931-76e2bee90284" }, cis = "5.5.1", cwe = { 829 }, default = false,
    description = "The plugin lets a service of yours decide which images are admitted.",
    remediation = "Add ImagePolicyWebhook to --enable-admission-plugins and configure it, or enforce the origin of images by other means.",
  },
  api {
    id = "k8s-api-security-context-deny", title = "The API server judges security contexts", severity = "LOW",
    flags = { { "enable-admission-plugins", function(v)
      local items = flags.items(v) or {}
      if not items.SecurityContextDeny and not items.PodSecurityPolicy and not items.PodSecurity then
        return "lists none of SecurityContextDeny, PodSecurityPolicy and PodSecurity"
      end
    end } },
    aliases = { "CKV_K8S_81", "KCV-0013", "kics:6a68bebe-c021-492e-8ddb-55b0567fb768" }, cis = "1.2.13", cwe = { 250 }, default = false,
    description = "For clusters before 1.23. Newer ones have Pod Security admission switched on by default.",
    remediation = "Upgrade to a version with Pod Security admission, or add SecurityContextDeny to --enable-admission-plugins.",
  },
  api {
    id = "k8s-api-service-account-plugin", title = "The API server gives pods their service accounts", severity = "MEDIUM",
    flags = { { "disable-admission-plugins", flags.lacks("ServiceAccount") } },
    aliases = { "CKV_K8S_82", "KCV-0014", "kics:9587c890-0524-40c2-9ce2-663af7c2f063" }, cis = "1.2.14", cwe = { 284 },
    description = "The plugin is on by default; without it pods get no service account, and checks of theirs are left out.",
    remediation = "Remove ServiceAccount from --disable-admission-plugins.",
  },
  api {
    id = "k8s-api-namespace-lifecycle", title = "The API server keeps objects out of namespaces that end", severity = "LOW",
    flags = { { "disable-admission-plugins", flags.lacks("NamespaceLifecycle") } },
    aliases = { "KCV-0015", "kics:1ffe7bf7-563b-4b3d-a71d-ba6bd8d49b37" }, cis = "1.2.15", cwe = { 284 },
    description = "The plugin is on by default; without it objects appear in namespaces that do not exist or are being removed.",
    remediation = "Remove NamespaceLifecycle from --disable-admission-plugins.",
  },
  api {
    id = "k8s-api-namespace-lifecycle-listed", title = "NamespaceLifecycle is listed among the admission plugins", severity = "LOW",
    flags = { { "enable-admission-plugins", function(v)
      if v ~= nil and not flags.items(v).NamespaceLifecycle then
        return "does not list NamespaceLifecycle"
      end
    end } },
    aliases = { "CKV_K8S_83" }, cwe = { 284 }, default = false,
    description = "Where a list of plugins is given, it says so. The plugin is on by default all the same: see k8s-api-namespace-lifecycle.",
    remediation = "Add NamespaceLifecycle to --enable-admission-plugins.",
  },
  api {
    id = "k8s-api-psp-plugin", title = "The API server enforces pod security policies", severity = "LOW",
    flags = { { "enable-admission-plugins", flags.has("PodSecurityPolicy") } },
    aliases = { "CKV_K8S_84", "kics:afa36afb-39fe-4d94-b9b6-afb236f7a03d" }, cwe = { 250 }, default = false,
    description = "For clusters before 1.25, where pod security policies ended.",
    remediation = "Upgrade and use Pod Security admission, or add PodSecurityPolicy to --enable-admission-plugins.",
  },
  api {
    id = "k8s-api-node-restriction", title = "The API server keeps kubelets from changing other nodes", severity = "MEDIUM",
    flags = { { "enable-admission-plugins", flags.has("NodeRestriction") } },
    aliases = { "CKV_K8S_85", "KCV-0016", "kics:33fc6923-6553-4fe6-9d3a-4efa51eb874b" }, cis = "1.2.16", cwe = { 269 },
    description = "With NodeRestriction a kubelet changes only its own node object and the pods on it.",
    remediation = "Add NodeRestriction to --enable-admission-plugins.",
  },
  api {
    id = "k8s-api-insecure-bind-address", title = "The API server has no address without TLS", severity = "HIGH",
    flags = { { "insecure-bind-address", flags.unset() } },
    aliases = { "CKV_K8S_86", "kics:b9380fd3-5ffe-4d10-9290-13e18e71eee1" }, cwe = { 319 },
    description = "Requests to the insecure address are neither encrypted nor authenticated nor authorized.",
    remediation = "Remove --insecure-bind-address.",
  },
  api {
    id = "k8s-api-insecure-port", title = "The API server has no port without TLS", severity = "HIGH",
    flags = { { "insecure-port", function(v)
      if v ~= nil and v ~= "0" then
        return "is " .. v .. ", not 0"
      end
    end } },
    nsa = "5.0", cwe = { 319 },
    description = "Requests to the insecure port are neither encrypted nor authenticated nor authorized. The port is gone since Kubernetes 1.20, the flag since 1.24.",
    remediation = "Remove --insecure-port, or set it to 0.",
  },
  api {
    id = "k8s-api-insecure-port-zero", title = "The API server is told to have no port without TLS", severity = "HIGH",
    flags = { { "insecure-port", flags.is("0") } },
    aliases = { "CKV_K8S_88", "kics:fa4def8c-1898-4a35-a139-7b76b1acdef0" }, cwe = { 319 }, default = false,
    description = "The strict form of k8s-api-insecure-port, for clusters before 1.20, where the port is open by default.",
    remediation = "Set --insecure-port=0.",
  },
  api {
    id = "k8s-api-secure-port", title = "The API server keeps its TLS port", severity = "HIGH",
    flags = { { "secure-port", flags.is_not("0") } },
    aliases = { "CKV_K8S_89", "KCV-0017", "kics:3d24b204-b73d-42cb-b0bf-1a5438c5f71e" }, cis = "1.2.17", cwe = { 319 },
    description = "With --secure-port=0 nothing is served over TLS.",
    remediation = "Remove --secure-port, or set it to a port.",
  },
  api {
    id = "k8s-api-profiling", title = "The API server does not serve profiles", severity = "LOW",
    flags = { { "profiling", flags.is("false") } },
    aliases = { "CKV_K8S_90", "KCV-0018", "kics:2f491173-6375-4a84-b28e-a4e2b9a58a69" }, cis = "1.2.18", cwe = { 200 },
    description = "Profiles tell about the program and cost time; they are on by default.",
    remediation = "Start kube-apiserver with --profiling=false.",
  },
  api {
    id = "k8s-api-audit-log", title = "The API server writes an audit log", severity = "MEDIUM",
    flags = { { "audit-log-path", flags.set() } },
    aliases = { "CKV_K8S_91", "KCV-0019", "kics:73e251f0-363d-4e53-86e2-0a93592437eb" }, cis = "1.2.19", nsa = "8.1", cwe = { 778 },
    description = "Without it nobody knows who did what.",
    remediation = "Set --audit-log-path.",
  },
  api {
    id = "k8s-api-audit-age", title = "Audit logs are kept for 30 days or more", severity = "LOW",
    flags = { { "audit-log-maxage", flags.at_least(30) } },
    aliases = { "CKV_K8S_92", "KCV-0020", "kics:da9f3aa8-fbfb-472f-b5a1-576127944218" }, cis = "1.2.20", nsa = "8.2", cwe = { 778 },
    description = "Break-ins are often found weeks later.",
    remediation = "Set --audit-log-maxage to 30 or more.",
  },
  api {
    id = "k8s-api-audit-backups", title = "Ten or more audit logs are kept", severity = "LOW",
    flags = { { "audit-log-maxbackup", flags.at_least(10) } },
    aliases = { "CKV_K8S_93", "KCV-0021", "kics:768aab52-2504-4a2f-a3e3-329d5a679848" }, cis = "1.2.21", cwe = { 778 },
    description = "With few files a burst of requests pushes the traces of an attack out.",
    remediation = "Set --audit-log-maxbackup to 10 or more.",
  },
  api {
    id = "k8s-api-audit-size", title = "Audit logs may have 100 MB or more", severity = "LOW",
    flags = { { "audit-log-maxsize", flags.at_least(100) } },
    aliases = { "CKV_K8S_94", "KCV-0022", "kics:35c0a471-f7c8-4993-aa2c-503a3c712a66" }, cis = "1.2.22", cwe = { 778 },
    description = "With small files a burst of requests pushes the traces of an attack out.",
    remediation = "Set --audit-log-maxsize to 100 or more.",
  },
  api {
    id = "k8s-api-audit-policy", title = "The API server has an audit policy", severity = "MEDIUM",
    flags = { { "audit-policy-file", flags.set() } },
    aliases = { "kics:13a49a2e-488e-4309-a7c0-d6b05577a5fb" }, cis = "3.2.1", nsa = "8.0", cwe = { 778 },
    description = "Without a policy no event is logged, whatever the log path is.",
    remediation = "Set --audit-policy-file.",
  },
  api {
    id = "k8s-api-request-timeout", title = "Requests to the API server end within five minutes", severity = "MEDIUM",
    flags = { { "request-timeout", function(v)
      if v == nil then
        return nil
      end
      local seconds = flags.seconds(v)
      if seconds == nil then
        return "is no duration: " .. v
      elseif seconds > 300 then
        return "is " .. v .. ", longer than 5m0s"
      end
    end } },
    aliases = { "CKV_K8S_95", "kics:d89a15bb-8dba-4c71-9529-bef6729b9c09" }, cis = "1.2.23", cwe = { 400 },
    description = "Slow requests hold resources of the API server; a few clients can use them up.",
    remediation = "Remove --request-timeout (60 seconds), or set it to 300s at most.",
  },
  api {
    id = "k8s-api-service-account-lookup", title = "Tokens of removed service accounts are refused", severity = "HIGH",
    flags = { { "service-account-lookup", flags.is_not("false") } },
    aliases = { "KCV-0024", "kics:a5530bd7-225a-48f9-91bb-f40b04200165" }, cis = "1.2.24", cwe = { 613 },
    description = "With the lookup switched off a token is good as long as its signature is. The default is true.",
    remediation = "Remove --service-account-lookup, or set it to true.",
  },
  api {
    id = "k8s-api-service-account-lookup-set", title = "The lookup of service accounts is switched on in so many words", severity = "LOW",
    flags = { { "service-account-lookup", flags.is("true") } },
    aliases = { "CKV_K8S_96" }, cwe = { 613 }, default = false,
    description = "The strict form of k8s-api-service-account-lookup; the default is true.",
    remediation = "Set --service-account-lookup=true.",
  },
  api {
    id = "k8s-api-service-account-key", title = "The API server has keys to verify service account tokens", severity = "MEDIUM",
    flags = { { "service-account-key-file", flags.ends_with { ".pem", ".pub", ".key", ".crt" } } },
    aliases = { "CKV_K8S_97", "KCV-0025", "kics:dab4ec72-ce2e-4732-b7c3-1757dcce01a1" }, cis = "1.2.25", cwe = { 522 },
    description = "Otherwise the TLS key of the API server verifies them, and cannot be changed without breaking all tokens.",
    remediation = "Set --service-account-key-file to the file with the public keys.",
  },
  api {
    id = "k8s-api-etcd-client", title = "The API server shows etcd a certificate", severity = "MEDIUM",
    flags = { { "etcd-certfile", flags.set() }, { "etcd-keyfile", flags.set() } },
    aliases = { "CKV_K8S_99", "KCV-0026", "kics:895a5a95-3756-4b04-9924-2f3bc93181bd" }, cis = "1.2.26", cwe = { 287 },
    description = "etcd holds the state of the cluster, secrets included; it must know who asks.",
    remediation = "Set --etcd-certfile and --etcd-keyfile.",
  },
  api {
    id = "k8s-api-tls", title = "The API server has a TLS certificate", severity = "MEDIUM",
    flags = { { "tls-cert-file", flags.set() }, { "tls-private-key-file", flags.set() } },
    aliases = { "CKV_K8S_100", "KCV-0027", "kics:fa750c81-93c2-4fab-9c6d-d3fd3ce3b89f" }, cis = "1.2.27", cwe = { 295 },
    description = "Without one it makes a certificate of its own that no client can verify.",
    remediation = "Set --tls-cert-file and --tls-private-key-file.",
  },
  api {
    id = "k8s-api-client-ca", title = "The API server verifies the certificates of clients", severity = "MEDIUM",
    flags = { { "client-ca-file", flags.set() } },
    aliases = { "KCV-0028" }, cis = "1.2.28", cwe = { 295 },
    description = "Kubelets and components authenticate by certificate.",
    remediation = "Set --client-ca-file.",
  },
  api {
    id = "k8s-api-etcd-ca", title = "The API server verifies the certificate of etcd", severity = "MEDIUM",
    flags = { { "etcd-cafile", flags.set() } },
    aliases = { "CKV_K8S_102", "KCV-0029", "kics:3f5ff8a7-5ad6-4d02-86f5-666307da1b20" }, cis = "1.2.29", nsa = "6.1", cwe = { 295 },
    description = "Otherwise anyone on the way can pose as etcd.",
    remediation = "Set --etcd-cafile.",
  },
  api {
    id = "k8s-api-encryption-config", title = "The API server encrypts what it stores", severity = "MEDIUM",
    flags = { { "encryption-provider-config", flags.set() } },
    aliases = { "CKV_K8S_104", "KCV-0030", "kics:cbd2db69-0b21-4c14-8a40-7710a50571a9" }, cis = "1.2.30", nsa = "5.1", cwe = { 311 },
    description = "Without it secrets are in clear in etcd and its backups.",
    remediation = "Set --encryption-provider-config to a file with a provider other than identity.",
  },
  api {
    id = "k8s-api-ciphers", title = "The API server uses strong ciphers", severity = "MEDIUM",
    flags = { { "tls-cipher-suites", flags.ciphers() } },
    aliases = { "CKV_K8S_105", "kics:510d5810-9a30-443a-817d-5c1fa527b110" }, cis = "1.2.32", cwe = { 326, 327 },
    description = "Suites without forward secrecy or with broken ciphers can be read later, or now.",
    remediation = "Remove --tls-cipher-suites, or list ECDHE suites with AES-GCM or ChaCha20 alone.",
  },
}
