-- KMS keys, CloudTrail, CloudWatch, Config; queues, topics and streams; CloudFront and API Gateway.
local plan = import("plan")
local aws = import("aws")

local at_rest = { ["pci-dss"] = "3.5.1", ["nist-800-53"] = "SC-28", ["iso-27001"] = "A.8.24" }
local transit = { ["pci-dss"] = "4.2.1", ["nist-800-53"] = "SC-8", ["soc2"] = "CC6.7" }
local audit = { ["pci-dss"] = "10.2.1", ["nist-800-53"] = "AU-2", ["soc2"] = "CC7.2", ["iso-27001"] = "A.8.15" }

-- No statement lets everyone do something without a condition.
local function not_public(p)
  p.cwe, p.severity = { 732 }, p.severity or "HIGH"
  p.frameworks = { ["pci-dss"] = "7.2.1", ["nist-800-53"] = "AC-3", ["soc2"] = "CC6.1" }
  p.remediation = p.remediation or "Name the accounts or roles, or limit the statement with a condition such as aws:SourceArn."
  p.check = function(r)
    for _, s in ipairs(aws.statements(r)) do
      if s.effect == "Allow" and aws.any_principal(s) and not aws.conditional(s) then
        fail(r, "values.policy", "a statement allows everyone: " .. table.concat(s.actions, ", "))
      end
    end
  end
  return plan.policy(p)
end

local function old_tls(v)
  return v == nil or v == "TLSv1" or v == "SSLv3" or v == "TLSv1_2016" or v == "TLSv1.1_2016"
end

