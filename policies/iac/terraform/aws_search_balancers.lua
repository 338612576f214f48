-- Elasticsearch and OpenSearch domains; load balancers.
local plan = import("plan")

local domains = { "aws_elasticsearch_domain", "aws_opensearch_domain" }
local balancers = { "aws_lb", "aws_alb" }
local listeners = { "aws_lb_listener", "aws_alb_listener" }
local transit = { ["pci-dss"] = "4.2.1", ["nist-800-53"] = "SC-8", ["soc2"] = "CC6.7" }
local audit = { ["pci-dss"] = "10.2.1", ["nist-800-53"] = "AU-2", ["iso-27001"] = "A.8.15" }

local modern = { ["Policy-Min-TLS-1-2-2019-07"] = true, ["Policy-Min-TLS-1-2-PFS-2023-10"] = true, ["Policy-Min-TLS-1-2-RFC9151-FIPS-2024-08"] = true }

local function log_type(r, wanted)
  for _, o in plan.blocks(r, "log_publishing_options") do
    if o.enabled ~= false and (wanted == nil or o.log_type == wanted) then
      return true
    end
  end
  return false
end

return {
  plan.want {
    id = "aws-search-encrypted", title = "Search domains are encrypted", severity = "HIGH", type = domains,
    at = "encrypt_at_rest[0].enabled", is = true, unset = false,
    aliases = { "CKV_AWS_5", "AWS-0048", "kics:24e16922-4330-4e9d-be8a-caa90299466a" }, cwe = { 311 },
    frameworks = { ["pci-dss"] = "3.5.1", ["nist-800-53"] = "SC-28", ["iso-27001"] = "A.8.24" },
    description = "An index holds what was put into it, in clear.",
    remediation = "Set encrypt_at_rest { enabled = true }.", message = "the domain is not encrypted at rest",
  },
  plan.want {
    id = "aws-search-kms", title = "Search domains are encrypted with a key of the account", severity = "LOW", type = domains,
    at = "encrypt_at_rest[0].kms_key_id", aliases = { "CKV_AWS_247", "kics:7af2f4a3-00d9-47f3-8d15-ca0888f4e5b2" },
    frameworks = { ["nist-800-53"] = "SC-12" },
    description = "The key that AWS manages cannot be shared, limited or switched off.",
    remediation = "Set encrypt_at_rest { kms_key_id = ... }.", message = "the domain has no key of its own",
  },
  plan.policy {
    id = "aws-search-node-encryption", title = "Nodes of search domains speak encrypted with each other", severity = "HIGH", type = domains,
    aliases = { "CKV_AWS_6", "AWS-0043", "kics:967eb3e6-26fc-497d-8895-6428beb6e8e2" }, cwe = { 319 }, frameworks = transit,
    description = "What passes between nodes is what the index holds.",
    remediation = "Set node_to_node_encryption { enabled = true }.",
    check = function(r)
      local count = plan.get(r, "cluster_config[0].instance_count")
      if count == nil or count <= 1 then
        return not_applicable("there is one node")
      end
      if plan.get(r, "node_to_node_encryption[0].enabled") ~= true then
        fail(r, "values.node_to_node_encryption", "traffic between nodes is not encrypted")
      end
    end,
  },
  plan.want {
    id = "aws-search-https", title = "Search domains want HTTPS", severity = "HIGH", type = domains,
    at = "domain_endpoint_options[0].enforce_https", is = true,
    aliases = { "CKV_AWS_83", "AWS-0046", "kics:2e9e0729-66d5-4148-9d39-5e6fb4bf2a4e" }, cwe = { 319 }, frameworks = transit,
    description = "Queries, answers and passwords pass in clear otherwise.",
    remediation = "Set domain_endpoint_options { enforce_https = true }.", message = "plain HTTP is answered",
  },
  plan.want {
    id = "aws-search-tls", title = "Search domains want TLS 1.2", severity = "HIGH", type = domains,
    at = "domain_endpoint_options[0].tls_security_policy", test = function(v) return modern[v] == true end, unset = "Policy-Min-TLS-1-0-2019-07",
    aliases = { "CKV_AWS_228", "AWS-0126" }, cwe = { 326 }, frameworks = transit,
    description = "TLS 1.0 and 1.1 can be broken.",
    remediation = "Set domain_endpoint_options { tls_security_policy = \"Policy-Min-TLS-1-2-2019-07\" }.", message = "TLS 1.0 is accepted",
  },
  plan.policy {
    id = "aws-search-logging", title = "Search domains write logs", severity = "LOW", type = domains,
    aliases = { "CKV_AWS_84", "AWS-0042", "kics:acb6b4e2-a086-4f35-aefd-4db6ea51ada2" }, cwe = { 778 }, frameworks = audit,
    description = "Without logs nobody sees what went wrong, or who asked.",
    remediation = "Add log_publishing_options.",
    check = function(r)
      if not log_type(r, nil) then
        fail(r, "values.log_publishing_options", "the domain writes no logs")
      end
    end,
  },
  plan.policy {
    id = "aws-search-audit-log", title = "Search domains write an audit log", severity = "LOW", type = domains,
    aliases = { "CKV_AWS_317" }, cwe = { 778 }, frameworks = audit,
    description = "It says who asked for what.",
    remediation = "Add log_publishing_options { log_type = \"AUDIT_LOGS\" }.",
    check = function(r)
      if not log_type(r, "AUDIT_LOGS") then
        fail(r, "values.log_publishing_options", "the domain writes no audit log")
      end
    end,
  },
  plan.want {
    id = "aws-search-vpc", title = "Search domains are in a VPC", severity = "HIGH", type = domains,
    at = "vpc_options[0].subnet_ids", aliases = { "CKV_AWS_137" }, cwe = { 284 },
    frameworks = { ["pci-dss"] = "1.3.1", ["nist-800-53"] = "SC-7" },
    description = "A domain outside has a public address, and its access policy is all that protects it.",
    remediation = "Set vpc_options.", message = "the domain is not in a VPC",
  },
  plan.want {
    id = "aws-search-security-group", title = "Search domains have a security group of their own", severity = "LOW", type = domains,
    at = "vpc_options[0].security_group_ids", aliases = { "CKV_AWS_248" }, cwe = { 284 }, frameworks = { ["nist-800-53"] = "SC-7" },
    description = "The default group lets all its members talk.",
    remediation = "Set vpc_options { security_group_ids = [...] }.", message = "the domain has the default security group",
  },
  plan.policy {
    id = "aws-search-dedicated-masters", title = "Search domains have three dedicated masters", severity = "LOW", type = domains,
    aliases = { "CKV_AWS_318", "CKV2_AWS_59" },
    description = "Fewer than three cannot agree when one is lost.",
    remediation = "Set cluster_config { dedicated_master_enabled = true, dedicated_master_count = 3 }.",
    check = function(r)
      local path = "cluster_config[0]."
      local count = plan.get(r, path .. "dedicated_master_count")
      if plan.get(r, path .. "dedicated_master_enabled") ~= true or count == nil or count < 3 then
        fail(r, "values." .. path .. "dedicated_master_count", "there are fewer than three dedicated masters")
      end
    end,
  },
  plan.want {
    id = "aws-search-access-control", title = "Search domains know who may do what", severity = "MEDIUM", type = domains,
    at = "advanced_security_options[0].enabled", is = true, unset = false, aliases = { "CKV2_AWS_52" }, cwe = { 284 },
    frameworks = { ["pci-dss"] = "7.2.1", ["nist-800-53"] = "AC-3" },
    description = "Without fine-grained access control, who may enter may do everything.",
    remediation = "Set advanced_security_options { enabled = true }.", message = "fine-grained access control is off",
  },
  -- load balancers
  plan.policy {
    id = "aws-elb-access-logs", title = "Classic load balancers log requests", severity = "MEDIUM", type = "aws_elb",
    aliases = { "CKV_AWS_92", "kics:20018359-6fd7-4d05-ab26-d4dffccbdf79" }, cwe = { 778 }, frameworks = audit,
    description = "They are the record of who asked for what.",
    remediation = "Add access_logs with a bucket.",
    check = function(r)
      if not plan.is_set(r, "access_logs[0].bucket") or plan.get(r, "access_logs[0].enabled") == false then
        fail(r, "values.access_logs", "requests are not logged")
      end
    end,
  },
  plan.policy {
    id = "aws-lb-access-logs", title = "Load balancers log requests", severity = "MEDIUM", type = balancers,
    aliases = { "CKV_AWS_91" }, cwe = { 778 }, frameworks = audit,
    description = "They are the record of who asked for what.",
    remediation = "Set access_logs { bucket = ..., enabled = true }.",
    check = function(r)
      if plan.get(r, "access_logs[0].enabled") ~= true then
        fail(r, "values.access_logs", "requests are not logged")
      end
    end,
  },
  plan.policy {
    id = "aws-elb-acm-certificate", title = "Classic load balancers take certificates from ACM", severity = "LOW", type = "aws_elb",
    aliases = { "CKV_AWS_127" }, cwe = { 295 }, frameworks = transit,
    description = "Certificates from ACM are renewed before they end.",
    remediation = "Set ssl_certificate_id to the ARN of a certificate of ACM.",
    check = function(r)
      for i, l in plan.blocks(r, "listener") do
        local protocol = tostring(l.lb_protocol):lower()
        local path = "listener[" .. (i - 1) .. "].ssl_certificate_id"
        if (protocol == "https" or protocol == "ssl") and not plan.is_set(r, path) then
          fail(l, "ssl_certificate_id", "a listener with TLS has no certificate")
        elseif (protocol == "https" or protocol == "ssl") and not is_unknown(r, "values." .. path)
               and tostring(l.ssl_certificate_id):contains(":iam:") then
          fail(l, "ssl_certificate_id", "the certificate is not from ACM")
        end
      end
    end,
  },
  plan.policy {
    id = "aws-elb-tls", title = "Classic load balancers speak TLS", severity = "HIGH", type = "aws_elb",
    aliases = { "CKV_AWS_376" }, cwe = { 319 }, frameworks = transit,
    description = "What passes can be read and changed on its way otherwise.",
    remediation = "Use lb_protocol = \"https\" or \"ssl\".",
    check = function(r)
      for _, l in plan.blocks(r, "listener") do
        local protocol = tostring(l.lb_protocol):lower()
        if protocol ~= "https" and protocol ~= "ssl" then
          fail(l, "lb_protocol", "a listener speaks " .. protocol)
        end
      end
    end,
  },
  plan.want {
    id = "aws-elb-cross-zone", title = "Classic load balancers use all zones", severity = "INFO", type = "aws_elb",
    at = "cross_zone_load_balancing", is = true, unset = true, aliases = { "CKV_AWS_138" },
    description = "The machines of one zone are overloaded otherwise.",
    remediation = "Remove cross_zone_load_balancing, or set it to true.", message = "load stays in its zone",
  },
  plan.want {
    id = "aws-lb-desync", title = "Load balancers stop requests that servers read differently", severity = "MEDIUM",
    type = { "aws_elb", "aws_lb", "aws_alb" }, at = "desync_mitigation_mode", test = function(v) return v == nil or v == "defensive" or v == "strictest" end,
    aliases = { "CKV_AWS_328" }, cwe = { 444 },
    description = "Request smuggling gets past the checks of the load balancer.",
    remediation = "Set desync_mitigation_mode to defensive or strictest.", message = "ambiguous requests are passed on",
  },
  plan.policy {
    id = "aws-lb-http", title = "Load balancers speak TLS, or redirect to it", severity = "HIGH", type = listeners,
    aliases = { "CKV_AWS_2", "AWS-0054", "kics:de7f5e83-da88-4046-871f-ea18504b1d43" }, cwe = { 319 }, frameworks = transit,
    description = "What passes can be read and changed on its way otherwise.",
    remediation = "Use protocol HTTPS, and redirect what comes on port 80.",
    check = function(r)
      local protocol = plan.get(r, "protocol") or "HTTP"
      if protocol ~= "HTTP" then
        return
      end
      for _, a in plan.blocks(r, "default_action") do
        if a.type ~= "redirect" or a.redirect[1].protocol ~= "HTTPS" then
          fail(r, "values.protocol", "the listener speaks plain HTTP")
          return
        end
      end
    end,
  },
  plan.policy {
    id = "aws-lb-tls-policy", title = "Load balancers want TLS 1.2", severity = "HIGH", type = listeners,
    aliases = { "CKV_AWS_103", "AWS-0047" }, cwe = { 326 }, frameworks = transit,
    description = "TLS 1.0 and 1.1 can be broken.",
    remediation = "Set ssl_policy = \"ELBSecurityPolicy-TLS13-1-2-2021-06\".",
    check = function(r)
      local protocol = plan.get(r, "protocol")
      if protocol ~= "HTTPS" and protocol ~= "TLS" then
        return not_applicable("no TLS")
      end
      local policy = plan.get(r, "ssl_policy")
      local good = policy ~= nil and (policy:startswith("ELBSecurityPolicy-TLS13-1-2") or policy:startswith("ELBSecurityPolicy-TLS13-1-3")
                   or policy:startswith("ELBSecurityPolicy-FS-1-2") or policy:startswith("ELBSecurityPolicy-TLS-1-2"))
      if not good then
        fail(r, "values.ssl_policy", "TLS before 1.2 is accepted")
      end
    end,
  },
  plan.want {
    id = "aws-lb-invalid-headers", title = "Application load balancers drop invalid headers", severity = "MEDIUM", type = balancers,
    at = "drop_invalid_header_fields", is = true, unset = false, when = function(r)
      local kind = plan.get(r, "load_balancer_type")
      return kind == nil or kind == "application"
    end,
    unless = "no application load balancer",
    aliases = { "CKV_AWS_131", "AWS-0052", "kics:6e3fd2ed-5c83-4c68-9679-7700d224d379" }, cwe = { 444 },
    description = "They are a way of request smuggling.",
    remediation = "Set drop_invalid_header_fields = true.", message = "invalid headers are passed on",
  },
  plan.want {
    id = "aws-lb-deletion-protection", title = "Load balancers are protected from deletion", severity = "LOW", type = balancers,
    at = "enable_deletion_protection", is = true, unset = false,
    aliases = { "CKV_AWS_150", "kics:afecd1f1-6378-4f7e-bb3b-60c35801fdd4" },
    description = "Its address goes with it.",
    remediation = "Set enable_deletion_protection = true.", message = "the load balancer can be deleted",
  },
}
