-- Databases: RDS, Aurora, Neptune, DocumentDB, DynamoDB, ElastiCache, Redshift.
local plan = import("plan")

local at_rest = { ["cis-aws"] = "2.3.1", ["pci-dss"] = "3.5.1", ["nist-800-53"] = "SC-28", ["soc2"] = "CC6.1", ["iso-27001"] = "A.8.24" }
local at_rest_plain = { ["pci-dss"] = "3.5.1", ["nist-800-53"] = "SC-28", ["soc2"] = "CC6.1", ["iso-27001"] = "A.8.24" }
local own_key = { ["nist-800-53"] = "SC-12" }
local logged = { ["pci-dss"] = "10.2.1", ["nist-800-53"] = "AU-2", ["iso-27001"] = "A.8.15" }
local closed = { ["pci-dss"] = { "1.3.1", "1.4.2" }, ["nist-800-53"] = "SC-7", ["soc2"] = "CC6.6", ["iso-27001"] = "A.8.20" }
local kept = { ["nist-800-53"] = "AU-9" }

local function some(v)
  return v ~= nil and #v > 0
end

local function major(engine_version)
  return tonumber(tostring(engine_version or ""):split(".")[1] or "")
end

return {
  -- RDS
  plan.want {
    id = "aws-rds-encrypted", title = "Databases are encrypted", severity = "HIGH",
    type = "aws_db_instance", at = "storage_encrypted", is = true, unset = false,
    when = function(r) return plan.get(r, "replicate_source_db") == nil end, unless = "a replica is encrypted as its source is",
    aliases = { "CKV_AWS_16", "AWS-0080", "kics:08bd0760-8752-44e1-9779-7bb369b2b4e4" }, cwe = { 311 }, frameworks = at_rest,
    description = "Backups and snapshots are as open as the disk is.",
    remediation = "Set storage_encrypted = true; an existing database has to be restored from an encrypted snapshot.",
    message = "the storage is not encrypted",
  },
  plan.want {
    id = "aws-rds-public", title = "Databases are not reachable from the internet", severity = "CRITICAL",
    type = { "aws_db_instance", "aws_rds_cluster_instance" }, at = "publicly_accessible", is = false, unset = false,
    aliases = { "CKV_AWS_17", "AWS-0180", "kics:35113e6f-2c6b-414d-beec-7a9482d3b2d1" }, cwe = { 284 }, frameworks = closed,
    description = "A password is then all that stands between the data and everyone.",
    remediation = "Set publicly_accessible = false.", message = "the database gets a public address",
  },
  plan.want {
    id = "aws-rds-enhanced-monitoring", title = "Databases are monitored in detail", severity = "LOW",
    type = { "aws_db_instance", "aws_rds_cluster_instance" }, at = "monitoring_interval", unset = 0,
    test = function(v) return tonumber(v) ~= nil and tonumber(v) > 0 end,
    aliases = { "CKV_AWS_118" }, frameworks = { ["soc2"] = "CC7.2" },
    description = "Metrics of the operating system show what queries do not.",
    remediation = "Set monitoring_interval to 60 or less, and a monitoring_role_arn.", message = "enhanced monitoring is off",
  },
  plan.want {
    id = "aws-rds-logs", title = "Databases send their logs to CloudWatch", severity = "LOW",
    type = "aws_db_instance", at = "enabled_cloudwatch_logs_exports", test = some,
    aliases = { "CKV_AWS_129", "kics:8d7f7b8c-6c7c-40f8-baa6-62006c6c7b56" }, cwe = { 778 }, frameworks = logged,
    description = "Logs on the machine of the database end with it.",
    remediation = "List the logs of the engine in enabled_cloudwatch_logs_exports.", message = "no logs are exported",
  },
  plan.want {
    id = "aws-rds-backups", title = "Databases are backed up", severity = "MEDIUM",
    type = { "aws_db_instance", "aws_rds_cluster" }, at = "backup_retention_period",
    test = function(v, r)
      local days = tonumber(v) or (r.type == "aws_rds_cluster" and 1 or 0)
      return days > 0
    end,
    when = function(r) return r.type ~= "aws_db_instance" or plan.get(r, "replicate_source_db") == nil end,
    unless = "a replica has its source",
    aliases = { "CKV_AWS_133", "kics:1dc73fb4-5b51-430c-8c5f-25dcf9090b02", "kics:e542bd46-58c4-4e0f-a52a-1fb4f9548e02" },
    frameworks = kept,
    description = "Without backups a mistake or ransomware is the end of the data.",
    remediation = "Set backup_retention_period to 7 or more.", message = "no backups are kept",
  },
  plan.want {
    id = "aws-rds-multi-az", title = "Databases survive the loss of a data centre", severity = "LOW",
    type = "aws_db_instance", at = "multi_az", is = true, unset = false, aliases = { "CKV_AWS_157" },
    description = "The standby in another zone takes over.",
    remediation = "Set multi_az = true.", message = "the database is in one zone only",
  },
  plan.want {
    id = "aws-rds-iam-auth", title = "Databases know the users of IAM", severity = "MEDIUM",
    type = "aws_db_instance", at = "iam_database_authentication_enabled", is = true, unset = false,
    when = function(r)
      local e = plan.get(r, "engine")
      return e == nil or e == "mysql" or e == "postgres" or e == "mariadb"
    end,
    unless = "the engine does not know IAM users",
    aliases = { "CKV_AWS_161", "AWS-0176", "kics:88fd05e0-ac0e-43d2-ba6d-fc0ba60ae1a6" }, cwe = { 287 },
    frameworks = { ["nist-800-53"] = "IA-5", ["soc2"] = "CC6.1" },
    description = "Tokens that last minutes replace passwords that are never changed.",
    remediation = "Set iam_database_authentication_enabled = true.", message = "IAM authentication is off",
  },
  plan.want {
    id = "aws-rds-ca-certificate", title = "Databases use a current certificate authority", severity = "MEDIUM",
    type = { "aws_db_instance", "aws_rds_cluster_instance" }, at = "ca_cert_identifier",
    test = function(v) return v == nil or (v ~= "rds-ca-2015" and v ~= "rds-ca-2019") end,
    aliases = { "CKV_AWS_211", "kics:9f40c07e-699e-4410-8856-3ba0f2e3a2dd" }, cwe = { 298 },
    description = "Clients that check certificates cannot connect once the old authority has ended.",
    remediation = "Set ca_cert_identifier to rds-ca-rsa2048-g1 or newer.", message = "the certificate authority has ended, or is about to",
  },
  plan.want {
    id = "aws-rds-minor-upgrades", title = "Databases take minor upgrades by themselves", severity = "LOW",
    type = { "aws_db_instance", "aws_rds_cluster_instance" }, at = "auto_minor_version_upgrade", is = true, unset = true,
    aliases = { "CKV_AWS_226", "kics:3b6d777b-76e3-4133-80a3-0d6f667ade7f" }, cwe = { 1104 },
    description = "They bring the corrections of security holes.",
    remediation = "Remove auto_minor_version_upgrade, or set it to true.", message = "minor upgrades are off",
  },
  plan.want {
    id = "aws-rds-deletion-protection", title = "Databases are protected from deletion", severity = "LOW",
    type = { "aws_db_instance", "aws_rds_cluster" }, at = "deletion_protection", is = true, unset = false,
    aliases = { "CKV_AWS_293", "CKV_AWS_139", "AWS-0177", "AWS-0343" },
    description = "One wrong plan can take a database away.",
    remediation = "Set deletion_protection = true.", message = "the database can be deleted",
  },
  plan.want {
    id = "aws-rds-insights-kms", title = "Performance Insights use a key of the account", severity = "LOW",
    type = { "aws_db_instance", "aws_rds_cluster_instance" }, at = "performance_insights_kms_key_id",
    when = function(r) return plan.get(r, "performance_insights_enabled") == true end, unless = "Performance Insights are off",
    aliases = { "CKV_AWS_354", "AWS-0078" }, frameworks = own_key,
    description = "They hold texts of queries, and with them data.",
    remediation = "Set performance_insights_kms_key_id.", message = "Performance Insights have no key of their own",
  },
  plan.policy {
    id = "aws-aurora-postgres-file-read", title = "Aurora PostgreSQL has no known hole that reads files", severity = "HIGH",
    type = { "aws_db_instance", "aws_rds_cluster" }, aliases = { "CKV_AWS_388" }, cwe = { 22 },
    description = "Versions before 10.12, 11.6 and 12.2 let users read files of the machine through log_fdw.",
    remediation = "Use a supported engine_version.",
    check = function(r)
      if plan.get(r, "engine") ~= "aurora-postgresql" then
        return not_applicable("not Aurora PostgreSQL")
      end
      local v = plan.get(r, "engine_version")
      local fixed = ({ [10] = "10.12", [11] = "11.6" })[major(v) or 0]
      if fixed ~= nil and semver.compare(v, fixed) == -1 then
        fail(r, "values.engine_version", "version " .. v .. " lets users read files of the machine")
      end
    end,
  },
  plan.want {
    id = "aws-rds-copy-tags", title = "Snapshots of databases carry their tags", severity = "INFO",
    type = { "aws_db_instance", "aws_rds_cluster" }, at = "copy_tags_to_snapshot", is = true, unset = false, aliases = { "CKV2_AWS_60" },
    description = "Rules about who may do what with tagged resources then hold for snapshots too.",
    remediation = "Set copy_tags_to_snapshot = true.", message = "snapshots do not carry the tags",
  },
  plan.want {
    id = "aws-rds-cluster-encrypted", title = "Aurora clusters are encrypted", severity = "HIGH",
    type = "aws_rds_cluster", at = "storage_encrypted", is = true,
    test = function(v, r) return v == true or (v == nil and plan.get(r, "engine_mode") == "serverless") end,
    aliases = { "CKV_AWS_96", "AWS-0079", "kics:656880aa-1388-488f-a6d4-8f73c23149b2" }, cwe = { 311 }, frameworks = at_rest,
    description = "Backups and snapshots are as open as the storage is.",
    remediation = "Set storage_encrypted = true.", message = "the storage is not encrypted",
  },
  -- Neptune
  plan.want {
    id = "aws-neptune-encrypted", title = "Neptune clusters are encrypted", severity = "HIGH",
    type = "aws_neptune_cluster", at = "storage_encrypted", is = true, unset = false,
    aliases = { "CKV_AWS_44", "AWS-0076", "kics:98d59056-f745-4ef5-8613-32bca8d40b7e" }, cwe = { 311 }, frameworks = at_rest_plain,
    description = "Backups and snapshots are as open as the storage is.",
    remediation = "Set storage_encrypted = true.", message = "the storage is not encrypted",
  },
  plan.want {
    id = "aws-neptune-kms", title = "Neptune clusters are encrypted with a key of the account", severity = "LOW",
    type = "aws_neptune_cluster", at = "kms_key_arn", aliases = { "CKV_AWS_347", "AWS-0128" }, frameworks = own_key,
    description = "The key that AWS manages cannot be shared, limited or switched off.",
    remediation = "Set kms_key_arn.", message = "the cluster has no kms_key_arn",
  },
  plan.want {
    id = "aws-neptune-logs", title = "Neptune clusters export their audit log", severity = "MEDIUM",
    type = "aws_neptune_cluster", at = "enable_cloudwatch_logs_exports",
    test = function(v)
      for _, name in ipairs(v or {}) do
        if name == "audit" then return true end
      end
      return false
    end,
    aliases = { "CKV_AWS_101", "AWS-0075", "kics:45cff7b6-3b80-40c1-ba7b-2cf480678bb8" }, cwe = { 778 }, frameworks = logged,
    description = "It says who asked for what.",
    remediation = "Set enable_cloudwatch_logs_exports = [\"audit\"].", message = "the audit log is not exported",
  },
  plan.want {
    id = "aws-neptune-public", title = "Neptune instances are not reachable from the internet", severity = "CRITICAL",
    type = "aws_neptune_cluster_instance", at = "publicly_accessible", is = false, unset = false,
    aliases = { "CKV_AWS_102", "kics:9ba198e0-fef4-464a-8a4d-75ea55300de7" }, cwe = { 284 }, frameworks = closed,
    description = "A password is then all that stands between the data and everyone.",
    remediation = "Remove publicly_accessible.", message = "the instance gets a public address",
  },
  plan.want {
    id = "aws-neptune-iam-auth", title = "Neptune clusters know the users of IAM", severity = "MEDIUM",
    type = "aws_neptune_cluster", at = "iam_database_authentication_enabled", is = true, unset = false,
    aliases = { "CKV_AWS_359", "kics:c91d7ea0-d4d1-403b-8fe1-c9961ac082c5" }, cwe = { 287 }, frameworks = { ["nist-800-53"] = "IA-5" },
    description = "Without it everyone who reaches the cluster may do everything.",
    remediation = "Set iam_database_authentication_enabled = true.", message = "IAM authentication is off",
  },
  plan.want {
    id = "aws-neptune-backups", title = "Neptune backups are kept for a week", severity = "LOW",
    type = "aws_neptune_cluster", at = "backup_retention_period", unset = 1,
    test = function(v) return (tonumber(v) or 0) >= 7 end, aliases = { "CKV_AWS_361" }, frameworks = kept,
    description = "What is noticed after a long weekend can still be undone.",
    remediation = "Set backup_retention_period to 7 or more.", message = "backups are kept for less than 7 days",
  },
  plan.want {
    id = "aws-neptune-copy-tags", title = "Neptune snapshots carry the tags of their cluster", severity = "INFO",
    type = "aws_neptune_cluster", at = "copy_tags_to_snapshot", is = true, unset = false, aliases = { "CKV_AWS_362" },
    description = "Rules about who may do what with tagged resources then hold for snapshots too.",
    remediation = "Set copy_tags_to_snapshot = true.", message = "snapshots do not carry the tags",
  },
  plan.want {
    id = "aws-neptune-deletion-protection", title = "Neptune clusters are protected from deletion", severity = "LOW",
    type = "aws_neptune_cluster", at = "deletion_protection", is = true, unset = false, aliases = { "CKV2_AWS_58" },
    description = "One wrong plan can take a database away.",
    remediation = "Set deletion_protection = true.", message = "the cluster can be deleted",
  },
  plan.policy {
    id = "aws-neptune-snapshot-encrypted", title = "Neptune snapshots are encrypted", severity = "HIGH", scope = "project",
    type = "aws_neptune_cluster_snapshot", aliases = { "CKV_AWS_279" }, cwe = { 311 }, frameworks = at_rest_plain,
    description = "A snapshot is encrypted when its cluster is.",
    remediation = "Set storage_encrypted = true on the cluster.",
    check = function(r)
      local encrypted = not is_unknown(r, "values.storage_encrypted") and r.values.storage_encrypted
      for _, address in ipairs(r.references.db_cluster_identifier or {}) do
        for _, c in ipairs(resources("terraform:aws_neptune_cluster")) do
          if c.address == address and not is_unknown(c, "values.storage_encrypted") then
            encrypted = c.values.storage_encrypted
          end
        end
      end
      if encrypted ~= true then
        fail(r, "values.db_cluster_identifier", "the snapshot is of a cluster that is not encrypted")
      end
    end,
  },
  plan.policy {
    id = "aws-neptune-snapshot-kms", title = "Neptune snapshots are encrypted with a key of the account", severity = "LOW", scope = "project",
    type = "aws_neptune_cluster_snapshot", aliases = { "CKV_AWS_280" }, frameworks = own_key,
    description = "A snapshot has the key of its cluster.",
    remediation = "Set kms_key_arn on the cluster.",
    check = function(r)
      local found = false
      for _, address in ipairs(r.references.db_cluster_identifier or {}) do
        for _, c in ipairs(resources("terraform:aws_neptune_cluster")) do
          found = found or (c.address == address and plan.is_set(c, "kms_key_arn"))
        end
      end
      if not found and not plan.is_set(r, "kms_key_id") then
        fail(r, "values.db_cluster_identifier", "the snapshot is of a cluster without kms_key_arn")
      end
    end,
  },
  -- DocumentDB, DynamoDB, DAX
  plan.want {
    id = "aws-docdb-encrypted", title = "DocumentDB clusters are encrypted", severity = "HIGH",
    type = "aws_docdb_cluster", at = "storage_encrypted", is = true, unset = false,
    aliases = { "CKV_AWS_74", "AWS-0021", "kics:bc1f9009-84a0-490f-ae09-3e0ea6d74ad6" }, cwe = { 311 }, frameworks = at_rest_plain,
    description = "Backups and snapshots are as open as the storage is.",
    remediation = "Set storage_encrypted = true.", message = "the storage is not encrypted",
  },
  plan.want {
    id = "aws-docdb-logs", title = "DocumentDB clusters export their logs", severity = "MEDIUM",
    type = "aws_docdb_cluster", at = "enabled_cloudwatch_logs_exports", test = some,
    aliases = { "CKV_AWS_85", "AWS-0020", "kics:56f6a008-1b14-4af4-b9b2-ab7cf7e27641" }, cwe = { 778 }, frameworks = logged,
    description = "They say who asked for what.",
    remediation = "Set enabled_cloudwatch_logs_exports = [\"audit\", \"profiler\"].", message = "no logs are exported",
  },
  plan.want {
    id = "aws-dynamodb-recovery", title = "DynamoDB tables can be brought back to a point in time", severity = "MEDIUM",
    type = "aws_dynamodb_table", at = "point_in_time_recovery[0].enabled", is = true, unset = false,
    aliases = { "CKV_AWS_28", "AWS-0024" }, frameworks = kept,
    description = "A wrong write or delete can be undone for 35 days.",
    remediation = "Set point_in_time_recovery { enabled = true }.", message = "point-in-time recovery is off",
  },
  plan.policy {
    id = "aws-dynamodb-kms", title = "DynamoDB tables are encrypted with a key of the account", severity = "LOW",
    type = "aws_dynamodb_table", aliases = { "CKV_AWS_119", "AWS-0025" }, frameworks = own_key,
    description = "The key that AWS owns cannot be limited, logged or switched off.",
    remediation = "Set server_side_encryption { enabled = true, kms_key_arn = ... }.",
    check = function(r)
      if plan.get(r, "server_side_encryption[0].enabled") ~= true or not plan.is_set(r, "server_side_encryption[0].kms_key_arn") then
        fail(r, "values.server_side_encryption", "the table is encrypted with the key that AWS owns")
      end
    end,
  },
  plan.want {
    id = "aws-dax-encrypted", title = "DAX clusters are encrypted", severity = "HIGH",
    type = "aws_dax_cluster", at = "server_side_encryption[0].enabled", is = true, unset = false,
    aliases = { "CKV_AWS_47", "AWS-0023", "kics:f11aec39-858f-4b6f-b946-0a1bf46c0c87" }, cwe = { 311 }, frameworks = at_rest_plain,
    description = "The cache holds what the tables do.",
    remediation = "Set server_side_encryption { enabled = true }.", message = "the cache is not encrypted",
  },
  -- ElastiCache, Redshift
  plan.want {
    id = "aws-elasticache-encrypted", title = "Redis is encrypted on disk", severity = "HIGH",
    type = "aws_elasticache_replication_group", at = "at_rest_encryption_enabled",
    test = function(v) return v == true or v == "true" end,
    aliases = { "CKV_AWS_29", "AWS-0045", "kics:76976de7-c7b1-4f64-a94f-90c1345914c2" }, cwe = { 311 }, frameworks = at_rest_plain,
    description = "Backups and swap hold what the cache does.",
    remediation = "Set at_rest_encryption_enabled = true.", message = "the cache is not encrypted at rest",
  },
  plan.want {
    id = "aws-elasticache-tls", title = "Redis is spoken with over TLS", severity = "HIGH",
    type = "aws_elasticache_replication_group", at = "transit_encryption_enabled", is = true, unset = false,
    aliases = { "CKV_AWS_30", "AWS-0051", "kics:1afbb3fa-cf6c-4a3d-b730-95e9f4df343e" }, cwe = { 319 },
    frameworks = { ["pci-dss"] = "4.2.1", ["nist-800-53"] = "SC-8", ["soc2"] = "CC6.7" },
    description = "Sessions and passwords pass here.",
    remediation = "Set transit_encryption_enabled = true.", message = "traffic with the cache is not encrypted",
  },
  plan.want {
    id = "aws-redshift-encrypted", title = "Redshift clusters are encrypted", severity = "HIGH",
    type = "aws_redshift_cluster", at = "encrypted", test = function(v) return v == true or v == "true" end,
    aliases = { "CKV_AWS_64", "AWS-0084", "kics:cfdcabb0-fc06-427c-865b-c59f13e898ce" }, cwe = { 311 }, frameworks = at_rest_plain,
    description = "Snapshots are as open as the cluster is.",
    remediation = "Set encrypted = true.", message = "the cluster is not encrypted",
  },
  plan.want {
    id = "aws-redshift-public", title = "Redshift clusters are not reachable from the internet", severity = "CRITICAL",
    type = "aws_redshift_cluster", at = "publicly_accessible",
    test = function(v) return v == false or v == "false" end,
    aliases = { "CKV_AWS_87", "kics:af173fde-95ea-4584-b904-bb3923ac4bda" }, cwe = { 284 }, frameworks = closed,
    description = "It was the default of the provider up to version 5: a password is then all that protects the data.",
    remediation = "Set publicly_accessible = false.", message = "the cluster gets a public address",
  },
}
