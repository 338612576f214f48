-- What a service may use up, and how it is kept running.

return {
  {
    id = "compose-memory-limit",
    title = "The memory of services is limited",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:bb9ac4f7-e13b-423d-a010-c74a1bfbe492" },
    frameworks = { ["cis-docker"] = "5.10" },
    cwe = { 770 },
    description = "One container without a limit can take the memory of all others.",
    remediation = "Set deploy.resources.limits.memory, or mem_limit.",
    check = function(s)
      if not has(s, "mem_limit") and not has(s, "deploy.resources.limits.memory") then
        fail(s, "deploy.resources.limits.memory", "memory is not limited")
      end
    end,
  },
  {
    id = "compose-cpu-limit",
    title = "The processor time of services is limited",
    severity = "LOW",
    applies_to = "compose:service",
    aliases = { "kics:6b610c50-99fb-4ef0-a5f3-e312fd945bc3" },
    frameworks = { ["cis-docker"] = "5.11" },
    cwe = { 770 },
    description = "One container without a limit can slow all others down.",
    remediation = "Set deploy.resources.limits.cpus, or cpus.",
    check = function(s)
      if not has(s, "cpus") and not has(s, "cpu_quota") and
          not has(s, "deploy.resources.limits.cpus") then
        fail(s, "deploy.resources.limits.cpus", "processor time is not limited")
      end
    end,
  },
  {
    id = "compose-pids-limit",
    title = "The number of processes of services is limited",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:221e0658-cb2a-44e3-b08a-db96a341d6fa" },
    frameworks = { ["cis-docker"] = "5.28" },
    cwe = { 770 },
    description = "A fork bomb in one container stops the host.",
    remediation = "Set pids_limit to a positive number.",
    check = function(s)
      local limit = s.pids_limit or s.deploy.resources.limits.pids
      if limit == nil then
        fail(s, "pids_limit", "the number of processes is not limited")
      elseif (tonumber(limit) or 0) <= 0 then
        fail(s, "pids_limit", "the limit of processes is switched off")
      end
    end,
  },
  {
    id = "compose-restart-attempts",
    title = "A service that fails is restarted five times at most",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:2fc99041-ddad-49d5-853f-e35e70a48391" },
    frameworks = { ["cis-docker"] = "5.14" },
    cwe = { 770 },
    description = "Endless restarts hide a failure and keep the host busy.",
    remediation = "Set `restart: on-failure:5`, and deploy.restart_policy.max_attempts to 5.",
    check = function(s)
      local restart = s.restart
      if type(restart) == "string" and restart:startswith("on-failure") and restart ~= "on-failure:5" then
        fail(s, "restart", "restart is " .. restart, { set = "on-failure:5" })
      end
      local policy = s.deploy.restart_policy
      if policy ~= nil and (policy.condition == nil or policy.condition == "on-failure") then
        if policy.max_attempts == nil then
          fail(s, "deploy.restart_policy.max_attempts", "the number of restarts is not limited", { set = 5 })
        elseif policy.max_attempts ~= 5 then
          fail(s, "deploy.restart_policy.max_attempts", "max_attempts is not 5", { set = 5 })
        end
      end
    end,
  },
  {
    id = "compose-healthcheck",
    title = "Services are checked for health",
    severity = "MEDIUM",
    applies_to = "compose:service",
    aliases = { "kics:698ed579-b239-4f8f-a388-baa4bcb13ef8" },
    frameworks = { ["cis-docker"] = "5.26" },
    cwe = { 693 },
    description = "Without a check a container that hangs counts as running.",
    remediation = "Define healthcheck.test.",
    check = function(s)
      local h = s.healthcheck
      if h == nil then
        fail(s, "healthcheck", "there is no health check")
      elseif h.disable == true then
        fail(s, "healthcheck.disable", "the health check is switched off", { remove = true })
      elseif h.test == "NONE" or (type(h.test) == "table" and h.test[1] == "NONE") then
        fail(s, "healthcheck.test", "the health check is switched off")
      end
    end,
  },
}
