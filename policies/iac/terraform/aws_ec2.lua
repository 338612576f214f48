-- Instances, their disks, launch templates.
local plan = import("plan")

local machines = { "aws_instance", "aws_launch_template", "aws_launch_configuration" }

-- Texts that hold an access key of AWS: AKIA or ASIA and sixteen capitals or digits.
local function has_access_key(text)
  for _, mark in ipairs({ "AKIA", "ASIA" }) do
    local from = 1
    while true do
      local at = text:find(mark, from)
      if not at then
        break
      end
      local rest = text:sub(at + 4, at + 19)
      if #rest == 16 and rest:is_word("") and rest == rest:upper() then
        return true
      end
      from = at + 4
    end
  end
  return false
end

return {
  plan.policy {
    id = "aws-ec2-imdsv2", title = "The metadata service wants session tokens", severity = "HIGH", type = machines,
    aliases = { "CKV_AWS_79", "AWS-0028", "AWS-0130" }, cwe = { 918 },
    frameworks = { ["nist-800-53"] = "AC-6", ["soc2"] = "CC6.1", ["pci-dss"] = "2.2.6" },
    description = "Without tokens, one forged request of an application gives the credentials of the machine's role away.",
    remediation = "Set metadata_options { http_tokens = \"required\" }.",
    check = function(r)
      local path = "metadata_options[0]."
      if plan.get(r, path .. "http_endpoint") == "disabled" then
        return
      end
      if plan.get(r, path .. "http_tokens") ~= "required" then
        fail(r, "values." .. path .. "http_tokens", "the metadata service answers without session token")
      end
    end,
  },
  plan.policy {
    id = "aws-ec2-disks-encrypted", title = "The disks of instances are encrypted", severity = "HIGH",
    type = { "aws_instance", "aws_launch_configuration" },
    aliases = { "CKV_AWS_8", "AWS-0008", "AWS-0131", "kics:4de9de27-254e-424f-bd70-4c1e95790838" }, cwe = { 311 },
    frameworks = { ["cis-aws"] = "2.2.1", ["pci-dss"] = "3.5.1", ["nist-800-53"] = "SC-28", ["iso-27001"] = "A.8.24" },
    description = "Snapshots of a disk that is not encrypted can be read by whoever gets hold of them.",
    remediation = "Set encrypted = true in root_block_device and ebs_block_device, or encrypt by default in the account.",
    check = function(r)
      if plan.get(r, "root_block_device[0].encrypted") ~= true and plan.get(r, "root_block_device[0].kms_key_id") == nil then
        fail(r, "values.root_block_device[0].encrypted", "the root disk is not encrypted")
      end
      for _, d in plan.blocks(r, "ebs_block_device") do
        if d.encrypted ~= true and d.snapshot_id == nil then
          fail(d, "encrypted", "the disk " .. tostring(d.device_name) .. " is not encrypted")
        end
      end
    end,
  },
  plan.want {
    id = "aws-ec2-public-ip", title = "Instances have no public address", severity = "MEDIUM",
    type = "aws_instance", at = "associate_public_ip_address", is = false, unset = false,
    aliases = { "CKV_AWS_88", "kics:5a2486aa-facf-477d-a5c1-b010789459ce" }, cwe = { 284 },
    frameworks = { ["pci-dss"] = "1.4.2", ["nist-800-53"] = "SC-7" },
    description = "A machine on the internet is found within minutes; a load balancer or bastion shows less.",
    remediation = "Remove associate_public_ip_address.", message = "the instance gets a public address",
  },
  plan.want {
    id = "aws-ec2-launch-public-ip", title = "Launch configurations give no public address", severity = "MEDIUM",
    type = "aws_launch_configuration", at = "associate_public_ip_address", is = false, unset = false,
    aliases = { "AWS-0009" }, cwe = { 284 }, frameworks = { ["pci-dss"] = "1.4.2" },
    description = "Every machine of the group would be on the internet.",
    remediation = "Set associate_public_ip_address = false.", message = "its instances get public addresses",
  },
  plan.want {
    id = "aws-ec2-monitoring", title = "Instances are monitored in detail", severity = "LOW",
    type = "aws_instance", at = "monitoring", is = true, unset = false,
    aliases = { "CKV_AWS_126", "kics:23b70e32-032e-4fa6-ba5c-82f56b9980e6" }, frameworks = { ["soc2"] = "CC7.2" },
    description = "Metrics every minute instead of every five show attacks and failures while they happen.",
    remediation = "Set monitoring = true.", message = "the instance is not monitored in detail",
  },
  plan.want {
    id = "aws-ec2-ebs-optimized", title = "Instances have a channel of their own to their disks", severity = "INFO", default = false,
    type = "aws_instance", at = "ebs_optimized", is = true, unset = false, aliases = { "CKV_AWS_135" },
    description = "Otherwise disks and network share one.",
    remediation = "Set ebs_optimized = true.", message = "the instance is not EBS optimized",
  },
  plan.want {
    id = "aws-ec2-instance-profile", title = "Instances act with a role", severity = "LOW",
    type = "aws_instance", at = "iam_instance_profile", aliases = { "CKV2_AWS_41" },
    frameworks = { ["nist-800-53"] = "IA-5" },
    description = "Programs on machines without a role need keys in files.",
    remediation = "Set iam_instance_profile.", message = "the instance has no instance profile",
  },
  plan.policy {
    id = "aws-ec2-user-data-keys", title = "User data holds no access keys", severity = "CRITICAL", type = machines,
    aliases = { "CKV_AWS_46", "AWS-0029", "kics:0b93729a-d882-4803-bdc3-ac429a21f158" }, cwe = { 798 },
    frameworks = { ["nist-800-53"] = "IA-5", ["soc2"] = "CC6.1" },
    description = "Every program on the machine can read its user data, and so can whoever may describe instances.",
    remediation = "Give the instance a role instead, and replace the key.",
    check = function(r)
      local text = plan.get(r, "user_data")
      if text ~= nil and has_access_key(text) then
        fail(r, "values.user_data", "the user data holds an access key of AWS")
      end
      plan.certain(r, "user_data")
    end,
  },
  plan.want {
    id = "aws-ebs-encrypted", title = "EBS volumes are encrypted", severity = "HIGH",
    type = "aws_ebs_volume", at = "encrypted", is = true, unset = false,
    aliases = { "CKV_AWS_3", "AWS-0026", "kics:cc997676-481b-4e93-aa81-d19f8c5e9b12" }, cwe = { 311 },
    frameworks = { ["cis-aws"] = "2.2.1", ["pci-dss"] = "3.5.1", ["nist-800-53"] = "SC-28", ["soc2"] = "CC6.1", ["iso-27001"] = "A.8.24" },
    description = "Snapshots of a volume that is not encrypted can be read by whoever gets hold of them.",
    remediation = "Set encrypted = true.", message = "the volume is not encrypted",
  },
  plan.want {
    id = "aws-ebs-kms", title = "EBS volumes are encrypted with a key of the account", severity = "LOW",
    type = "aws_ebs_volume", at = "kms_key_id", aliases = { "CKV_AWS_189", "AWS-0027" }, cwe = { 311 },
    frameworks = { ["nist-800-53"] = "SC-12" },
    description = "The key that AWS manages cannot be shared, limited or switched off.",
    remediation = "Set kms_key_id.", message = "the volume has no kms_key_id",
  },
  plan.want {
    id = "aws-ebs-snapshot-encrypted", title = "Copies of EBS snapshots are encrypted", severity = "HIGH",
    type = "aws_ebs_snapshot_copy", at = "encrypted", is = true, unset = false, aliases = { "CKV_AWS_183" }, cwe = { 311 },
    frameworks = { ["nist-800-53"] = "SC-28" },
    description = "A copy is as secret as the disk that it was made of.",
    remediation = "Set encrypted = true.", message = "the copy is not encrypted",
  },
  plan.want {
    id = "aws-ebs-encryption-by-default", title = "Encryption of new disks is not switched off", severity = "HIGH",
    type = "aws_ebs_encryption_by_default", at = "enabled", is = true, unset = true,
    aliases = { "CKV_AWS_106", "kics:3d3f6270-546b-443c-adb4-bb6fb2187ca6" }, cwe = { 311 },
    frameworks = { ["cis-aws"] = "2.2.1", ["nist-800-53"] = "SC-28" },
    description = "It keeps every disk encrypted that somebody forgot to.",
    remediation = "Set enabled = true.", message = "encryption by default is switched off",
  },
}
