-- Who the processes of the image run as.

local docker = import("docker")

local ROOT = docker.set("root", "0")

local function last_user(file)
  local last
  for _, stage in ipairs(docker.chain(file)) do
    for _, i in ipairs(docker.of_kind(stage, "USER")) do
      last = i
    end
    if last then
      return last
    end
  end
end

return {
  {
    id = "docker-user-missing",
    title = "The image sets a user",
    severity = "HIGH",
    applies_to = "dockerfile",
    aliases = { "CKV_DOCKER_3", "DS-0002", "kics:fd54f200-402c-4333-a5a4-36ef6709af2f" },
    frameworks = { ["cis-docker"] = "4.1" },
    cwe = { 250 },
    description = "Without USER the processes run as the user of the base image, which nearly always is root.",
    remediation = "Add USER with an unprivileged user to the last stage.",
    check = function(r)
      if r.final ~= nil and last_user(r) == nil then
        local stage = r.stages[r.final + 1]
        if stage.image.scratch then
          fail(stage.from, "the image sets no user: its processes run as root")
        else
          fail(stage.from, "the image sets no user")
        end
      end
    end,
  },
  {
    id = "docker-user-root",
    title = "The last user of the image is not root",
    severity = "HIGH",
    applies_to = "dockerfile",
    aliases = { "DL3002", "CKV_DOCKER_8", "DS-0002", "kics:67fd0c4a-68cf-46d7-8c41-bc9fba7e40ae" },
    frameworks = { ["cis-docker"] = "4.1" },
    cwe = { 250 },
    description = "Who breaks out of a process that runs as root owns the container, and with a hole in the kernel the host.",
    remediation = "Switch to an unprivileged user after the steps that need root.",
    check = function(r)
      if r.final == nil then
        not_applicable("no stage")
      end
      local user = last_user(r)
      if user == nil then
        not_applicable("no USER")
      elseif ROOT[user.user:lower()] then
        fail(user, "the image runs as " .. user.user)
      end
    end,
  },
  {
    id = "docker-sudo",
    title = "RUN does not use sudo",
    severity = "MEDIUM",
    applies_to = "dockerfile:RUN",
    aliases = { "DL3004", "CKV2_DOCKER_1", "DS-0010", "kics:8ada6e80-0ade-439e-b176-0b28f6bce35a" },
    cwe = { 250 },
    description = "sudo has its own environment and signal handling, and its configuration stays in the image as a way to root.",
    remediation = "Run the step as root before USER; switch users in a running container with gosu or su-exec.",
    check = function(r)
      for _, c in ipairs(docker.named(r, docker.set("sudo"))) do
        fail(c, "RUN uses sudo")
      end
    end,
  },
  {
    id = "docker-copy-chown",
    title = "Programs in the image belong to root",
    severity = "LOW",
    applies_to = { "dockerfile:COPY", "dockerfile:ADD" },
    aliases = { "kics:aa93e17f-b6db-4162-9334-c70334e7ac28" },
    default = false,
    cwe = { 732 },
    description = "A process that owns its program can replace it. To be run, a file has to be readable, not owned.",
    remediation = "Copy without --chown, and give ownership only of what is written at run time.",
    check = function(r)
      if has(r, "flags.chown") and not is_unknown(r, "flags.chown") then
        local owner = r.chown:split(":")[1]
        if not ROOT[owner] then
          fail(r, "flags.chown", "the files belong to " .. owner)
        end
      end
    end,
  },
  {
    id = "docker-chpasswd",
    title = "No passwords are set in the image",
    severity = "HIGH",
    applies_to = "dockerfile:RUN",
    aliases = { "CKV2_DOCKER_17" },
    cwe = { 259 },
    description = "A password that is set during the build is in the history of the image and the same in every container.",
    remediation = "Leave accounts locked; authenticate with keys or tokens that are mounted at run time.",
    check = function(r)
      for _, c in ipairs(docker.named(r, docker.set("chpasswd"))) do
        fail(c, "RUN sets passwords with chpasswd")
      end
    end,
  },
}
