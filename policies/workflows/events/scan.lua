-- What is looked at, and what follows from a look.
return {
  {
    id = "scan-forks-nightly",
    title = "What strangers propose is scanned at night",
    description = "Pull requests from forks wait until `at` (UTC), so that they take no time from "
      .. "others. Give it to a rule with forks: only and scan: false.",
    on = "pull_request",
    params = { at = "02:00" },
    when = function(event)
      return event.is_fork == true and event.status == "open"
    end,
    run = function(event, params)
      scan { at = params.at, priority = 1, base = event.base_sha or event.pr_target_branch }
    end,
  },
  {
    id = "comment-infrastructure",
    title = "A pull request that makes infrastructure weaker is answered",
    description = "One comment, which is kept up to date, with the new findings in Terraform, "
      .. "Kubernetes, Dockerfiles and the like.",
    on = "scan",
    params = { most = 20 },
    when = function(event)
      if event.pr_number == nil then
        return false
      end
      for _, f in ipairs(event.scan.findings) do
        if f.vulnerability_type == "IAC" then
          return true
        end
      end
      return false
    end,
    run = function(event, params)
      local text, n = "", 0
      for _, f in ipairs(event.scan.findings) do
        if f.vulnerability_type == "IAC" then
          n = n + 1
          if n <= params.most then
            text = text .. "- **" .. f.severity .. "** " .. f.title .. " in `" .. f.file_path .. ":"
              .. tostring(f.line_number) .. "`\n"
          end
        end
      end
      if n > params.most then
        text = text .. "- and " .. tostring(n - params.most) .. " more\n"
      end
      comment {
        text = "### Infrastructure: " .. tostring(n) .. " new finding" .. (n == 1 and "" or "s")
          .. "\n\n" .. text .. "\nThe platform team looks at changes like these first.\n",
      }
    end,
  },
  {
    id = "redeploy-when-fixed",
    title = "What is fixed on the main branch is deployed",
    description = "When a scan of one of `branches` passed its gate and found that findings are "
      .. "gone, the pipeline `workflow` is started at the platform.",
    on = "scan",
    params = { branches = { "main", "master" }, workflow = "deploy.yml" },
    when = function(event, params)
      if event.pr_number ~= nil or event.integration == nil then
        return false
      end
      for _, b in ipairs(params.branches) do
        if b == event.branch then
          return event.scan.gate.result == "passed" and event.scan.resolved > 0
        end
      end
      return false
    end,
    run = function(event, params)
      trigger {
        workflow = params.workflow,
        ref = event.branch,
        inputs = { reason = tostring(event.scan.resolved) .. " findings resolved" },
      }
    end,
  },
}
