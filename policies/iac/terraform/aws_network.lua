-- Security groups, network ACLs, subnets, VPCs.
local plan = import("plan")
local aws = import("aws")

local ingress_types = { "aws_security_group", "aws_security_group_rule", "aws_vpc_security_group_ingress_rule" }

-- A rule of the other direction is not what the policy speaks of.
local function wrong_direction(r, direction)
  return r.type == "aws_security_group_rule" and r.values.type ~= direction
end

-- No ingress from everywhere to this port; rules for all ports count, those that name none too.
local function closed(p)
  local port, name = p.port, p.name
  p.port, p.name = nil, nil
  p.type = ingress_types
  p.cwe = { 284 }
  p.description = p.description or (name .. " is tried by every scanner of the internet within minutes.")
  p.remediation = p.remediation or ("Name the networks that need " .. name .. ", or use a bastion or Session Manager.")
  p.check = function(r)
    if wrong_direction(r, "ingress") then
      return not_applicable("an egress rule")
    end
    aws.no_open_rule(r, "ingress", function(x)
      return aws.covers(x, port)
    end, "port " .. port .. " (" .. name .. ") is open to the internet")
  end
  return plan.policy(p)
end

-- No egress to everywhere on all ports.
local function egress_open(p)
  p.severity, p.cwe = "LOW", { 284 }
  p.frameworks = { ["pci-dss"] = "1.2.5", ["nist-800-53"] = "AC-4" }
  p.description = "Who takes over a machine can then carry data wherever they like."
  p.remediation = "Name the ports and networks that the machines need."
  p.check = function(r)
    if wrong_direction(r, "egress") then
      return not_applicable("an ingress rule")
    end
    aws.no_open_rule(r, "egress", aws.all_ports, "all outgoing traffic is allowed")
  end
  return plan.policy(p)
end

local sensitive = { [21] = "FTP", [23] = "Telnet", [25] = "SMTP", [110] = "POP3", [135] = "RPC", [137] = "NetBIOS",
                    [139] = "NetBIOS", [389] = "LDAP", [445] = "SMB", [1433] = "SQL Server", [1434] = "SQL Server",
                    [1521] = "Oracle", [2375] = "Docker", [2483] = "Oracle", [3000] = "development servers",
                    [3306] = "MySQL", [4505] = "Salt", [5432] = "PostgreSQL", [5500] = "VNC", [5601] = "Kibana",
                    [5900] = "VNC", [6379] = "Redis", [7001] = "Cassandra", [8020] = "Hadoop", [9042] = "Cassandra",
                    [9200] = "Elasticsearch", [9300] = "Elasticsearch", [11211] = "memcached", [27017] = "MongoDB",
                    [50070] = "Hadoop" }

-- Rules of network ACLs: blocks of aws_network_acl, or a resource each.
local function nacl(p)
  local port = p.port
  p.port = nil
  p.type = { "aws_network_acl", "aws_network_acl_rule", "aws_default_network_acl" }
  p.cwe = { 284 }
  p.frameworks = { ["cis-aws"] = "5.1", ["pci-dss"] = "1.3.1", ["nist-800-53"] = "SC-7" }
  local function judge(where, prefix, v, action)
    local net = v.cidr_block or v.ipv6_cidr_block
    local protocol = tostring(v.protocol)
    local covered = protocol == "-1" or protocol == "all" or ((protocol == "6" or protocol == "tcp")
                    and tonumber(v.from_port) <= port and port <= tonumber(v.to_port))
    if v[action] == "allow" and net ~= nil and cidr.is_any(net) and covered then
      fail(where, prefix .. (v.cidr_block and "cidr_block" or "ipv6_cidr_block"), "port " .. port .. " is open to the internet (" .. net .. ")")
    end
  end
  p.check = function(r)
    if r.type == "aws_network_acl_rule" then
      if r.values.egress == true then
        return not_applicable("an egress rule")
      end
      return judge(r, "values.", r.values, "rule_action")
    end
    for _, b in plan.blocks(r, "ingress") do
      judge(b, "", b, "action")
    end
  end
  return plan.policy(p)
end

