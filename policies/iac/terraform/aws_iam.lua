-- IAM: what policies allow, who may take a role, passwords, keys of the provider.
local plan = import("plan")
local aws = import("aws")

local policies = { "aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_ssoadmin_permission_set_inline_policy" }

-- ssoadmin keeps its document in another argument.
local function document_of(r)
  return r.type == "aws_ssoadmin_permission_set_inline_policy" and "inline_policy" or "policy"
end

local least = { ["cis-aws"] = "1.16", ["pci-dss"] = "7.2.1", ["nist-800-53"] = "AC-6", ["soc2"] = "CC6.3", ["iso-27001"] = "A.8.2" }

local function full_access(s)
  return s.effect == "Allow" and aws.holds(s.resources, "*")
         and (aws.holds(s.actions, "*") or aws.holds(s.actions, "*:*"))
end

local function any_action(s)
  return s.effect == "Allow" and (aws.holds(s.actions, "*") or aws.holds(s.actions, "*:*"))
end

-- A policy on each statement of IAM documents.
local function statements(p)
  local bad, message = p.bad, p.message
  p.bad, p.message = nil, nil
  p.check = function(r)
    local argument = document_of(r)
    for _, s in ipairs(aws.statements(r, r.type ~= "aws_iam_role" and argument or nil)) do
      if bad(s) then
        if r.type == "aws_iam_policy_document" then
          fail(s.node, message)
        else
          fail(r, r.type == "aws_iam_role" and "values.assume_role_policy" or "values." .. argument, message)
        end
      end
    end
  end
  return plan.policy(p)
end

local function names_service(s)
  for _, p in ipairs(s.principals) do
    if p == "AWS:*" or p == "*" then
      return false
    end
  end
  return true
end

-- Whether a trust policy for GitHub's tokens says which repository may use it.
local function github_unbound(s)
  local from_github = false
  for _, p in ipairs(s.principals) do
    from_github = from_github or p:contains("token.actions.githubusercontent.com")
  end
  if not from_github or s.effect ~= "Allow" then
    return false
  end
  local bound = false
  local function subject(key, v)
    if key:lower() ~= "token.actions.githubusercontent.com:sub" then
      return
    end
    local all = type(v) == "table" and v or { v }
    bound = #all > 0
    for _, x in ipairs(all) do
      local owner = tostring(x):split(":")[2]
      if not tostring(x):startswith("repo:") or owner == nil or owner == "*" or owner:startswith("*") or owner == "" then
        bound = false
      end
    end
  end
  if s.conditions ~= nil and s.conditions[1] ~= nil then -- blocks of the data source
    for _, c in ipairs(s.conditions) do
      if tostring(c.test):contains("String") then
        subject(tostring(c.variable), c.values)
      end
    end
  else
    for operator, map in pairs(s.conditions or {}) do
      for key, v in pairs(operator:contains("String") and map or {}) do
        subject(key, v)
      end
    end
  end
  return not bound
end

local function password(p)
  p.type, p.severity = "aws_iam_account_password_policy", p.severity or "LOW"
  p.cwe = { 521 }
  return plan.want(p)
end

local function requires(id, what, at, ckv, trivy)
  return password {
    id = id, title = "Passwords need " .. what, at = at, is = true, unset = false, aliases = { ckv, trivy },
    description = "Passwords of one kind of characters are guessed sooner.",
    remediation = "Set " .. at .. " = true.", message = "passwords need not have " .. what,
  }
end

