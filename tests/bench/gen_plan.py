#!/usr/bin/env python3
"""Writes a Terraform plan as `terraform show -json` would, for benchmarks, to standard output.

usage: gen_plan.py [RESOURCES]

15,000 resources, the default, are about 60 MB on one line: AWS types in the proportions of larger
accounts, half of them in modules with for_each and count, with unknown and sensitive mirrors and
the configuration behind them. Nine in ten are created, the rest is updated or stays. Some are
insecure. The same argument always gives the same bytes.
"""
import json
import sys

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1")
TEAMS = ("payments", "search", "identity.core", "mobile", "data/lake", "web")
PORTS = (22, 80, 443, 3306, 3389, 5432, 6379, 8080)


class Numbers:
    """A small linear congruential generator: the same on every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % n

    def one_in(self, n):
        return self.below(n) == 0

    def pick(self, values):
        return values[self.below(len(values))]


def ref(*names):
    """An expression that refers to these, with the shorter forms that Terraform adds."""
    out = []
    for name in names:
        parts = name.split(".")
        out += [".".join(parts[:n]) for n in range(len(parts), 1, -1)]
    return {"references": out}


def const(value):
    return {"constant_value": value}


def policy(rnd, actions, resource):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": f"Allow{i}", "Effect": "Allow", "Action": rnd.pick((actions, "*") if rnd.one_in(9)
                                                                   else (actions, actions)),
         "Resource": [f"{resource}/{part}/*" for part in ("raw", "clean", "reports", "export")],
         "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}}
        for i in range(1 + rnd.below(3))]}, separators=(",", ":"))


def trust(service):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": service}}]})


# Each gives (type, after, unknown, expressions); `n` makes names differ.

def bucket(rnd, n):
    after = {"bucket": f"acme-{n:05d}-data", "bucket_prefix": None, "force_destroy": rnd.one_in(4),
             "timeouts": None, "lifecycle_rule": [], "logging": [], "cors_rule": []}
    unknown = {k: True for k in (
        "acceleration_status", "acl", "arn", "bucket_domain_name", "bucket_regional_domain_name",
        "hosted_zone_id", "id", "object_lock_enabled", "policy", "region", "request_payer",
        "website_domain", "website_endpoint")}
    unknown.update({k: [] for k in ("cors_rule", "lifecycle_rule", "logging")})
    unknown.update({k: True for k in ("grant", "versioning", "server_side_encryption_configuration",
                                      "replication_configuration", "website")})
    return "aws_s3_bucket", after, unknown, {"bucket": ref("local.prefix"), "force_destroy":
                                             const(after["force_destroy"])}


def public_access(rnd, n):
    on = not rnd.one_in(5)
    after = {"block_public_acls": on, "block_public_policy": on, "ignore_public_acls": True,
             "restrict_public_buckets": on}
    exprs = {k: const(v) for k, v in after.items()}
    exprs["bucket"] = ref("aws_s3_bucket.r%d.id" % (n - 1))
    return "aws_s3_bucket_public_access_block", after, {"bucket": True, "id": True}, exprs


def encryption(rnd, n):
    rule = [{"apply_server_side_encryption_by_default": [
        {"kms_master_key_id": None, "sse_algorithm": rnd.pick(("aws:kms", "AES256"))}],
        "bucket_key_enabled": rnd.one_in(2)}]
    unknown = {"bucket": True, "id": True,
               "rule": [{"apply_server_side_encryption_by_default": [{}]}]}
    exprs = {"bucket": ref("aws_s3_bucket.r%d.id" % (n - 2)), "rule": [
        {"apply_server_side_encryption_by_default": [{"sse_algorithm": const("aws:kms")}],
         "bucket_key_enabled": const(True)}]}
    after = {"expected_bucket_owner": None, "rule": rule}
    return "aws_s3_bucket_server_side_encryption_configuration", after, unknown, exprs


def security_group(rnd, n):
    rules = [{"cidr_blocks": [rnd.pick(("10.0.0.0/8", "172.16.0.0/12", "0.0.0.0/0"))],
              "description": rnd.pick(("", "from the office")), "from_port": port,
              "ipv6_cidr_blocks": [], "prefix_list_ids": [], "protocol": "tcp",
              "security_groups": [], "self": False, "to_port": port}
             for port in (rnd.pick(PORTS) for _ in range(1 + rnd.below(4)))]
    after = {"description": "Managed by Terraform", "ingress": rules, "name": f"sg-{n:05d}",
             "revoke_rules_on_delete": False, "timeouts": None}
    lists = ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups")
    unknown = {"arn": True, "egress": True, "id": True, "name_prefix": True, "owner_id": True,
               "vpc_id": True, "ingress": [{k: [False] * len(r[k]) for k in lists} for r in rules]}
    return "aws_security_group", after, unknown, {"name": const(after["name"]), "ingress":
                                                  const(rules), "vpc_id": ref("var.vpc_id")}


def instance(rnd, n):
    root = [{"delete_on_termination": True, "encrypted": not rnd.one_in(3), "volume_size": 40}]
    after = {"ami": "ami-0a1b2c3d4e5f60718", "credit_specification": [], "get_password_data": False,
             "hibernation": None, "iam_instance_profile": None, "instance_type": "m6i.large",
             "launch_template": [], "metadata_options": [
                 {"http_endpoint": "enabled", "http_tokens": rnd.pick(("required", "optional"))}],
             "monitoring": rnd.one_in(2), "root_block_device": root, "source_dest_check": True,
             "user_data": None, "user_data_replace_on_change": False, "volume_tags": None}
    unknown = {k: True for k in (
        "arn", "associate_public_ip_address", "availability_zone", "cpu_core_count",
        "cpu_threads_per_core", "disable_api_termination", "ebs_block_device", "ebs_optimized",
        "enclave_options", "ephemeral_block_device", "host_id", "id", "instance_state",
        "ipv6_addresses", "key_name", "maintenance_options", "network_interface", "private_dns",
        "private_ip", "public_dns", "public_ip", "secondary_private_ips", "security_groups",
        "subnet_id", "tenancy", "user_data_base64", "vpc_security_group_ids")}
    unknown["root_block_device"] = [{"device_name": True, "iops": True, "kms_key_id": True,
                                     "throughput": True, "volume_id": True, "volume_type": True}]
    unknown["metadata_options"] = [{"http_put_response_hop_limit": True,
                                    "instance_metadata_tags": True}]
    exprs = {"ami": ref("data.aws_ami.base.id"), "instance_type": const("m6i.large"),
             "subnet_id": ref("var.subnet_id"), "vpc_security_group_ids":
             ref("aws_security_group.r%d.id" % (n - 1)), "monitoring": const(after["monitoring"]),
             "root_block_device": [{"encrypted": const(root[0]["encrypted"])}],
             "metadata_options": [{"http_tokens": const("required")}]}
    return "aws_instance", after, unknown, exprs


def database(rnd, n):
    after = {"allocated_storage": 100, "apply_immediately": False, "auto_minor_version_upgrade":
             True, "backup_retention_period": rnd.pick((0, 7, 30)), "copy_tags_to_snapshot": True,
             "customer_owned_ip_enabled": None, "deletion_protection": rnd.one_in(2),
             "engine": "postgres", "engine_version": "15.4", "identifier": f"db-{n:05d}",
             "iam_database_authentication_enabled": rnd.one_in(2), "instance_class": "db.r6g.large",
             "multi_az": rnd.one_in(2), "enabled_cloudwatch_logs_exports": None,
             "password": "correct horse battery staple", "publicly_accessible": rnd.one_in(8),
             "skip_final_snapshot": True, "storage_encrypted": not rnd.one_in(4),
             "username": "postgres", "monitoring_interval": 0}
    unknown = {k: True for k in (
        "address", "arn", "availability_zone", "backup_window", "ca_cert_identifier", "db_name",
        "db_subnet_group_name", "endpoint", "hosted_zone_id", "id", "kms_key_id", "license_model",
        "maintenance_window", "option_group_name", "parameter_group_name", "port", "replicas",
        "resource_id", "status", "vpc_security_group_ids")}
    exprs = {k: const(v) for k, v in after.items() if v is not None and k != "password"}
    exprs["password"] = ref("var.db_password")
    exprs["kms_key_id"] = ref("aws_kms_key.r%d.arn" % (n + 1))
    return "aws_db_instance", after, unknown, exprs


def role(rnd, n):
    after = {"assume_role_policy": trust(rnd.pick(("ec2.amazonaws.com", "lambda.amazonaws.com"))),
             "description": None, "force_detach_policies": False, "max_session_duration": 3600,
             "name": f"role-{n:05d}", "path": "/", "permissions_boundary": None, "inline_policy": [
                 {"name": "inline", "policy": policy(rnd, ["s3:GetObject", "s3:ListBucket"],
                                                     f"arn:aws:s3:::acme-{n:05d}-data")}]}
    unknown = {"arn": True, "create_date": True, "id": True, "managed_policy_arns": True,
               "name_prefix": True, "unique_id": True, "inline_policy": [{}]}
    return "aws_iam_role", after, unknown, {"assume_role_policy": ref(
        "data.aws_iam_policy_document.trust.json"), "name": const(after["name"])}


def iam_policy(rnd, n):
    after = {"description": None, "name": f"policy-{n:05d}", "path": "/", "policy": policy(
        rnd, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
        f"arn:aws:dynamodb:{rnd.pick(REGIONS)}:123456789012:table/t-{n:05d}")}
    unknown = {"arn": True, "id": True, "name_prefix": True, "policy_id": True}
    return "aws_iam_policy", after, unknown, {"name": const(after["name"]),
                                              "policy": ref("aws_dynamodb_table.r%d.arn" % n)}


def function(rnd, n):
    after = {"description": "", "dead_letter_config": [], "environment": [{"variables": {
        "LOG_LEVEL": "info", "TABLE": f"t-{n:05d}", "ENDPOINT": "https://api.example.com"}}],
        "function_name": f"fn-{n:05d}", "handler": "index.handler", "kms_key_arn": "",
        "layers": None, "memory_size": 256, "package_type": "Zip", "publish": False,
        "reserved_concurrent_executions": -1, "runtime": rnd.pick(("nodejs18.x", "python3.11")),
        "timeout": 30, "tracing_config": [{"mode": rnd.pick(("Active", "PassThrough"))}],
        "vpc_config": []}
    unknown = {k: True for k in (
        "architectures", "arn", "code_sha256", "ephemeral_storage", "id", "invoke_arn",
        "last_modified", "logging_config", "qualified_arn", "qualified_invoke_arn", "role",
        "signing_job_arn", "signing_profile_version_arn", "source_code_size", "version")}
    unknown["environment"] = [{"variables": {}}]
    return "aws_lambda_function", after, unknown, {
        "function_name": const(after["function_name"]), "role": ref("aws_iam_role.r%d.arn" % n),
        "environment": [{"variables": ref("local.environment", "var.log_level")}]}


def key(rnd, n):
    after = {"bypass_policy_lockout_safety_check": False, "custom_key_store_id": None,
             "customer_master_key_spec": "SYMMETRIC_DEFAULT", "deletion_window_in_days": 30,
             "description": f"key {n}", "enable_key_rotation": rnd.one_in(2), "is_enabled": True,
             "key_usage": "ENCRYPT_DECRYPT", "policy": policy(rnd, ["kms:Decrypt"], "*")}
    return "aws_kms_key", after, {"arn": True, "id": True, "key_id": True, "multi_region": True}, {
        "enable_key_rotation": const(after["enable_key_rotation"]),
        "policy": ref("data.aws_iam_policy_document.key.json")}


def queue(rnd, n):
    after = {"content_based_deduplication": False, "delay_seconds": 0, "fifo_queue": False,
             "kms_master_key_id": rnd.pick((None, "alias/aws/sqs")), "max_message_size": 262144,
             "message_retention_seconds": 345600, "name": f"queue-{n:05d}",
             "receive_wait_time_seconds": 0, "visibility_timeout_seconds": 30}
    unknown = {k: True for k in (
        "arn", "deduplication_scope", "fifo_throughput_limit", "id",
        "kms_data_key_reuse_period_seconds", "name_prefix", "policy", "redrive_allow_policy",
        "redrive_policy", "sqs_managed_sse_enabled", "url")}
    return "aws_sqs_queue", after, unknown, {"name": const(after["name"])}


def log_group(rnd, n):
    after = {"kms_key_id": None, "log_group_class": "STANDARD", "name": f"/app/{n:05d}",
             "retention_in_days": rnd.pick((0, 30, 365)), "skip_destroy": False}
    return "aws_cloudwatch_log_group", after, {"arn": True, "id": True, "name_prefix": True}, {
        "name": ref("var.name"), "retention_in_days": const(after["retention_in_days"])}


KINDS = (bucket, public_access, encryption, security_group, instance, database, role, iam_policy,
         function, key, queue, log_group)


def module_of(n):
    """(instance address, names of calls) of resource n: what belongs together is in one module."""
    group = n // len(KINDS)
    if group % 2:
        return "", ()
    team = json.dumps(TEAMS[group // 2 % len(TEAMS)])
    return f"module.team[{team}].module.service[{group // 12 % 3}]", ("team", "service")


def resource(rnd, n):
    kind, after, unknown, expressions = KINDS[n % len(KINDS)](rnd, n)
    tags = {"Name": f"r{n}", "Environment": rnd.pick(("prod", "stage")), "CostCenter":
            str(1000 + rnd.below(50)), "Owner": rnd.pick(TEAMS), "Application": f"app-{n % 97}",
            "Repository": f"https://git.example.com/platform/service-{n % 97}", "Compliance": "pci",
            "DataClass": rnd.pick(("public", "internal", "confidential")), "Backup": "daily",
            "MaintenanceWindow": "sun:02:00-sun:04:00", "TerraformModule": "platform/service/v4"}
    after.update(tags=tags, tags_all=dict(tags, ManagedBy="terraform"))
    unknown.update(tags={}, tags_all={})
    expressions["tags"] = ref("local.tags", "each.key")
    secret = {k: ([{}] if v and isinstance(v[0], dict) else [False] * len(v))
              if isinstance(v, list) else {} for k, v in after.items()
              if isinstance(v, (list, dict))}
    if "password" in after:
        secret["password"] = True
    return kind, dict(sorted(after.items())), unknown, expressions, secret


def change(rnd, common, after, unknown, secret):
    action = "create" if rnd.below(10) else rnd.pick(("update", "no-op"))
    before = None if action == "create" else dict(after, **{
        k: f"known-{k}" for k, v in unknown.items() if v is True})
    if action == "no-op":
        after, unknown = before, {}
    return dict(common, change={
        "actions": [action], "before": before, "after": after, "after_unknown": unknown,
        "before_sensitive": False if before is None else secret, "after_sensitive": secret})


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 15000
    rnd = Numbers(7)
    changes, planned, configured = [], {}, {(): [], ("team", "service"): []}
    for n in range(count):
        kind, after, unknown, expressions, secret = resource(rnd, n)
        module, calls = module_of(n)
        address = f"{module}.{kind}.r{n}" if module else f"{kind}.r{n}"
        common = {"address": address, "mode": "managed", "type": kind, "name": f"r{n}",
                  "provider_name": "registry.terraform.io/hashicorp/aws"}
        planned.setdefault(module, []).append(dict(
            common, schema_version=0, values=after, sensitive_values=secret))
        if module:
            common["module_address"] = module
        changes.append(change(rnd, common, after, unknown, secret))
        configured[calls].append({"address": f"{kind}.r{n}", "mode": "managed", "type": kind, "name":
                                  f"r{n}", "provider_config_key": "aws", "expressions": expressions,
                                  "schema_version": 0})
    service = {"source": "./service", "count_expression": const(3), "module": {
        "resources": configured[("team", "service")], "variables": {"vpc_id": {}, "name": {}}},
        "expressions": {"vpc_id": ref("var.vpc_id"), "name": ref("each.key")}}
    team = {"source": "./team", "for_each_expression": ref("local.teams"), "module": {
        "module_calls": {"service": service}, "variables": {"vpc_id": {}}},
        "expressions": {"vpc_id": ref("aws_vpc.main.id")}}
    plan = {
        "format_version": "1.2", "terraform_version": "1.9.5",
        "variables": {"db_password": {"value": "correct horse battery staple"}},
        "planned_values": {"root_module": {"resources": planned.pop("", []), "child_modules": [
            {"address": a, "resources": r} for a, r in planned.items()]}},
        "resource_changes": changes,
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "full_name":
                                        "registry.terraform.io/hashicorp/aws",
                                        "expressions": {"region": const("eu-central-1")}}},
            "root_module": {"resources": configured[()], "module_calls": {"team": team},
                            "variables": {"db_password": {"sensitive": True}}}},
        "prior_state": {"format_version": "1.0", "terraform_version": "1.9.5", "values": {
            "root_module": {"resources": [dict({k: c[k] for k in ("address", "mode", "type", "name",
                                                                  "provider_name")},
                                               values=c["change"]["before"], sensitive_values=
                                               c["change"]["before_sensitive"])
                                          for c in changes if c["change"]["before"]]}}},
        "relevant_attributes": [{"resource": c["address"], "attribute": ["id"]} for c in changes],
        "timestamp": "2026-08-01T12:00:00Z", "applyable": True, "complete": True, "errored": False}
    json.dump(plan, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