return {
  closed {
    id = "aws-sg-ssh-open", title = "SSH is not open to the internet", severity = "HIGH", port = 22, name = "SSH",
    aliases = { "CKV_AWS_24", "AWS-0107", "kics:65905cec-d691-4320-b320-2000436cb696" },
    frameworks = { ["cis-aws"] = "5.2", ["pci-dss"] = { "1.3.1", "1.4.2" }, ["nist-800-53"] = "SC-7", ["soc2"] = "CC6.6", ["iso-27001"] = "A.8.20" },
  },
  closed {
    id = "aws-sg-rdp-open", title = "Remote Desktop is not open to the internet", severity = "HIGH", port = 3389, name = "RDP",
    aliases = { "CKV_AWS_25", "AWS-0107", "kics:151187cb-0efc-481c-babd-ad24e3c9bc22" },
    frameworks = { ["cis-aws"] = "5.2", ["pci-dss"] = { "1.3.1", "1.4.2" }, ["nist-800-53"] = "SC-7", ["soc2"] = "CC6.6" },
  },
  closed {
    id = "aws-sg-http-open", title = "Plain HTTP is not open to the internet", severity = "MEDIUM", port = 80, name = "HTTP",
    aliases = { "CKV_AWS_260", "kics:ffac8a12-322e-42c1-b9b9-81ff85c39ef7" },
    frameworks = { ["pci-dss"] = { "1.4.2", "4.2.1" }, ["nist-800-53"] = "SC-8" },
    description = "What passes here can be read and changed on its way.",
    remediation = "Open 443, and 80 only for a load balancer that redirects.",
  },
  plan.policy {
    id = "aws-sg-sensitive-port-open", title = "Databases and administration are not open to the internet", severity = "HIGH",
    type = ingress_types, cwe = { 284 },
    frameworks = { ["pci-dss"] = { "1.2.5", "1.3.1" }, ["nist-800-53"] = "SC-7", ["soc2"] = "CC6.6" },
    description = "Databases, caches and administration protocols are made for networks that are trusted.",
    remediation = "Name the networks or security groups that need it.",
    check = function(r)
      if wrong_direction(r, "ingress") then
        return not_applicable("an egress rule")
      end
      aws.no_open_rule(r, "ingress", function(x)
        if x.protocol ~= "tcp" and x.protocol ~= "6" or x.from == nil or x.to == nil then
          return false
        end
        for port in pairs(sensitive) do
          if x.from <= port and port <= x.to then
            return true
          end
        end
        return false
      end, "a port of a database or of administration is open to the internet")
    end,
  },
  plan.policy {
    id = "aws-sg-all-ports-open", title = "Not all ports are open to the internet", severity = "CRITICAL",
    type = ingress_types, cwe = { 284 }, aliases = { "CKV_AWS_277" },
    frameworks = { ["pci-dss"] = { "1.2.5", "1.3.1" }, ["nist-800-53"] = "SC-7", ["soc2"] = "CC6.6" },
    description = "Whatever listens on these machines, now or later, can be reached by everyone.",
    remediation = "Name the ports and the networks.",
    check = function(r)
      if wrong_direction(r, "ingress") then
        return not_applicable("an egress rule")
      end
      aws.no_open_rule(r, "ingress", aws.all_ports, "all ports are open to the internet")
    end,
  },
  egress_open {
    id = "aws-sg-egress-open", title = "Outgoing traffic of security groups is limited", type = "aws_security_group",
    aliases = { "CKV_AWS_382", "AWS-0104" },
  },
  -- CKV_AWS_382 lets rules pass that are resources of their own.
  egress_open {
    id = "aws-sg-rule-egress-open", title = "Rules for outgoing traffic are limited",
    type = { "aws_security_group_rule", "aws_vpc_security_group_egress_rule" }, aliases = { "AWS-0104" },
  },
  plan.policy {
    id = "aws-sg-description", title = "Rules of security groups say what they are for", severity = "INFO",
    type = { "aws_security_group", "aws_security_group_rule", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule" },
    aliases = { "CKV_AWS_23", "AWS-0124" }, frameworks = { ["pci-dss"] = "1.2.5" },
    description = "Nobody dares to remove a rule of which nobody knows the reason.",
    remediation = "Give each rule a description.",
    check = function(r)
      if r.type ~= "aws_security_group" then
        local d = plan.get(r, "description")
        if d == nil or d == "" then
          fail(r, "values.description", "the rule has no description")
        end
        return
      end
      for _, direction in ipairs({ "ingress", "egress" }) do
        for _, b in plan.blocks(r, direction) do
          if b.description == nil or b.description == "" then
            fail(b, "description", "a rule has no description")
          end
        end
      end
    end,
  },
  plan.policy {
    id = "aws-default-sg-open", title = "The default security group lets nothing through", severity = "MEDIUM",
    type = "aws_default_security_group", aliases = { "AWS-0173", "kics:9a4ef195-74b9-4c58-b8ed-2b2fe4353a75" }, cwe = { 284 },
    frameworks = { ["cis-aws"] = "5.3", ["pci-dss"] = "1.3.1", ["nist-800-53"] = "SC-7" },
    description = "Whatever is made without a group of its own gets this one.",
    remediation = "Leave ingress and egress of aws_default_security_group out.",
    check = function(r)
      for _, direction in ipairs({ "ingress", "egress" }) do
        for _, b in plan.blocks(r, direction) do
          fail(b, "the default security group has a rule for " .. direction)
        end
      end
    end,
  },
  plan.policy {
    id = "aws-vpc-default-sg", title = "VPCs take the rules out of their default security group", severity = "LOW", scope = "project",
    type = "aws_vpc", aliases = { "CKV2_AWS_12" }, cwe = { 284 }, frameworks = { ["cis-aws"] = "5.3" },
    description = "AWS gives it rules that let all members talk; Terraform removes them only when it manages the group.",
    remediation = "Add an aws_default_security_group without rules for the VPC.",
    check = function(r)
      local group, maybe = plan.companion(r, "aws_default_security_group", "vpc_id")
      if not group and maybe then
        unknown("it cannot be followed whether a default security group belongs to this VPC")
      elseif not group then
        fail("the VPC has no aws_default_security_group")
      elseif #(plan.get(group, "ingress") or {}) > 0 or #(plan.get(group, "egress") or {}) > 0 then
        fail(group, "values.ingress", "the default security group of the VPC has rules")
      end
    end,
  },
  plan.policy {
    id = "aws-vpc-flow-logs", title = "VPCs log their traffic", severity = "MEDIUM", scope = "project",
    type = "aws_vpc", aliases = { "CKV2_AWS_11", "AWS-0178", "kics:f83121ea-03da-434f-9277-9cd247ab3047" }, cwe = { 778 },
    frameworks = { ["cis-aws"] = "3.9", ["pci-dss"] = "10.2.1", ["nist-800-53"] = "AU-2", ["soc2"] = "CC7.2", ["iso-27001"] = "A.8.16" },
    description = "Flow logs show what talked to what: often all there is after an incident.",
    remediation = "Add an aws_flow_log with this vpc_id.",
    check = function(r)
      local log, maybe = plan.companion(r, "aws_flow_log", "vpc_id")
      if not log and maybe then
        unknown("it cannot be followed whether a flow log belongs to this VPC")
      elseif not log then
        fail("the VPC has no aws_flow_log")
      end
    end,
  },
  plan.want {
    id = "aws-subnet-public-ip", title = "Subnets do not give public addresses by themselves", severity = "MEDIUM",
    type = "aws_subnet", at = "map_public_ip_on_launch", is = false, unset = false,
    aliases = { "CKV_AWS_130", "AWS-0164", "kics:52f04a44-6bfa-4c41-b1d3-4ae99a2de05c" }, cwe = { 284 },
    frameworks = { ["pci-dss"] = "1.4.2", ["nist-800-53"] = "SC-7" },
    description = "Every machine that is started there is on the internet, meant or not.",
    remediation = "Remove map_public_ip_on_launch and give addresses where they are needed.",
    message = "machines in the subnet get public addresses",
  },
  plan.policy {
    id = "aws-default-vpc", title = "The default VPC is not used", severity = "LOW", type = "aws_default_vpc",
    aliases = { "CKV_AWS_148", "AWS-0101", "kics:96ed3526-0179-4c73-b1b2-372fde2e0d13" },
    frameworks = { ["nist-800-53"] = "SC-7" },
    description = "All its subnets are public.",
    remediation = "Make a VPC with private subnets.",
    check = function(r)
      if plan.get(r, "force_destroy") ~= true then
        fail("the default VPC is taken into use")
      end
    end,
  },
  nacl {
    id = "aws-nacl-ssh-open", title = "Network ACLs do not open SSH to the internet", severity = "MEDIUM", port = 22,
    aliases = { "CKV_AWS_232", "AWS-0105", "kics:3af7f2fd-06e6-4dab-b996-2912bea19ba4" },
    description = "The ACL is the second line behind security groups, and holds for all of the subnet.",
    remediation = "Name the networks that need SSH.",
  },
  nacl {
    id = "aws-nacl-rdp-open", title = "Network ACLs do not open Remote Desktop to the internet", severity = "MEDIUM", port = 3389,
    aliases = { "CKV_AWS_231", "AWS-0105", "kics:a20be318-cac7-457b-911d-04cc6e812c25" },
    description = "The ACL is the second line behind security groups, and holds for all of the subnet.",
    remediation = "Name the networks that need RDP.",
  },
}
