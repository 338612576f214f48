-- S3: who may read, how it is encrypted, kept and logged. Since version 4 of the AWS provider most of
-- it stands in resources of its own that refer to the bucket; both forms count.
local plan = import("plan")
local aws = import("aws")

-- What a bucket has in a block of its own (older providers) or in a companion resource: calls
-- test(resource, path of the block) with whichever is there. `lack` says what it means to have none.
local function part(r, block, type, test, lack)
  if r.type ~= "aws_s3_bucket" then
    return test(r, "")
  end
  local own = plan.get(r, block)
  if own ~= nil and #own > 0 then
    return test(r, block .. "[0].")
  end
  local other, maybe = plan.companion(r, type, "bucket", not is_unknown(r, "values.bucket") and r.values.bucket or nil)
  if other then
    return test(other, "")
  end
  if maybe then
    return unknown("it cannot be followed whether a " .. type .. " belongs to this bucket")
  end
  return fail(r, "values." .. block, lack)
end

local public_groups = { ["http://acs.amazonaws.com/groups/global/AllUsers"] = true,
                        ["http://acs.amazonaws.com/groups/global/AuthenticatedUsers"] = true }

local function acl(r, words, permissions, message)
  local word = plan.get(r, "acl")
  if word ~= nil and words[word] then
    fail(r, "values.acl", "the ACL " .. word .. " " .. message)
  end
  for _, g in plan.blocks(r, "grant") do
    for _, p in ipairs(g.permissions or {}) do
      if public_groups[g.uri] and permissions[p] then
        fail(g, "permissions", "a grant of " .. p .. " to everyone " .. message)
      end
    end
  end
  for _, policy in plan.blocks(r, "access_control_policy") do
    for _, g in ipairs(policy.grant or {}) do
      if public_groups[g.grantee[1].uri] and permissions[g.permission] then
        fail(g, "permission", "a grant of " .. g.permission .. " to everyone " .. message)
      end
    end
  end
  plan.certain(r, "acl")
end

local encryption = "aws_s3_bucket_server_side_encryption_configuration"

local function block_public(p)
  p.type, p.is, p.unset = "aws_s3_bucket_public_access_block", true, false
  p.severity = p.severity or "HIGH"
  p.frameworks = { ["cis-aws"] = "2.1.5", ["pci-dss"] = "1.3.1", ["nist-800-53"] = "AC-3", ["iso-27001"] = "A.8.3" }
  p.cwe = { 284 }
  p.message = p.at .. " is not true"
  p.remediation = "Set " .. p.at .. " = true."
  return plan.want(p)
end

