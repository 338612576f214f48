-- Lambda, EKS, ECR, ECS.
local plan = import("plan")
local aws = import("aws")

local audit = { ["pci-dss"] = "10.2.1", ["nist-800-53"] = "AU-2", ["soc2"] = "CC7.2", ["iso-27001"] = "A.8.15" }

-- Runtimes that AWS no longer corrects.
local ended = { ["dotnet5.0"] = true, dotnet6 = true, dotnet7 = true, ["dotnetcore1.0"] = true, ["dotnetcore2.0"] = true,
                ["dotnetcore2.1"] = true, ["dotnetcore3.1"] = true, ["go1.x"] = true, java8 = true, nodejs = true,
                ["nodejs4.3"] = true, ["nodejs4.3-edge"] = true, ["nodejs6.10"] = true, ["nodejs8.10"] = true, ["nodejs10.x"] = true,
                ["nodejs12.x"] = true, ["nodejs14.x"] = true, ["nodejs16.x"] = true, ["nodejs18.x"] = true, provided = true,
                ["python2.7"] = true, ["python3.6"] = true, ["python3.7"] = true, ["python3.8"] = true,
                ["ruby2.5"] = true, ["ruby2.7"] = true }

local log_types = { "api", "audit", "authenticator", "controllerManager", "scheduler" }

local function cluster_open(r)
  return plan.get(r, "vpc_config[0].endpoint_public_access") ~= false
end