return {
  -- KMS
  plan.want {
    id = "aws-kms-rotation", title = "Keys are rotated", severity = "MEDIUM", type = "aws_kms_key",
    at = "enable_key_rotation", is = true, unset = false,
    when = function(r)
      local kind, use = plan.get(r, "customer_master_key_spec"), plan.get(r, "key_usage")
      return (kind == nil or kind == "SYMMETRIC_DEFAULT") and (use == nil or use == "ENCRYPT_DECRYPT")
    end,
    unless = "only symmetric keys can be rotated",
    aliases = { "CKV_AWS_7", "AWS-0065", "kics:22fbfeac-7b5a-421a-8a27-7a2178bb910b" }, cwe = { 324 },
    frameworks = { ["cis-aws"] = "3.8", ["nist-800-53"] = "SC-12" },
    description = "What one version of a key has protected stays limited.",
    remediation = "Set enable_key_rotation = true.", message = "the key is not rotated",
  },
  plan.want {
    id = "aws-kms-enabled", title = "Keys are not switched off", severity = "LOW", type = "aws_kms_key",
    at = "is_enabled", is = true, unset = true, aliases = { "CKV_AWS_227", "kics:7350fa23-dcf7-4938-916d-6a60b0c73b50" },
    description = "What was encrypted with it cannot be read.",
    remediation = "Remove is_enabled, or the key.", message = "the key is switched off",
  },
  not_public {
    id = "aws-kms-public-policy", title = "Policies of keys do not let everyone in", type = "aws_kms_key",
    aliases = { "CKV_AWS_33", "kics:7ebc9038-0bde-479a-acc4-6ed7b6758899" },
    description = "The key is the last thing between the data and everyone.",
  },
  plan.want {
    id = "aws-kms-policy", title = "Keys have a policy of their own", severity = "LOW", type = "aws_kms_key",
    at = "policy", aliases = { "CKV2_AWS_64" }, frameworks = { ["nist-800-53"] = "SC-12" },
    description = "The default gives the account, and with it every administrator of IAM, all rights.",
    remediation = "Set policy.", message = "the key has the default policy",
  },
  -- logs
  plan.want {
    id = "aws-log-group-retention", title = "Log groups say how long they keep", severity = "LOW", type = "aws_cloudwatch_log_group",
    at = "retention_in_days", unset = 0, test = function(v) return (tonumber(v) or 0) > 0 end, aliases = { "CKV_AWS_66" },
    frameworks = { ["nist-800-53"] = "AU-9" },
    description = "Logs that are kept for ever hold data that had to be deleted.",
    remediation = "Set retention_in_days.", message = "logs are kept for ever",
  },
  plan.want {
    id = "aws-log-group-year", title = "Logs are kept for a year", severity = "LOW", type = "aws_cloudwatch_log_group",
    at = "retention_in_days", unset = 0, test = function(v) v = tonumber(v) or 0 return v == 0 or v >= 365 end, aliases = { "CKV_AWS_338" },
    frameworks = { ["nist-800-53"] = "AU-9", ["pci-dss"] = "10.3.2" },
    description = "Break-ins are noticed after months.",
    remediation = "Set retention_in_days to 365 or more.", message = "logs are kept for less than a year",
  },
  plan.want {
    id = "aws-log-group-kms", title = "Log groups are encrypted with a key of the account", severity = "LOW", type = "aws_cloudwatch_log_group",
    at = "kms_key_id", aliases = { "CKV_AWS_158", "AWS-0017", "kics:0afbcfe9-d341-4b92-a64c-7e6de0543879" }, frameworks = { ["nist-800-53"] = "SC-12" },
    description = "Who may use the key is decided apart from who may read logs.",
    remediation = "Set kms_key_id.", message = "the log group has no key of its own",
  },
  plan.want {
    id = "aws-cloudtrail-regions", title = "CloudTrail watches all regions", severity = "MEDIUM", type = "aws_cloudtrail",
    at = "is_multi_region_trail", is = true, unset = false,
    aliases = { "CKV_AWS_67", "AWS-0014", "kics:8173d5eb-96b5-4aa6-a71b-ecfa153c123d" }, cwe = { 778 },
    frameworks = { ["cis-aws"] = "3.1", ["pci-dss"] = "10.2.1", ["nist-800-53"] = "AU-2" },
    description = "Attackers use the regions that nobody looks at.",
    remediation = "Set is_multi_region_trail = true.", message = "other regions are not recorded",
  },
  plan.want {
    id = "aws-cloudtrail-validation", title = "CloudTrail's files can be checked", severity = "MEDIUM", type = "aws_cloudtrail",
    at = "enable_log_file_validation", is = true, unset = false,
    aliases = { "CKV_AWS_36", "AWS-0016", "kics:52ffcfa6-6c70-4ea6-8376-d828d3961669" }, cwe = { 353 },
    frameworks = { ["cis-aws"] = "3.2", ["pci-dss"] = "10.3.2", ["nist-800-53"] = "AU-9" },
    description = "Otherwise a record that was changed cannot be told from one that was not.",
    remediation = "Set enable_log_file_validation = true.", message = "changes of the files would not be noticed",
  },
  plan.want {
    id = "aws-cloudtrail-kms", title = "CloudTrail's files are encrypted with a key of the account", severity = "LOW", type = "aws_cloudtrail",
    at = "kms_key_id", aliases = { "CKV_AWS_35", "AWS-0015", "kics:5d9e3164-9265-470c-9a10-57ae454ac0c7" },
    frameworks = { ["cis-aws"] = "3.7", ["nist-800-53"] = "AU-9" },
    description = "Who may use the key is decided apart from who may read the bucket.",
    remediation = "Set kms_key_id.", message = "the trail has no key of its own",
  },
  plan.want {
    id = "aws-cloudtrail-cloudwatch", title = "CloudTrail sends to CloudWatch Logs", severity = "LOW", type = "aws_cloudtrail",
    at = "cloud_watch_logs_group_arn", aliases = { "CKV2_AWS_10", "AWS-0162", "kics:17b30f8f-8dfb-4597-adf6-57600b6cf25e" },
    frameworks = { ["cis-aws"] = "3.4", ["nist-800-53"] = "AU-2" },
    description = "Alarms need the events there.",
    remediation = "Set cloud_watch_logs_group_arn and its role.", message = "events do not reach CloudWatch Logs",
  },
  plan.policy {
    id = "aws-cloudtrail-bucket-public", title = "The bucket of CloudTrail is not open to everyone", severity = "CRITICAL", scope = "project",
    type = "aws_s3_bucket_acl", aliases = { "AWS-0161", "kics:bd0088a5-c133-4b20-b129-ec9968b16ef3" }, cwe = { 732 },
    frameworks = { ["cis-aws"] = "3.3", ["pci-dss"] = "10.3.2", ["nist-800-53"] = "AU-9" },
    description = "The records say who is who in the account, and what they may do.",
    remediation = "Use the ACL private, or none.",
    check = function(r)
      local trail = false
      for _, t in ipairs(resources("terraform:aws_cloudtrail")) do
        for _, address in ipairs(t.references.s3_bucket_name or {}) do
          trail = trail or aws.holds(r.references.bucket or {}, address)
        end
        if not is_unknown(t, "values.s3_bucket_name") and not is_unknown(r, "values.bucket") then
          trail = trail or t.values.s3_bucket_name == r.values.bucket
        end
      end
      if not trail then
        return not_applicable("no trail writes to this bucket")
      end
      local word = plan.get(r, "acl")
      if word ~= nil and (word:startswith("public-") or word == "authenticated-read") then
        fail(r, "values.acl", "the records of CloudTrail are open to everyone: " .. word)
      end
    end,
  },
  plan.policy {
    id = "aws-config-recorder", title = "AWS Config records all resources", severity = "MEDIUM", type = "aws_config_configuration_recorder",
    aliases = { "CKV2_AWS_48" }, frameworks = { ["cis-aws"] = "3.5", ["nist-800-53"] = "AU-2" },
    description = "What is not recorded cannot be looked up after an incident.",
    remediation = "Set recording_group { all_supported = true, include_global_resource_types = true }.",
    check = function(r)
      if plan.get(r, "recording_group[0].all_supported") == false then
        fail(r, "values.recording_group[0].all_supported", "not all resources are recorded")
      elseif plan.get(r, "recording_group[0].include_global_resource_types") ~= true then
        fail(r, "values.recording_group[0].include_global_resource_types", "global resources such as IAM are not recorded")
      end
    end,
  },
  -- queues, topics, streams
  plan.want {
    id = "aws-sns-encrypted", title = "Topics are encrypted", severity = "MEDIUM", type = "aws_sns_topic", at = "kms_master_key_id",
    aliases = { "CKV_AWS_26", "AWS-0095", "kics:28545147-2fc6-42d5-a1f9-cf226658e591" }, cwe = { 311 }, frameworks = at_rest,
    description = "Messages wait on disk until they are delivered.",
    remediation = "Set kms_master_key_id.", message = "the topic is not encrypted",
  },
  plan.policy {
    id = "aws-sqs-encrypted", title = "Queues are encrypted", severity = "MEDIUM", type = "aws_sqs_queue",
    aliases = { "CKV_AWS_27", "AWS-0096", "kics:6e8849c1-3aa7-40e3-9063-b85ee300f29f" }, cwe = { 311 }, frameworks = at_rest,
    description = "Messages wait on disk until they are read.",
    remediation = "Remove sqs_managed_sse_enabled = false, or set kms_master_key_id.",
    check = function(r)
      if not plan.is_set(r, "kms_master_key_id") and plan.get(r, "sqs_managed_sse_enabled") == false then
        fail(r, "values.sqs_managed_sse_enabled", "the queue is not encrypted")
      end
    end,
  },
  not_public {
    id = "aws-sqs-public", title = "Queues are not open to everyone", type = { "aws_sqs_queue", "aws_sqs_queue_policy" },
    aliases = { "CKV_AWS_168", "kics:730675f9-52ed-49b6-8ead-0acb5dd7df7f", "kics:abb06e5f-ef9a-4a99-98c6-376d396bfcdf" },
    description = "Anybody can then read what is in the queue, or fill it.",
  },
  not_public {
    id = "aws-sns-public", title = "Topics are not open to everyone", type = { "aws_sns_topic", "aws_sns_topic_policy" },
    aliases = { "CKV_AWS_169", "kics:b26d2b7e-60f6-413d-a3a1-a57db24aa2b3" },
    description = "Anybody can then subscribe, or send what they like.",
  },
  not_public {
    id = "aws-secret-public", title = "Secrets are not open to everyone", severity = "CRITICAL", type = "aws_secretsmanager_secret_policy",
    aliases = { "kics:fa00ce45-386d-4718-8392-fb485e1f3c5b" },
    description = "Anybody with an account of AWS could read the secret.",
  },
  plan.want {
    id = "aws-secret-kms", title = "Secrets are encrypted with a key of the account", severity = "LOW", type = "aws_secretsmanager_secret",
    at = "kms_key_id", aliases = { "CKV_AWS_149", "AWS-0098", "kics:a2f548f2-188c-4fff-b172-e9a6acb216bd" }, frameworks = { ["nist-800-53"] = "SC-12" },
    description = "Who may use the key is decided apart from who may read secrets.",
    remediation = "Set kms_key_id.", message = "the secret has no key of its own",
  },
  plan.want {
    id = "aws-kinesis-encrypted", title = "Streams are encrypted", severity = "HIGH", type = "aws_kinesis_stream",
    at = "encryption_type", is = "KMS", aliases = { "CKV_AWS_43", "AWS-0064", "kics:5c6dd5e7-1fe0-4cae-8f81-4c122717cef3" }, cwe = { 311 }, frameworks = at_rest,
    description = "Records stay on disk for a day or more.",
    remediation = "Set encryption_type = \"KMS\" and kms_key_id.", message = "the stream is not encrypted",
  },
  plan.want {
    id = "aws-efs-encrypted", title = "File systems are encrypted", severity = "HIGH", type = "aws_efs_file_system",
    at = "encrypted", is = true, unset = false, aliases = { "CKV_AWS_42", "AWS-0037", "kics:48207659-729f-4b5c-9402-f884257d794f" }, cwe = { 311 }, frameworks = at_rest,
    description = "Backups are as open as the file system is.",
    remediation = "Set encrypted = true; an existing one has to be copied.", message = "the file system is not encrypted",
  },
  plan.want {
    id = "aws-mq-public", title = "Message brokers are not reachable from the internet", severity = "HIGH", type = "aws_mq_broker",
    at = "publicly_accessible", is = false, unset = false, aliases = { "CKV_AWS_69", "AWS-0072", "kics:4eb5f791-c861-4afd-9f94-f2a6a3fe49cb" }, cwe = { 284 },
    frameworks = { ["pci-dss"] = "1.3.1", ["nist-800-53"] = "SC-7" },
    description = "A password is then all that stands between the messages and everyone.",
    remediation = "Set publicly_accessible = false.", message = "the broker gets a public address",
  },
  -- CloudFront, API Gateway
  plan.policy {
    id = "aws-cloudfront-https", title = "CloudFront answers over HTTPS only", severity = "HIGH", type = "aws_cloudfront_distribution",
    aliases = { "CKV_AWS_34", "AWS-0012", "kics:55af1353-2f62-4fa0-a8e1-a210ca2708f5" }, cwe = { 319 }, frameworks = transit,
    description = "What passes can be read and changed on its way otherwise.",
    remediation = "Set viewer_protocol_policy to redirect-to-https or https-only.",
    check = function(r)
      for _, list in ipairs({ "default_cache_behavior", "ordered_cache_behavior" }) do
        for _, b in plan.blocks(r, list) do
          if b.viewer_protocol_policy == "allow-all" then
            fail(b, "viewer_protocol_policy", "plain HTTP is answered")
          end
        end
      end
    end,
  },
  plan.policy {
    id = "aws-cloudfront-tls", title = "CloudFront wants TLS 1.2", severity = "HIGH", type = "aws_cloudfront_distribution",
    aliases = { "CKV_AWS_174", "AWS-0013", "kics:00e5e55e-c2ff-46b3-a757-a7a1cd802456" }, cwe = { 326 }, frameworks = transit,
    description = "TLS 1.0 and 1.1 can be broken. The certificate of CloudFront's own names accepts them.",
    remediation = "Use a certificate of your own and minimum_protocol_version = \"TLSv1.2_2021\".",
    check = function(r)
      local path = "viewer_certificate[0]."
      if plan.get(r, path .. "cloudfront_default_certificate") == true or old_tls(plan.get(r, path .. "minimum_protocol_version")) then
        fail(r, "values." .. path .. "minimum_protocol_version", "TLS before 1.2 is accepted")
      end
    end,
  },
  plan.want {
    id = "aws-cloudfront-logging", title = "CloudFront logs requests", severity = "MEDIUM", type = "aws_cloudfront_distribution",
    at = "logging_config[0].bucket", aliases = { "CKV_AWS_86", "AWS-0010", "kics:94690d79-b3b0-43de-b656-84ebef5753e5" }, cwe = { 778 }, frameworks = audit,
    description = "They are the record of who asked for what.",
    remediation = "Add logging_config.", message = "requests are not logged",
  },
  plan.want {
    id = "aws-cloudfront-waf", title = "CloudFront has a firewall for applications", severity = "LOW", type = "aws_cloudfront_distribution",
    at = "web_acl_id", aliases = { "CKV_AWS_68", "AWS-0011", "kics:1419b4c6-6d5c-4534-9cf6-6a5266085333" }, frameworks = { ["pci-dss"] = "6.4.1" },
    description = "It stops known attacks before they reach the application.",
    remediation = "Set web_acl_id.", message = "there is no firewall for applications",
  },
  plan.policy {
    id = "aws-api-gateway-logging", title = "API Gateway logs requests", severity = "MEDIUM", type = { "aws_api_gateway_stage", "aws_apigatewayv2_stage" },
    aliases = { "CKV_AWS_76", "AWS-0001", "kics:1b6799eb-4a7a-4b04-9001-8cceb9999326" }, cwe = { 778 }, frameworks = audit,
    description = "They are the record of who asked for what.",
    remediation = "Add access_log_settings.",
    check = function(r)
      if not plan.is_set(r, "access_log_settings[0].destination_arn") then
        fail(r, "values.access_log_settings", "requests are not logged")
      end
    end,
  },
}