return {
  plan.policy {
    id = "aws-s3-acl-public-read", title = "Buckets are not readable by everyone", severity = "CRITICAL",
    type = { "aws_s3_bucket", "aws_s3_bucket_acl" },
    aliases = { "CKV_AWS_20", "AWS-0092", "kics:38c5ee0d-7f22-4260-ab72-5073048df100" }, cwe = { 732 },
    frameworks = { ["pci-dss"] = "1.3.1", ["nist-800-53"] = "AC-3", ["soc2"] = "CC6.1" },
    description = "An ACL that grants READ to all users lets anybody list the bucket and fetch what is in it.",
    remediation = "Use the ACL private, or none, and share through a bucket policy or CloudFront.",
    check = function(r)
      acl(r, { ["public-read"] = true, ["public-read-write"] = true, ["authenticated-read"] = true },
          { READ = true, FULL_CONTROL = true }, "lets everyone read")
    end,
  },
  plan.policy {
    id = "aws-s3-acl-public-write", title = "Buckets are not writable by everyone", severity = "CRITICAL",
    type = { "aws_s3_bucket", "aws_s3_bucket_acl" },
    aliases = { "CKV_AWS_57", "kics:64a222aa-7793-4e40-915f-4b302c76e4d4" }, cwe = { 732 },
    frameworks = { ["pci-dss"] = "1.3.1", ["nist-800-53"] = "AC-3", ["soc2"] = "CC6.1" },
    description = "Anybody can then replace what others trust, or store what they like at your cost.",
    remediation = "Use the ACL private, or none.",
    check = function(r)
      acl(r, { ["public-read-write"] = true }, { WRITE = true, WRITE_ACP = true, FULL_CONTROL = true }, "lets everyone write")
    end,
  },
  plan.policy {
    id = "aws-s3-encrypted", title = "Buckets encrypt with an algorithm that S3 knows", severity = "HIGH", scope = "project",
    type = { "aws_s3_bucket", encryption },
    aliases = { "CKV_AWS_19" }, cwe = { 311 },
    frameworks = { ["cis-aws"] = "2.1.1", ["pci-dss"] = "3.5.1", ["nist-800-53"] = "SC-28", ["iso-27001"] = "A.8.24" },
    description = "S3 encrypts every object with AES256 when nothing else is said, so only a wrong setting takes it away.",
    remediation = "Set sse_algorithm to AES256, aws:kms or aws:kms:dsse.",
    check = function(r)
      local at = r.type == encryption and "rule" or "server_side_encryption_configuration[0].rule"
      local algorithm = plan.get(r, at .. "[0].apply_server_side_encryption_by_default[0].sse_algorithm")
      if algorithm ~= nil and algorithm ~= "AES256" and not algorithm:startswith("aws:kms") then
        fail(r, "values." .. at .. "[0].apply_server_side_encryption_by_default[0].sse_algorithm",
             "S3 does not know the algorithm " .. algorithm)
      end
    end,
  },
  plan.policy {
    id = "aws-s3-kms", title = "Buckets encrypt with a key of KMS", severity = "MEDIUM", scope = "project",
    type = "aws_s3_bucket", aliases = { "CKV_AWS_145", "AWS-0132" }, cwe = { 311 },
    frameworks = { ["pci-dss"] = "3.5.1", ["nist-800-53"] = { "SC-12", "SC-28" }, ["soc2"] = "CC6.1" },
    description = "Who may use a KMS key is decided apart from who may read the bucket, and its use is logged.",
    remediation = "Add an aws_s3_bucket_server_side_encryption_configuration with sse_algorithm = \"aws:kms\".",
    check = function(r)
      part(r, "server_side_encryption_configuration", encryption, function(x, at)
        local path = at .. "rule[0].apply_server_side_encryption_by_default[0].sse_algorithm"
        local algorithm = plan.get(x, path)
        if algorithm == nil or not algorithm:startswith("aws:kms") then
          fail(x, "values." .. path, "the bucket is encrypted with " .. (algorithm or "AES256") .. ", not with a key of KMS")
        end
      end, "the bucket is encrypted with AES256, not with a key of KMS")
    end,
  },
  plan.policy {
    id = "aws-s3-versioning", title = "Buckets keep versions", severity = "MEDIUM", scope = "project",
    type = "aws_s3_bucket", aliases = { "CKV_AWS_21", "AWS-0090", "kics:568a4d22-3517-44a6-a7ad-6a7eed88722c" },
    frameworks = { ["nist-800-53"] = "AU-9", ["iso-27001"] = "A.8.3" },
    description = "What is overwritten or deleted, by mistake or by ransomware, can be brought back.",
    remediation = "Add an aws_s3_bucket_versioning with status = \"Enabled\".",
    check = function(r)
      part(r, "versioning", "aws_s3_bucket_versioning", function(x, at)
        local status = x.type == "aws_s3_bucket" and plan.get(x, at .. "enabled")
        if x.type ~= "aws_s3_bucket" then
          at = "versioning_configuration[0].status"
          status = plan.get(x, at) == "Enabled"
        else
          at = at .. "enabled"
        end
        if status ~= true then
          fail(x, "values." .. at, "versioning is not enabled")
        end
      end, "the bucket has no versioning")
    end,
  },
  plan.policy {
    id = "aws-s3-mfa-delete", title = "Versions of buckets are deleted with a second factor only", severity = "LOW", default = false,
    type = { "aws_s3_bucket_versioning", "aws_s3_bucket" }, aliases = { "AWS-0170", "kics:c5b31ab9-0f26-4a49-b8aa-4cc064392f4d" },
    frameworks = { ["cis-aws"] = "2.1.3", ["nist-800-53"] = "AU-9" },
    description = "A key that was stolen cannot then destroy what versions keep.",
    remediation = "Set versioning_configuration { mfa_delete = \"Enabled\" }, as the root user.",
    check = function(r)
      local path = "versioning_configuration[0].mfa_delete"
      if r.type == "aws_s3_bucket" then
        path = "versioning[0].mfa_delete"
        if plan.get(r, path) == nil then
          return not_applicable("versioning is a resource of its own")
        end
      end
      local v = plan.get(r, path)
      if v ~= true and v ~= "Enabled" then
        fail(r, "values." .. path, "versions can be deleted without a second factor")
      end
    end,
  },
  plan.policy {
    id = "aws-s3-logging", title = "Access to buckets is logged", severity = "MEDIUM", scope = "project",
    type = "aws_s3_bucket", aliases = { "CKV_AWS_18", "AWS-0089", "kics:f861041c-8c9f-4156-acfc-5e6e524f5884" }, cwe = { 778 },
    frameworks = { ["cis-aws"] = "3.6", ["pci-dss"] = "10.2.1", ["nist-800-53"] = "AU-2", ["iso-27001"] = "A.8.15" },
    description = "Without access logs nobody can say who fetched what after an incident.",
    remediation = "Add an aws_s3_bucket_logging with a target bucket.",
    check = function(r)
      part(r, "logging", "aws_s3_bucket_logging", function(x, at)
        if not plan.is_set(x, at .. "target_bucket") then
          fail(x, "values." .. at .. "target_bucket", "the log has no bucket to go to")
        end
      end, "access to the bucket is not logged")
    end,
  },
  plan.policy {
    id = "aws-s3-public-access-block", title = "Buckets have a public access block", severity = "MEDIUM", scope = "project",
    type = "aws_s3_bucket", aliases = { "CKV2_AWS_6", "AWS-0094" }, cwe = { 284 },
    frameworks = { ["cis-aws"] = "2.1.5", ["pci-dss"] = "1.3.1", ["nist-800-53"] = "AC-3" },
    description = "The block overrules ACLs and policies that would open the bucket, now and later.",
    remediation = "Add an aws_s3_bucket_public_access_block with all four settings true.",
    check = function(r)
      local block, maybe = plan.companion(r, "aws_s3_bucket_public_access_block", "bucket",
                                          not is_unknown(r, "values.bucket") and r.values.bucket or nil)
      if not block and maybe then
        unknown("it cannot be followed whether a public access block belongs to this bucket")
      elseif not block then
        fail("the bucket has no aws_s3_bucket_public_access_block")
      elseif plan.get(block, "block_public_acls") ~= true or plan.get(block, "block_public_policy") ~= true then
        fail(block, "values.block_public_policy", "the public access block does not block ACLs and policies")
      end
    end,
  },
  block_public {
    id = "aws-s3-block-public-acls", title = "Public access blocks refuse public ACLs", at = "block_public_acls",
    aliases = { "CKV_AWS_53", "AWS-0086", "kics:d0cc8694-fcad-43ff-ac86-32331d7e867f" },
    description = "Then no request that would make a bucket or object public by ACL is accepted.",
  },
  block_public {
    id = "aws-s3-block-public-policy", title = "Public access blocks refuse public policies", at = "block_public_policy",
    aliases = { "CKV_AWS_54", "AWS-0087", "kics:1a4bc881-9f69-4d44-8c9a-d37d08f54c50" },
    description = "Then no bucket policy that would make the bucket public is accepted.",
  },
  block_public {
    id = "aws-s3-ignore-public-acls", title = "Public access blocks ignore public ACLs", at = "ignore_public_acls",
    aliases = { "CKV_AWS_55", "AWS-0091", "kics:4fa66806-0dd9-4f8d-9480-3174d39c7c91" },
    description = "Public ACLs that are there already then have no effect.",
  },
  block_public {
    id = "aws-s3-restrict-public-buckets", title = "Public access blocks restrict public buckets", at = "restrict_public_buckets",
    aliases = { "CKV_AWS_56", "AWS-0093", "kics:1ec253ab-c220-4d63-b2de-5b40e0af9293" },
    description = "A bucket with a public policy is then open to the account and AWS services only.",
  },
  plan.policy {
    id = "aws-s3-policy-any-principal", title = "Bucket policies do not let everyone in", severity = "HIGH",
    type = { "aws_s3_bucket", "aws_s3_bucket_policy" },
    aliases = { "CKV_AWS_70", "kics:7af43613-6bb9-4a0e-8c4d-1314b799425e" }, cwe = { 732 },
    frameworks = { ["pci-dss"] = "7.2.1", ["nist-800-53"] = "AC-3", ["soc2"] = "CC6.1" },
    description = "A statement that allows the principal * without a condition speaks of the whole world.",
    remediation = "Name the accounts or roles, or limit the statement with a condition.",
    check = function(r)
      for _, s in ipairs(aws.statements(r)) do
        if s.effect == "Allow" and aws.any_principal(s) and not aws.conditional(s) then
          fail(r, "values.policy", "a statement allows everyone: " .. table.concat(s.actions, ", "))
        end
      end
    end,
  },
  plan.policy {
    id = "aws-s3-policy-lockout", title = "Bucket policies do not lock everybody out", severity = "MEDIUM",
    type = { "aws_s3_bucket", "aws_s3_bucket_policy" }, aliases = { "CKV_AWS_93" },
    description = "A statement that denies everyone everything leaves only the root user to undo it.",
    remediation = "Except the roles that administer the bucket, or limit the statement with a condition.",
    check = function(r)
      for _, s in ipairs(aws.statements(r)) do
        if s.effect == "Deny" and aws.any_principal(s) and not aws.conditional(s)
           and (aws.holds(s.actions, "s3:*") or aws.holds(s.actions, "*")) then
          fail(r, "values.policy", "a statement denies everyone " .. table.concat(s.actions, ", "))
        end
      end
    end,
  },
  plan.policy {
    id = "aws-s3-policy-https", title = "Bucket policies refuse requests without TLS", severity = "MEDIUM",
    type = "aws_s3_bucket_policy", aliases = { "CKV_AWS_379", "kics:4bc4dd4c-7d8d-405e-a0fb-57fa4c31b4d9" }, cwe = { 319 },
    frameworks = { ["cis-aws"] = "2.1.2", ["pci-dss"] = "4.2.1", ["nist-800-53"] = "SC-8", ["soc2"] = "CC6.7" },
    description = "S3 also answers plain HTTP unless the policy denies requests where aws:SecureTransport is false.",
    remediation = "Deny s3:* to everyone under the condition Bool aws:SecureTransport = false.",
    check = function(r)
      for _, s in ipairs(aws.statements(r)) do
        if s.effect == "Deny" and aws.any_principal(s) and tostring(s.conditions.Bool["aws:SecureTransport"]) == "false" then
          return
        end
      end
      fail(r, "values.policy", "no statement denies requests without TLS")
    end,
  },
  plan.policy {
    id = "aws-s3-replication", title = "Buckets are replicated to another region", severity = "LOW", scope = "project", default = false,
    type = "aws_s3_bucket", aliases = { "CKV_AWS_144" },
    description = "A copy in another region survives the loss of one.",
    remediation = "Add an aws_s3_bucket_replication_configuration with an enabled rule.",
    check = function(r)
      part(r, "replication_configuration", "aws_s3_bucket_replication_configuration", function(x, at)
        local path = x.type == "aws_s3_bucket" and at .. "rules" or "rule"
        for _, rule in plan.blocks(x, path) do
          if rule.status == "Enabled" then
            return
          end
        end
        fail(x, "values." .. path, "no rule of the replication is enabled")
      end, "the bucket is not replicated")
    end,
  },
  plan.policy {
    id = "aws-s3-lifecycle-abort", title = "Lifecycles end uploads that were broken off", severity = "LOW",
    type = "aws_s3_bucket_lifecycle_configuration", aliases = { "CKV_AWS_300" },
    description = "Parts of uploads that never ended are invisible, and paid for.",
    remediation = "Add a rule with abort_incomplete_multipart_upload for the whole bucket.",
    check = function(r)
      for _, rule in plan.blocks(r, "rule") do
        local f = rule.filter[1]
        local whole = f == nil or ((f.prefix == nil or f.prefix == "") and #f.tag == 0 and #f["and"] == 0)
        if rule.status == "Enabled" and rule.abort_incomplete_multipart_upload[1].days_after_initiation ~= nil
           and whole and (rule.prefix == nil or rule.prefix == "") then
          return
        end
      end
      fail(r, "values.rule", "no rule ends incomplete uploads of the whole bucket")
    end,
  },
  plan.policy {
    id = "aws-s3-lifecycle", title = "Buckets have a lifecycle", severity = "LOW", scope = "project", default = false,
    type = "aws_s3_bucket", aliases = { "CKV2_AWS_61" },
    description = "Data that nobody deletes can still be stolen.",
    remediation = "Add an aws_s3_bucket_lifecycle_configuration.",
    check = function(r)
      part(r, "lifecycle_rule", "aws_s3_bucket_lifecycle_configuration", function() end, "the bucket has no lifecycle")
    end,
  },
  plan.want {
    id = "aws-s3-object-kms", title = "Objects are encrypted with a key of the account", severity = "LOW",
    type = { "aws_s3_bucket_object", "aws_s3_object", "aws_s3_object_copy" }, at = "kms_key_id",
    aliases = { "CKV_AWS_186" }, cwe = { 311 },
    frameworks = { ["nist-800-53"] = "SC-28" },
    description = "Who may use the key is then decided apart from who may read the object.",
    remediation = "Set kms_key_id.", message = "the object has no kms_key_id",
  },
}