return {
  plan.policy {
    id = "aws-lambda-env-secrets", title = "Environments of functions hold no access keys", severity = "CRITICAL",
    type = "aws_lambda_function", aliases = { "CKV_AWS_45", "kics:1402afd8-a95c-4e84-8b0b-6fb43758e6ce" }, cwe = { 798 },
    frameworks = { ["pci-dss"] = "8.6.2", ["nist-800-53"] = "IA-5", ["soc2"] = "CC6.1" },
    description = "Whoever may look at the function can read its environment.",
    remediation = "Give the function a role, keep other secrets in Secrets Manager, and replace the key.",
    check = function(r)
      local variables = plan.get(r, "environment[0].variables")
      for name, v in pairs(variables or {}) do
        local text = tostring(v)
        local key = #text == 20 and (text:startswith("AKIA") or text:startswith("ASIA")) and text == text:upper()
        local secret = #text == 40 and name:lower():contains("secret") and text:is_word("/+=")
        if key or secret then
          fail(variables, name, "a variable holds an access key of AWS")
        end
      end
    end,
  },
  plan.want {
    id = "aws-lambda-tracing", title = "Functions are traced", severity = "LOW", type = "aws_lambda_function",
    at = "tracing_config[0].mode", is = "Active", unset = "PassThrough",
    aliases = { "CKV_AWS_50", "AWS-0066", "kics:8152e0cf-d2f0-47ad-96d5-d003a76eabd1" }, frameworks = { ["soc2"] = "CC7.2" },
    description = "Traces show which calls led to which.",
    remediation = "Set tracing_config { mode = \"Active\" }.", message = "the function is not traced",
  },
  plan.want {
    id = "aws-lambda-concurrency", title = "Functions have a limit of their own", severity = "LOW", type = "aws_lambda_function",
    at = "reserved_concurrent_executions", aliases = { "CKV_AWS_115" },
    description = "One function that runs away takes the capacity of all others.",
    remediation = "Set reserved_concurrent_executions.", message = "the function has no limit of its own",
  },
  plan.want {
    id = "aws-lambda-dead-letter", title = "Calls that fail are kept", severity = "LOW", type = "aws_lambda_function",
    at = "dead_letter_config[0].target_arn", aliases = { "CKV_AWS_116" },
    description = "Events that a function could not handle are lost otherwise.",
    remediation = "Set dead_letter_config { target_arn = ... }.", message = "calls that fail are lost",
  },
  plan.want {
    id = "aws-lambda-vpc", title = "Functions run in a VPC", severity = "LOW", type = "aws_lambda_function", default = false,
    at = "vpc_config[0].subnet_ids", aliases = { "CKV_AWS_117" },
    description = "Security groups then say what a function can reach.",
    remediation = "Set vpc_config.", message = "the function is in no VPC",
  },
  plan.want {
    id = "aws-lambda-env-kms", title = "Environments of functions are encrypted with a key of the account", severity = "LOW",
    type = "aws_lambda_function", at = "kms_key_arn", when = function(r)
      return plan.is_set(r, "environment[0].variables")
    end,
    unless = "the function has no environment",
    aliases = { "CKV_AWS_173" }, frameworks = { ["nist-800-53"] = "SC-12" },
    description = "The key that AWS manages cannot be limited or switched off.",
    remediation = "Set kms_key_arn.", message = "the environment has no key of its own",
  },
  plan.want {
    id = "aws-lambda-code-signing", title = "Code of functions is signed", severity = "LOW", type = "aws_lambda_function", default = false,
    at = "code_signing_config_arn", aliases = { "CKV_AWS_272" }, frameworks = { ["nist-800-53"] = "SR-4" }, cwe = { 345 },
    description = "Only what your pipeline has signed can then be deployed.",
    remediation = "Set code_signing_config_arn.", message = "code is taken without signature",
  },
  plan.want {
    id = "aws-lambda-runtime", title = "Functions use a runtime that is still corrected", severity = "MEDIUM", type = "aws_lambda_function",
    at = "runtime", test = function(v) return v == nil or not ended[v] end,
    aliases = { "CKV_AWS_363" }, cwe = { 1104 }, frameworks = { ["nist-800-53"] = "SI-2", ["pci-dss"] = "6.3.3" },
    description = "Holes that are found now stay open.",
    remediation = "Move to a current runtime.", message = "AWS no longer corrects the runtime",
  },
  plan.policy {
    id = "aws-lambda-permission-source", title = "Permissions for services name what may call", severity = "HIGH", type = "aws_lambda_permission",
    aliases = { "CKV_AWS_364", "AWS-0067" }, cwe = { 863 }, frameworks = { ["nist-800-53"] = "AC-3" },
    description = "Without a source, the service may call for any account of the world.",
    remediation = "Set source_arn or source_account.",
    check = function(r)
      local principal = plan.get(r, "principal")
      if principal == nil or not principal:endswith(".amazonaws.com") then
        return not_applicable("the permission is for no service")
      end
      if not plan.is_set(r, "source_arn") and not plan.is_set(r, "source_account") then
        fail(r, "values.source_arn", principal .. " may call for everybody")
      end
    end,
  },
  plan.want {
    id = "aws-lambda-url-auth", title = "Function URLs want a signature", severity = "HIGH", type = "aws_lambda_function_url",
    at = "authorization_type", is = "AWS_IAM", aliases = { "CKV_AWS_258" }, cwe = { 306 }, frameworks = { ["nist-800-53"] = "AC-3" },
    description = "Everybody who knows the URL may call it otherwise.",
    remediation = "Set authorization_type = \"AWS_IAM\".", message = "everybody may call the function",
  },
  -- EKS
  plan.policy {
    id = "aws-eks-logging", title = "EKS clusters log all of their control plane", severity = "MEDIUM", type = "aws_eks_cluster",
    aliases = { "CKV_AWS_37", "AWS-0038", "kics:37304d3f-f852-40b8-ae3f-725e87a7cedf", "kics:66f130d9-b81d-4e8e-9b08-da74b9c891df" },
    cwe = { 778 }, frameworks = audit,
    description = "The audit log is the only record of who did what in the cluster.",
    remediation = "Set enabled_cluster_log_types to api, audit, authenticator, controllerManager and scheduler.",
    check = function(r)
      local on = plan.get(r, "enabled_cluster_log_types") or {}
      local missing = {}
      for _, name in ipairs(log_types) do
        if not aws.holds(on, name) then
          missing[#missing + 1] = name
        end
      end
      if #missing > 0 then
        fail(r, "values.enabled_cluster_log_types", "not logged: " .. table.concat(missing, ", "))
      end
    end,
  },
  plan.policy {
    id = "aws-eks-public-cidrs", title = "The API of EKS is not open to the internet", severity = "HIGH", type = "aws_eks_cluster",
    aliases = { "CKV_AWS_38", "AWS-0041", "kics:61cf9883-1752-4768-b18c-0d57f2737709" }, cwe = { 284 },
    frameworks = { ["pci-dss"] = "1.4.2", ["nist-800-53"] = "SC-7", ["soc2"] = "CC6.6" },
    description = "Everybody can try their credentials, and every hole of the API server.",
    remediation = "Set vpc_config { public_access_cidrs = [...] } to your networks, or endpoint_public_access = false.",
    check = function(r)
      if not cluster_open(r) then
        return
      end
      local nets = plan.get(r, "vpc_config[0].public_access_cidrs")
      for _, net in ipairs(nets or { "0.0.0.0/0" }) do
        if cidr.is_any(net) then
          fail(r, "values.vpc_config[0].public_access_cidrs", "the API of the cluster is open to " .. net)
        end
      end
    end,
  },
  plan.policy {
    id = "aws-eks-public-endpoint", title = "The API of EKS has no public address", severity = "MEDIUM", type = "aws_eks_cluster",
    aliases = { "CKV_AWS_39", "AWS-0040", "kics:42f4b905-3736-4213-bfe9-c0660518cda8" }, cwe = { 284 },
    frameworks = { ["pci-dss"] = "1.4.2", ["nist-800-53"] = "SC-7" },
    description = "Inside of the VPC it is reached by those who may enter it.",
    remediation = "Set vpc_config { endpoint_public_access = false, endpoint_private_access = true }.",
    check = function(r)
      if cluster_open(r) then
        fail(r, "values.vpc_config[0].endpoint_public_access", "the API of the cluster has a public address")
      end
    end,
  },
  plan.policy {
    id = "aws-eks-secrets", title = "Secrets of EKS clusters are encrypted with a key of the account", severity = "HIGH", type = "aws_eks_cluster",
    aliases = { "CKV_AWS_58", "AWS-0039", "kics:63ebcb19-2739-4d3f-aa5c-e8bbb9b85281" }, cwe = { 311 },
    frameworks = { ["pci-dss"] = "3.5.1", ["nist-800-53"] = "SC-28" },
    description = "Kubernetes keeps secrets merely encoded unless it is told to encrypt them.",
    remediation = "Set encryption_config { resources = [\"secrets\"], provider { key_arn = ... } }.",
    check = function(r)
      if not aws.holds(plan.get(r, "encryption_config[0].resources") or {}, "secrets") then
        fail(r, "values.encryption_config", "secrets of the cluster are not encrypted")
      end
    end,
  },
  plan.want {
    id = "aws-eks-version", title = "EKS clusters run a version that is still corrected", severity = "MEDIUM", type = "aws_eks_cluster",
    at = "version", test = function(v)
      return v == nil or semver.satisfies(tostring(v), ">=1.28") ~= false
    end,
    aliases = { "CKV_AWS_339" }, cwe = { 1104 }, frameworks = { ["nist-800-53"] = "SI-2" },
    description = "Holes that are found now stay open, and extended support costs.",
    remediation = "Upgrade, one minor version after the other.", message = "AWS no longer corrects this version of Kubernetes",
  },
  -- ECR, ECS
  plan.want {
    id = "aws-ecr-immutable-tags", title = "Tags of images cannot be moved", severity = "MEDIUM", type = "aws_ecr_repository",
    at = "image_tag_mutability", one_of = { "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION" }, unset = "MUTABLE",
    aliases = { "CKV_AWS_51", "AWS-0031", "kics:d1846b12-20c5-4d45-8798-fc35b79268eb" }, cwe = { 494 },
    frameworks = { ["nist-800-53"] = "SR-4", ["soc2"] = "CC8.1" },
    description = "A tag that was tested can otherwise be made to mean another image.",
    remediation = "Set image_tag_mutability = \"IMMUTABLE\".", message = "tags can be moved to other images",
  },
  plan.want {
    id = "aws-ecr-scan", title = "Images are scanned when they are pushed", severity = "MEDIUM", type = "aws_ecr_repository",
    at = "image_scanning_configuration[0].scan_on_push", is = true, unset = false,
    aliases = { "CKV_AWS_163", "AWS-0030", "kics:9630336b-3fed-4096-8173-b9afdfe346a7" },
    frameworks = { ["nist-800-53"] = "RA-5", ["soc2"] = "CC7.1" },
    description = "Known holes are seen before the image runs.",
    remediation = "Set image_scanning_configuration { scan_on_push = true }.", message = "images are not scanned",
  },
  plan.want {
    id = "aws-ecr-kms", title = "Images are encrypted with a key of the account", severity = "LOW", type = "aws_ecr_repository",
    at = "encryption_configuration[0].encryption_type", one_of = { "KMS", "KMS_DSSE" }, unset = "AES256",
    aliases = { "CKV_AWS_136", "AWS-0033", "kics:0e32d561-4b5a-4664-a6e3-a3fa85649157" }, frameworks = { ["nist-800-53"] = "SC-12" },
    description = "The key that AWS owns cannot be limited, logged or switched off.",
    remediation = "Set encryption_configuration { encryption_type = \"KMS\" }.", message = "images are encrypted with the key that AWS owns",
  },
  plan.policy {
    id = "aws-ecr-public-policy", title = "Image repositories are not open to everyone", severity = "HIGH", type = "aws_ecr_repository_policy",
    aliases = { "CKV_AWS_32", "AWS-0032", "kics:e86e26fc-489e-44f0-9bcd-97305e4ba69a" }, cwe = { 732 },
    frameworks = { ["pci-dss"] = "7.2.1", ["nist-800-53"] = "AC-3" },
    description = "Images hold code, and often more than was meant.",
    remediation = "Name the accounts that pull.",
    check = function(r)
      for _, s in ipairs(aws.statements(r)) do
        if s.effect == "Allow" and aws.any_principal(s) and not aws.conditional(s) then
          fail(r, "values.policy", "a statement allows everyone: " .. table.concat(s.actions, ", "))
        end
      end
    end,
  },
  plan.policy {
    id = "aws-ecs-insights", title = "ECS clusters are observed", severity = "LOW", type = "aws_ecs_cluster",
    aliases = { "CKV_AWS_65", "AWS-0034", "kics:97cb0688-369a-4d26-b1f7-86c4c91231bc" }, frameworks = { ["soc2"] = "CC7.2" },
    description = "Container Insights show what tasks do before they end.",
    remediation = "Set setting { name = \"containerInsights\", value = \"enabled\" }.",
    check = function(r)
      for _, s in plan.blocks(r, "setting") do
        if s.name == "containerInsights" and (s.value == "enabled" or s.value == "enhanced") then
          return
        end
      end
      fail(r, "values.setting", "Container Insights are off")
    end,
  },
}