return {
  statements {
    id = "aws-iam-admin-policy", title = "Policies do not allow everything on everything", severity = "HIGH", type = policies, bad = full_access,
    aliases = { "CKV_AWS_62", "kics:2f37c4a3-58b9-4afe-8a87-d7f1d2286f84", "kics:575a2155-6af1-4026-b1af-d5bc8fe2a904" }, cwe = { 250 }, frameworks = least,
    description = "Who gets hold of one such credential has the account.",
    remediation = "List the actions and resources that are needed.", message = "a statement allows all actions on all resources",
  },
  statements {
    id = "aws-iam-star-action", title = "Policies do not allow all actions", severity = "HIGH", type = policies, bad = any_action,
    aliases = { "CKV_AWS_63" }, cwe = { 250 }, frameworks = least,
    description = "Also on few resources, all actions include those that change who may use them.",
    remediation = "List the actions that are needed.", message = "a statement allows all actions",
  },
  statements {
    id = "aws-iam-document-admin", title = "Policy documents do not allow everything on everything", severity = "HIGH",
    type = "aws_iam_policy_document", bad = full_access, aliases = { "CKV_AWS_1" }, cwe = { 250 }, frameworks = least,
    description = "Who gets hold of one such credential has the account.",
    remediation = "List the actions and resources that are needed.", message = "the statement allows all actions on all resources",
  },
  statements {
    id = "aws-iam-document-star-action", title = "Policy documents do not allow all actions", severity = "HIGH",
    type = "aws_iam_policy_document", bad = function(s)
      for _, a in ipairs(s.actions) do
        if s.effect == "Allow" and (a == "*" or a:endswith(":*")) then return true end
      end
      return false
    end,
    aliases = { "CKV_AWS_49" }, cwe = { 250 }, frameworks = least,
    description = "All actions, or all of a service, include those that change who may use them.",
    remediation = "List the actions that are needed.", message = "the statement allows all actions, or all of a service",
  },
  statements {
    id = "aws-iam-document-any-principal", title = "Policy documents do not let everyone in", severity = "HIGH",
    type = "aws_iam_policy_document", aliases = { "CKV_AWS_283" }, cwe = { 732 },
    bad = function(s) return s.effect == "Allow" and aws.any_principal(s) and not aws.conditional(s) end,
    frameworks = { ["pci-dss"] = "7.2.1", ["nist-800-53"] = "AC-3", ["soc2"] = "CC6.1" },
    description = "The principal * without a condition is the whole world.",
    remediation = "Name the accounts or roles, or limit the statement with a condition.", message = "the statement allows everyone",
  },
  statements {
    id = "aws-iam-document-github-oidc", title = "Trust in GitHub's tokens names the repository", severity = "HIGH",
    type = "aws_iam_policy_document", aliases = { "CKV_AWS_358" }, cwe = { 863 }, bad = github_unbound,
    frameworks = { ["nist-800-53"] = "AC-3" },
    description = "GitHub gives tokens to every repository of the world: only the claim sub tells them apart.",
    remediation = "Require token.actions.githubusercontent.com:sub to be repo:OWNER/REPOSITORY:...",
    message = "tokens of any repository on GitHub are accepted",
  },
  statements {
    id = "aws-iam-role-github-oidc", title = "Roles for GitHub's tokens name the repository", severity = "HIGH",
    type = "aws_iam_role", aliases = { "CKV_AWS_393" }, cwe = { 863 }, bad = github_unbound, frameworks = { ["nist-800-53"] = "AC-3" },
    description = "GitHub gives tokens to every repository of the world: only the claim sub tells them apart.",
    remediation = "Require token.actions.githubusercontent.com:sub to be repo:OWNER/REPOSITORY:...",
    message = "tokens of any repository on GitHub are accepted",
  },
  statements {
    id = "aws-iam-role-any-principal", title = "Roles cannot be taken by everyone", severity = "HIGH",
    type = "aws_iam_role", aliases = { "CKV_AWS_60", "CKV_AWS_61", "kics:12b7e704-37f0-4d1e-911a-44bf60c48c21", "kics:bcdcbdc6-a350-4855-ae7c-d1e6436f7c97" },
    bad = function(s) return s.effect == "Allow" and not names_service(s) and not aws.conditional(s) end, cwe = { 863 },
    frameworks = { ["pci-dss"] = "7.2.1", ["nist-800-53"] = "AC-6", ["soc2"] = "CC6.3" },
    description = "Any account of AWS could then act with the rights of the role.",
    remediation = "Name the service, account or role that takes it.", message = "everyone may take the role",
  },
  plan.policy {
    id = "aws-iam-user-policies", title = "Rights are given to groups and roles, not to users", severity = "LOW",
    type = { "aws_iam_user_policy", "aws_iam_user_policy_attachment", "aws_iam_policy_attachment" },
    aliases = { "CKV_AWS_40", "AWS-0143", "kics:b4378389-a9aa-44ee-91e7-ef183f11079e" }, cwe = { 250 },
    frameworks = { ["cis-aws"] = "1.15", ["nist-800-53"] = "AC-6", ["soc2"] = "CC6.3" },
    description = "Nobody sees from a group what one of its members may do beyond it.",
    remediation = "Attach the policy to a group or a role.",
    check = function(r)
      if r.type ~= "aws_iam_policy_attachment" or #(plan.get(r, "users") or {}) > 0 then
        fail("the policy is attached to a user")
      end
    end,
  },
  plan.policy {
    id = "aws-iam-users", title = "People come in through single sign-on, not as users of IAM", severity = "LOW", type = "aws_iam_user",
    aliases = { "CKV_AWS_273" }, frameworks = { ["nist-800-53"] = "IA-5" }, params = { allowed = {} },
    description = "Users of IAM have passwords and keys that last; identities from outside have neither.",
    remediation = "Use IAM Identity Center or roles; list service users that must stay in the parameter allowed (globs).",
    check = function(r, params)
      local name = plan.get(r, "name")
      for _, pattern in ipairs(params.allowed) do
        if name ~= nil and name:glob(pattern) then
          return
        end
      end
      fail("an IAM user" .. (name and " " .. name or "") .. " is made")
    end,
  },
  plan.policy {
    id = "aws-iam-administrator-access", title = "AdministratorAccess is not attached", severity = "HIGH",
    type = { "aws_iam_role", "aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment", "aws_iam_group_policy_attachment",
             "aws_iam_policy_attachment", "aws_ssoadmin_managed_policy_attachment" },
    aliases = { "CKV_AWS_274" }, cwe = { 250 }, frameworks = least,
    description = "Who gets hold of one such credential has the account.",
    remediation = "Attach a policy with the actions that are needed.",
    check = function(r)
      local one = plan.get(r, "policy_arn") or plan.get(r, "managed_policy_arn")
      local all = r.type == "aws_iam_role" and plan.get(r, "managed_policy_arns") or nil
      if one ~= nil and one:endswith(":policy/AdministratorAccess") then
        fail(r, "values.policy_arn", "AdministratorAccess is attached")
      end
      for _, arn in ipairs(all or {}) do
        if arn:endswith(":policy/AdministratorAccess") then
          fail(r, "values.managed_policy_arns", "AdministratorAccess is attached")
        end
      end
    end,
  },
  plan.policy {
    id = "aws-iam-full-access", title = "IAMFullAccess is not attached", severity = "HIGH",
    type = { "aws_iam_role", "aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment", "aws_iam_group_policy_attachment" },
    aliases = { "CKV2_AWS_56" }, cwe = { 250 }, frameworks = least,
    description = "Who may change IAM can give themselves everything else.",
    remediation = "Attach a policy with the actions that are needed.",
    check = function(r)
      local one = plan.get(r, "policy_arn")
      local all = r.type == "aws_iam_role" and plan.get(r, "managed_policy_arns") or { one }
      for _, arn in ipairs(all or {}) do
        if arn:endswith(":policy/IAMFullAccess") then
          fail("IAMFullAccess is attached")
        end
      end
    end,
  },
  plan.policy {
    id = "aws-iam-root-key", title = "The root user has no access keys", severity = "CRITICAL", type = "aws_iam_access_key",
    aliases = { "CKV_AWS_348", "AWS-0141", "kics:970d224d-b42a-416b-81f9-8f4dfe70c4bc" }, cwe = { 250 }, frameworks = { ["nist-800-53"] = "AC-6" },
    description = "Nothing limits what such a key can do.",
    remediation = "Remove the key and use a role.",
    check = function(r)
      local user = plan.get(r, "user")
      if user == "root" or user == "<root_account>" then
        fail(r, "values.user", "the key is one of the root user")
      end
    end,
  },
  password {
    id = "aws-iam-password-length", title = "Passwords have 14 characters or more", at = "minimum_password_length", unset = 6, severity = "MEDIUM",
    test = function(v) return (tonumber(v) or 0) >= 14 end,
    aliases = { "CKV_AWS_10", "AWS-0063", "kics:1bc1c685-e593-450e-88fb-19db4c82aa1d" },
    frameworks = { ["cis-aws"] = "1.8", ["nist-800-53"] = "IA-5" },
    description = "Short passwords are guessed.", remediation = "Set minimum_password_length = 14.", message = "passwords may be shorter than 14",
  },
  password {
    id = "aws-iam-password-reuse", title = "Passwords are not used again", at = "password_reuse_prevention", unset = 0,
    test = function(v) return (tonumber(v) or 0) >= 24 end,
    aliases = { "CKV_AWS_13", "AWS-0056", "kics:89806cdc-9c2e-4bd1-a0dc-53f339bcfb2a" },
    frameworks = { ["cis-aws"] = "1.9", ["nist-800-53"] = "IA-5" },
    description = "A password that leaked once may come back.", remediation = "Set password_reuse_prevention = 24.", message = "the last 24 passwords may be used again",
  },
  password {
    id = "aws-iam-password-age", title = "Passwords end after 90 days", at = "max_password_age", unset = 0,
    test = function(v) return (tonumber(v) or 0) > 0 and tonumber(v) <= 90 end,
    aliases = { "CKV_AWS_9", "AWS-0062", "kics:ce60d060-efb8-4bfd-9cf7-ff8945d00d90" },
    description = "A password that leaked stops working.", remediation = "Set max_password_age to 90 or less.", message = "passwords last longer than 90 days",
  },
  requires("aws-iam-password-lowercase", "small letters", "require_lowercase_characters", "CKV_AWS_11", "AWS-0058"),
  requires("aws-iam-password-numbers", "digits", "require_numbers", "CKV_AWS_12", "AWS-0059"),
  requires("aws-iam-password-symbols", "symbols", "require_symbols", "CKV_AWS_14", "AWS-0060"),
  requires("aws-iam-password-uppercase", "capitals", "require_uppercase_characters", "CKV_AWS_15", "AWS-0061"),
  {
    id = "aws-provider-keys", title = "Provider blocks hold no access keys", severity = "CRITICAL", applies_to = "terraform",
    aliases = { "CKV_AWS_41", "kics:d7b9d850-3e06-4a75-852f-c46c2e92240b" }, cwe = { 798 },
    frameworks = { ["pci-dss"] = "8.6.2", ["nist-800-53"] = "IA-5", ["soc2"] = "CC6.1" },
    description = "They are in the repository, and in every plan, for all who can read one.",
    remediation = "Use a profile, a role or environment variables, and replace the key.",
    check = function(r)
      for _, p in pairs(r.providers or {}) do
        for _, name in ipairs({ "access_key", "secret_key" }) do
          local v = p.name == "aws" and p.expressions[name].constant_value
          if v and v ~= "" and v ~= "mock_access_key" and v ~= "mock_secret_key" and v ~= "test" then
            fail(p, "expressions." .. name, "a key of AWS stands in the configuration of the provider")
          end
        end
      end
    end,
  },
}
